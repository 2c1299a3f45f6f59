import { Delta } from '../metrics/delta.ts';
import type { Client } from '../runner/client.ts';

export interface PartClientOptions {
  readonly part: string;
  /** Milliseconds from the start of the run. Without an end the client ends by itself. */
  readonly begin: number;
  readonly end?: number | undefined;
  /** Whether its latencies are of the same kind as those of all other parts, and so also count in the total. */
  readonly sharesLatency: boolean;
  /** Whether the run continues until the end, if there is one, even if the client wants no ticks. */
  readonly holds: boolean;
  /** Milliseconds from the start of the run after which it gets no ticks. */
  readonly cutAt?: number | undefined;
}

/** A client of a part. It runs from the part's begin to its end, and counts for the part and for the total. */
export class PartClient implements Client {
  readonly isPatient: boolean;
  readonly #client: Client;
  readonly #options: PartClientOptions;
  #started = false;

  constructor(client: Client, options: PartClientOptions) {
    this.isPatient = client.isPatient === true;
    this.#client = client;
    this.#options = options;
  }

  start(now: number): number {
    const { begin } = this.#options;
    return now >= begin ? this.tick(now) : begin;
  }

  tick(now: number): number {
    const { begin, end = Number.POSITIVE_INFINITY, holds, cutAt = Number.POSITIVE_INFINITY } = this.#options;
    if (now >= cutAt) return Number.POSITIVE_INFINITY;
    const own = now - begin;
    const next = this.#started ? this.#client.tick(own) : this.#client.start(own);
    this.#started = true;
    // A client that is cut off needs no tick at that time, but the run must last until then.
    if (!holds) return next === Number.POSITIVE_INFINITY ? next : Math.min(begin + next, cutAt);
    return now >= end ? Number.POSITIVE_INFINITY : Math.min(begin + next, end);
  }

  counters(into: Delta): void {
    const { part, sharesLatency } = this.#options;
    const own = new Delta();
    this.#client.counters(own);
    into.mergePart(part, own);
    if (!sharesLatency) own.histograms.delete('latency');
    into.merge(own);
  }

  stop(): Promise<void> | void {
    return this.#client.stop();
  }
}
