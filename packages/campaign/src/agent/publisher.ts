import type { Clock } from 'etherconn';
import { GoneError, type Hub, NoAnswerError } from '../hub/hub.ts';
import type { Entry, Outbox } from '../results/outbox.ts';

/** Milliseconds after which what the coordinator has not acknowledged is sent again. */
const RESEND = 10_000;
/** How many of those are sent again, the oldest ones: acknowledgments are of all up to one. */
const RESEND_MAX = 100;

/** Sends what the outboxes hold to the stream: again when it is not acknowledged, and all of it when the store is new. */
export class Publisher {
  readonly #hub: Hub;
  readonly #clock: Clock;
  readonly #agent: string;
  readonly #onTrouble: (error: Error) => void;
  readonly #outboxes: Map<string, Outbox> = new Map();
  readonly #sentAt = new Map<string, number>();
  #generation = '';
  #sending: Promise<void> | null = null;
  /** Messages sent more than once. */
  resent = 0;
  /** Messages that became part of another one before anybody had acknowledged them. */
  merged = 0;

  /** @param onTrouble gets unexpected errors of the server; the message is sent again */
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

  /** Sends to the stream of this generation from now on. The stream has nothing yet. */
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
    for (const entry of outbox.pending) {
      if (entry.seq > upTo) break;
      this.#sentAt.delete(nameOf(incarnation, entry));
    }
    outbox.acknowledge(upTo);
  }

  /** Whether the coordinator has counted all. */
  get settled(): boolean {
    return this.outboxes.every(({ settled }) => settled);
  }

  /** Sends what is due. What fails is due again with the next call. */
  send(): Promise<void> {
    if (this.#generation === '') return Promise.resolve();
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null;
    });
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    try {
      for (const [incarnation, outbox] of this.#outboxes) {
        for (const [i, entry] of outbox.pending.entries())
          await this.#sendOne(incarnation, outbox, entry, i < RESEND_MAX);
        await this.#compact(outbox);
      }
    } catch (error) {
      if (!(error instanceof NoAnswerError || error instanceof GoneError)) this.#onTrouble(error as Error);
      // The bound on the disk holds although nobody takes the messages.
      for (const outbox of this.#outboxes.values()) await this.#compact(outbox);
    }
  }

  async #compact(outbox: Outbox): Promise<void> {
    const before = outbox.merged;
    try {
      await outbox.compact();
    } catch (error) {
      this.#onTrouble(error as Error);
    }
    const merged = outbox.merged - before;
    if (merged === 0) return;
    this.merged += merged;
    // The names are those of messages that no longer exist.
    this.#sentAt.clear();
    this.#onTrouble(
      new Error(
        `nobody has acknowledged ${merged} messages; they have become one, and when each was is lost`,
      ),
    );
  }

  async #sendOne(incarnation: string, outbox: Outbox, entry: Entry, again: boolean): Promise<void> {
    const key = nameOf(incarnation, entry);
    const now = this.#clock.now();
    const sentAt = this.#sentAt.get(key);
    if (sentAt !== undefined && (!again || now - sentAt < RESEND)) return;
    // Others were sent meanwhile, and it may be acknowledged by now.
    if (entry.seq <= outbox.acknowledged) return;
    if (sentAt !== undefined) this.resent++;
    // The server drops what comes with the same name soon after; what was resent for good reason has another one.
    const generation = this.#generation;
    await this.#hub.publishResult(generation, this.#agent, `${key}.${sentAt ?? 0}`, outbox.read(entry));
    if (generation === this.#generation) this.#sentAt.set(key, now);
  }

  async close(): Promise<void> {
    await this.#sending;
    await Promise.all(this.outboxes.map((outbox) => outbox.close()));
    this.#outboxes.clear();
  }
}

function nameOf(incarnation: string, { from, seq }: Entry): string {
  return `${incarnation}.${from}-${seq}`;
}
