import { Delta } from '../metrics/delta.ts';
import type { Client } from '../runner/client.ts';

export interface PartClientOptions {
  readonly part: string;
  /** Milliseconds from the start of the run. Without an end the client ends by itself. */
  readonly begin: number;
  readonly end?: number | undefined;
  /** Whether its latencies are of one kind with those of all other parts: then they are in the total, too. */
  readonly sharesLatency: boolean;
  /** The run goes on until the end, if there is one, whatever the client wants. */
  readonly holds: boolean;
  /** Milliseconds from the start of the run at which it gets no more ticks. */
  readonly cutAt?: number | undefined;
}

/** A client of a part: it lives from the part's begin to its end, and what it counts goes to the part and to the total. */
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
    // Whoever is cut wants no tick then, but the run goes on until then.
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
