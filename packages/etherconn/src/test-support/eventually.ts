import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT = 10_000;
const INTERVAL = 5;

/** Waits until a condition holds; throws `what` when it still does not after 10 s. */
export async function eventually(what: string, condition: () => boolean): Promise<void> {
  const end = performance.now() + LIMIT;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`still not so after ${LIMIT / 1000} s: ${what}`);
    await sleep(INTERVAL);
  }
}
