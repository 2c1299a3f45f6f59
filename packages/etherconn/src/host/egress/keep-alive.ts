import { clearInterval, setInterval } from '../../real-time.ts';

/** A little less than 2^31 ms, the longest timeout of Node's timers. */
const FOREVER = 0x7fffffff;

let holders = 0;
let timer: NodeJS.Timeout | null = null;

/**
 * Keeps the process alive. Sockets of hosts, and datagrams that wait for room, have no handle in the event loop. One
 * timer per thread stands in for all of them as long as one wants it. `change` is 1 for one more, -1 for one less.
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
