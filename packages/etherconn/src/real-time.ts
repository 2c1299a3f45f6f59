import { performance } from 'node:perf_hooks';
import process from 'node:process';
import * as timers from 'node:timers';

/*
 * Real time and the turns of the event loop, taken once, when this module is loaded. Test suites put fakes in the place
 * of these functions (sinon, node:test, vitest, jest), and do not mean the network by it: Node's own sockets go on, and
 * so must ours. All of src/ takes them from here; a lint rule forbids the globals. Imports of 'node:timers' are live
 * bindings, so they would show a later fake, too: hence the copies.
 */

export const setImmediate: typeof timers.setImmediate = timers.setImmediate;
export const clearImmediate: typeof timers.clearImmediate = timers.clearImmediate;
export const setTimeout: typeof timers.setTimeout = timers.setTimeout;
export const clearTimeout: typeof timers.clearTimeout = timers.clearTimeout;
export const setInterval: typeof timers.setInterval = timers.setInterval;
export const clearInterval: typeof timers.clearInterval = timers.clearInterval;

export const nextTick: typeof process.nextTick = process.nextTick;
export const queueMicrotask: typeof globalThis.queueMicrotask = globalThis.queueMicrotask;

/** Milliseconds (with a fraction) since the process began; never runs backwards. */
export const monotonicNow: () => number = performance.now.bind(performance);
/** Nanoseconds since some fixed point. */
export const monotonicNanoseconds: () => bigint = process.hrtime.bigint;
/** Milliseconds since the Unix epoch when the process began, to the microsecond. */
export const timeOrigin: number = performance.timeOrigin;
/** Milliseconds since the Unix epoch. */
export const wallNow: () => number = Date.now;

/** What the program takes for it: where Date is a fake, that. */
export function programNow(): number {
  return Date.now();
}

/** Resolves after that many milliseconds. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
