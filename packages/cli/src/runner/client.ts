import type { Delta } from '../metrics/delta.ts';

/**
 * Something that a runner runs: one simulated machine, or a stream of thousands of flows. All times are milliseconds from
 * the start of the run. A client has no timers: it says when it wants to be called next, and {@link Runner} calls it.
 */
export interface Client {
  /** Its ticks may be a millisecond late. For other clients the runner polls in each turn of the event loop before a tick. */
  readonly isPatient?: boolean;
  /** Begins, at time 0 or a little later. Returns the time of its first tick; Infinity for never. */
  start(now: number): number;
  /** Does what is due. Returns the time of its next tick: up to `now` for as soon as possible, Infinity for never. */
  tick(now: number): number;
  /** Adds what it has counted since the last call to `into`. Called once a second, and once after {@link stop}. */
  counters(into: Delta): void;
  /** Releases everything. Called once, whether the client has been started or not. */
  stop(): Promise<void> | void;
}
