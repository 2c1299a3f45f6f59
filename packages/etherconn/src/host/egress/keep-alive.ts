import { clearInterval, setInterval } from '../../real-time.ts';

/** A little less than 2^31 ms, the longest that Node's timers take. */
const FOREVER = 0x7fffffff;

let holders = 0;
let timer: NodeJS.Timeout | null = null;

/**
 * Sockets of hosts, and their datagrams that wait for room, have no handle of the event loop that could keep the process
 * alive: one timer for all of them on this thread does, as long as there is one that wants it. `change` is 1 for one more, -1 for one less.
 */
export function keepAlive(change: 1 | -1): void {
  holders += change;
  if (holders > 0 && timer === null) {
    timer = setInterval(() => undefined, FOREVER);
  } else if (holders === 0 && timer !== null) {
    clearInterval(timer);
    timer = null;
  }
}
