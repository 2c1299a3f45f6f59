import { type Clock, VirtualClock } from 'etherconn';

/**
 * Milliseconds since the Unix epoch at time 0 of a relay's clock. Two processes of one machine agree on it to a few
 * microseconds: Date.now() has whole milliseconds, so this waits for its next change.
 */
export function epochOf(clock: Clock): number {
  if (clock instanceof VirtualClock) return clock.wallTime() - clock.now();
  const before = Date.now();
  let wall = before;
  let now = clock.now();
  while (wall === before) {
    now = clock.now();
    wall = Date.now();
  }
  return wall - now;
}
