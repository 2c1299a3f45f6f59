import type { Delta } from '../metrics/delta.ts';

/**
 * Something that a runner runs: one simulated machine, or a stream of thousands of flows. All times are milliseconds from
 * the start of the run. A client has no timers: it says when it wants to be called next, and {@link Runner} calls it.
 */
export interface Client {
  /** Its ticks may come a millisecond late: for others the runner looks in each turn of the event loop before one is due. */
  readonly isPatient?: boolean;
  /** Begins, at time 0 or a little later. Returns when it wants its first tick; Infinity for never. */
  start(now: number): number;
  /** Does what is due. Returns when it wants the next tick: not after `now` for as soon as possible, Infinity for never. */
  tick(now: number): number;
  /** Adds what has happened since the last call to `into`. Called once a second, and once after {@link stop}. */
  counters(into: Delta): void;
  /** Gives everything back. Called once, whether it has been started or not. */
  stop(): Promise<void> | void;
}
