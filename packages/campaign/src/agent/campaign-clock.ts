import { GoneError, NoAnswerError } from '../hub/hub.ts';
import { type Exchange, estimateOffset } from '../protocol/clock-offset.ts';
import { clockAnswerSchema } from '../protocol/messages.ts';
import { Signal } from '../protocol/names.ts';
import type { ClockOffset } from '../protocol/records.ts';
import type { AgentOptions } from './agent-options.ts';
import type { Incoming } from './incoming.ts';

/** A measurement takes at least so many exchanges, and more until the error is good, up to the maximum. */
const EXCHANGES = 8;
const EXCHANGES_MAX = 64;
/** Milliseconds of error that more exchanges are not worth. */
const GOOD_ERROR = 0.25;
/** Milliseconds after which a measurement is old. */
const INTERVAL = 120_000;

/** Compares this machine's clock with the coordinator's, and converts times from one to the other. */
export class CampaignClock {
  readonly #options: AgentOptions;
  readonly #incoming: Incoming;
  #offset: ClockOffset | null = null;
  #measuredAt = Number.NEGATIVE_INFINITY;

  constructor(options: AgentOptions, incoming: Incoming) {
    this.#options = options;
    this.#incoming = incoming;
  }

  /** Null until it is measured. */
  get offset(): ClockOffset | null {
    return this.#offset;
  }

  /** Whether it is time to measure. */
  get isOld(): boolean {
    return this.#options.clock.now() - this.#measuredAt > INTERVAL;
  }

  /** The next campaign may have another coordinator. */
  outdate(): void {
    this.#offset = null;
    this.#measuredAt = Number.NEGATIVE_INFINITY;
  }

  /** Asks the coordinator for its time. Returns whether there is a new measurement. */
  async measure(): Promise<boolean> {
    const { hub, clock, epoch, name } = this.#options;
    const exchanges: Exchange[] = [];
    for (let i = 0; i < EXCHANGES_MAX; i++) {
      if (i >= EXCHANGES && (estimateOffset(exchanges)?.error ?? 0) <= GOOD_ERROR) break;
      const asked = clock.now() + epoch;
      let answer: unknown;
      try {
        answer = await hub.request(Signal.clock(name), null);
      } catch (error) {
        // No coordinator is there to compare with.
        if (error instanceof NoAnswerError || error instanceof GoneError) break;
        throw error;
      }
      const answered = clock.now() + epoch;
      const times = this.#incoming.check(clockAnswerSchema, answer);
      if (times !== null) exchanges.push({ asked, ...times, answered });
    }
    const estimate = estimateOffset(exchanges);
    if (estimate === null) return false;
    this.#offset = estimate;
    this.#measuredAt = clock.now();
    return true;
  }

  /** The coordinator's time as time of this machine's monotonic clock. */
  toLocal(time: number): number {
    return time + (this.#offset?.offset ?? 0) - this.#options.epoch;
  }

  /** The reverse of `toLocal`. */
  toCampaign(local: number): number {
    return local - (this.#offset?.offset ?? 0) + this.#options.epoch;
  }
}
