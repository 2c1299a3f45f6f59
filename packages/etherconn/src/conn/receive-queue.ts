import type { Clock } from '../clock.ts';
import { type CallOptions, type DeadlineTime, PendingCalls } from '../pending.ts';

/** Counters of the receiving side of a conn. At any time, `enqueued = read + dropped + queued`. */
export interface ReceiveCounters {
  /** Packets accepted for this conn. */
  enqueued: number;
  /** Packets passed to the program, in any form. */
  read: number;
  /** Packets dropped because the queue was full (the oldest is dropped) or the conn was closed. */
  dropped: number;
  /** Packets waiting to be read. */
  queued: number;
}

/** Storage of all queues that hold nothing; never written to. */
const NOTHING: undefined[] = [];

/**
 * A bounded queue in front of readers that pull. When it is full the oldest packet is dropped and counted:
 * a reader that comes late wants the newest, and the event loop is never blocked.
 */
export class ReceiveQueue<T> {
  enqueued = 0;
  read = 0;
  dropped = 0;
  readonly #clock: Clock;
  readonly #depth: number;
  // Both are made on first use, so that an idle conn costs nothing.
  #waiting: PendingCalls<T> | null = null;
  /** Circular; grown up to the depth. */
  #items: (T | undefined)[] = NOTHING;
  #head = 0;
  #size = 0;
  #closed: Error | null = null;

  constructor(clock: Clock, depth: number) {
    this.#clock = clock;
    this.#depth = depth;
  }

  get size(): number {
    return this.#size;
  }

  setDeadline(time: DeadlineTime): void {
    this.#readers().setDeadline(time, 'read');
  }

  /** Packets accepted but lost, for the ledger. */
  countDropped(packets: number): void {
    this.enqueued += packets;
    this.dropped += packets;
  }

  push(item: T): void {
    this.enqueued++;
    if (this.#closed !== null) {
      this.dropped++;
      return;
    }
    const reader = this.#waiting?.peek();
    if (reader !== undefined) {
      this.read++;
      reader.resolve(item);
      return;
    }
    if (this.#size === this.#depth) {
      this.#take();
      this.dropped++;
    }
    if (this.#size === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#size) % this.#items.length] = item;
    this.#size++;
  }

  /** The oldest packet, or undefined when there is none. */
  tryShift(): T | undefined {
    if (this.#size === 0) return undefined;
    this.read++;
    return this.#take();
  }

  /** The oldest packet, at once or when one comes. */
  async shift(options: CallOptions): Promise<T> {
    if (this.#closed !== null) throw this.#closed;
    const readers = this.#readers();
    readers.check('read', options);
    const item = this.tryShift();
    if (item !== undefined) return item;
    return readers.add('read', options).promise;
  }

  /** Fails readers that wait and all later ones with `error` (the latest one given), and drops what is queued. */
  close(error: Error): void {
    this.#closed = error;
    this.dropped += this.#size;
    this.#items = NOTHING;
    this.#head = 0;
    this.#size = 0;
    this.#waiting?.rejectAll(error);
  }

  counters(): ReceiveCounters {
    return { enqueued: this.enqueued, read: this.read, dropped: this.dropped, queued: this.#size };
  }

  #readers(): PendingCalls<T> {
    this.#waiting ??= new PendingCalls<T>(this.#clock);
    return this.#waiting;
  }

  #take(): T {
    const item = this.#items[this.#head] as T;
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#items.length;
    this.#size--;
    return item;
  }

  #grow(): void {
    const ordered = this.#items.slice(this.#head).concat(this.#items.slice(0, this.#head));
    ordered.length = Math.min(this.#depth, Math.max(8, this.#size * 2));
    this.#items = ordered;
    this.#head = 0;
  }
}
