import type { Clock } from 'etherconn';
import { GoneError, type Hub, NoAnswerError } from '../hub/hub.ts';
import type { ResultMessage } from '../protocol/records.ts';
import type { Outbox } from '../results/outbox.ts';

/** Milliseconds after which what the coordinator has not acknowledged is sent again. */
const RESEND = 10_000;

/** Brings what the outboxes hold to the stream: again when it is not acknowledged, all of it when the store is new. */
export class Publisher {
  readonly #hub: Hub;
  readonly #clock: Clock;
  readonly #agent: string;
  readonly #onTrouble: (error: Error) => void;
  readonly #outboxes: Map<string, Outbox> = new Map();
  readonly #sentAt = new Map<string, number>();
  #generation = '';
  #sending = false;
  /** Messages sent more than once. */
  resent = 0;

  /** @param onTrouble told what the server says that nobody expects; it is tried again */
  constructor(hub: Hub, clock: Clock, agent: string, onTrouble: (error: Error) => void) {
    this.#hub = hub;
    this.#clock = clock;
    this.#agent = agent;
    this.#onTrouble = onTrouble;
  }

  get outboxes(): readonly Outbox[] {
    return [...this.#outboxes.values()];
  }

  has(incarnation: string): boolean {
    return this.#outboxes.has(incarnation);
  }

  add(incarnation: string, outbox: Outbox): void {
    this.#outboxes.set(incarnation, outbox);
  }

  /** From now on into this generation's stream, which has nothing yet. */
  use(generation: string): void {
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.#sentAt.clear();
    for (const outbox of this.#outboxes.values()) outbox.forget();
  }

  acknowledge(incarnation: string, generation: string, upTo: number): void {
    if (generation !== this.#generation) return;
    const outbox = this.#outboxes.get(incarnation);
    if (outbox === undefined) return;
    for (const message of outbox.pending) if (message.seq <= upTo) this.#sentAt.delete(nameOf(message));
    outbox.acknowledge(upTo);
  }

  /** Whether the coordinator has counted all. */
  get settled(): boolean {
    return this.outboxes.every((outbox) => outbox.pending.length === 0);
  }

  /** Sends what is due. What fails is due again with the next call. */
  async send(): Promise<void> {
    if (this.#sending || this.#generation === '') return;
    this.#sending = true;
    try {
      for (const outbox of this.#outboxes.values()) {
        for (const message of outbox.pending) await this.#sendOne(message);
        await outbox.compact();
      }
    } catch (error) {
      if (!(error instanceof NoAnswerError || error instanceof GoneError)) this.#onTrouble(error as Error);
    } finally {
      this.#sending = false;
    }
  }

  async #sendOne(message: ResultMessage): Promise<void> {
    const key = nameOf(message);
    const now = this.#clock.now();
    const sentAt = this.#sentAt.get(key);
    if (sentAt !== undefined && now - sentAt < RESEND) return;
    if (sentAt !== undefined) this.resent++;
    // The server drops what comes with the same name soon after; what was resent for good reason has another one.
    const generation = this.#generation;
    await this.#hub.publishResult(generation, this.#agent, `${key}.${sentAt ?? 0}`, message);
    if (generation === this.#generation) this.#sentAt.set(key, now);
  }

  async close(): Promise<void> {
    await Promise.all(this.outboxes.map((outbox) => outbox.close()));
    this.#outboxes.clear();
  }
}

function nameOf({ incarnation, from, seq }: ResultMessage): string {
  return `${incarnation}.${from}-${seq}`;
}
