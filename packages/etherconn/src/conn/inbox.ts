import type { Clock } from '../clock.ts';
import { requireFunction } from '../options.ts';
import { type BatchStore, type BatchTaker, Field } from '../relay/batch-store.ts';
import type { TakerLists } from '../relay/taker-lists.ts';
import { rethrowLater } from '../rethrow.ts';
import type { FrameRecord } from '../wire/record.ts';
import { Batch, type Replier } from './batch.ts';
import { type ReceiveCounters, ReceiveQueue } from './receive-queue.ts';

/** What an inbox needs of its conn. */
export interface InboxOwner<T> extends Replier {
  /** Copies the packet of a row out of the batch's memory. */
  makeItem(store: BatchStore, at: number): T;
  /** Whether 'message' has a listener. */
  hasListener(): boolean;
  emitItem(item: T): void;
}

/** Where an inbox is: a relay, or what stands in for one. */
interface InboxPlace {
  readonly clock: Clock;
  readonly lists: TakerLists<BatchTaker>;
}

/** One cursor serves all conns of a thread: batches never nest, for links deliver only from the event loop. */
const cursor = new Batch();

/**
 * Where a conn's packets arrive, and the three ways to take them out: a batch callback, events, or pulling
 * from a bounded queue. All three are fed from the same list at the end of a wake-up.
 */
export class Inbox<T> implements BatchTaker {
  readonly queue: ReceiveQueue<T>;
  closed = false;
  readonly #owner: InboxOwner<T>;
  /** Number of the list of its packets in the batch under way, see TakerLists. Its own until it is closed. */
  readonly list: number;
  readonly #lists: TakerLists<BatchTaker>;
  /** Packets handed over without being queued. */
  #direct = 0;
  #onBatch: ((batch: Batch) => void) | null = null;

  constructor({ clock, lists }: InboxPlace, depth: number, owner: InboxOwner<T>) {
    this.queue = new ReceiveQueue<T>(clock, depth);
    this.#owner = owner;
    this.#lists = lists;
    this.list = lists.add(this);
  }

  onBatch(callback: ((batch: Batch) => void) | null): void {
    if (callback !== null) requireFunction('callback', callback);
    this.#onBatch = callback;
  }

  /** Takes a frame of the batch under way in. */
  accept(store: BatchStore, record: FrameRecord, payload: number, payloadEnd: number, flags: number): void {
    store.note(this.list, store.append(record, payload, payloadEnd, flags));
  }

  batchEnd(store: BatchStore, head: number, count: number): void {
    if (this.#onBatch !== null) {
      this.#direct += count;
      cursor.run(store, head, count, this.#owner, this.#onBatch);
      return;
    }
    let left = count;
    for (let at = head; at >= 0 && !this.closed; at = store.words[at + Field.NEXT]) {
      left--;
      this.#hand(this.#owner.makeItem(store, at));
    }
    if (left > 0) this.queue.countDropped(left);
  }

  prefetch(): number {
    if (this.#onBatch !== null) return 0;
    return this.queue.size + (this.#owner.hasListener() ? 1 : 0);
  }

  /** Gives what is queued to a listener that has come late. */
  drainToListener(): void {
    while (!this.closed && this.#owner.hasListener()) {
      const item = this.queue.tryShift();
      if (item === undefined) return;
      this.#emit(item);
    }
  }

  /** Fails readers with `error` (the latest one given); frames of a batch under way are dropped and counted. */
  close(error: Error): void {
    if (!this.closed) this.queue.countDropped(this.#lists.remove(this.list));
    this.closed = true;
    this.queue.close(error);
  }

  /** The ledger of this conn's receiving side. */
  counters(): ReceiveCounters {
    const counters = this.queue.counters();
    counters.enqueued += this.#direct;
    counters.read += this.#direct;
    return counters;
  }

  #hand(item: T): void {
    if (!this.#owner.hasListener()) {
      this.queue.push(item);
      return;
    }
    // A listener that has come late is given what is older first.
    if (this.queue.size > 0) this.drainToListener();
    this.#direct++;
    this.#emit(item);
  }

  /** A listener that throws must not cost the packets behind its own: it is an uncaught exception a tick later. */
  #emit(item: T): void {
    try {
      this.#owner.emitItem(item);
    } catch (error) {
      rethrowLater(error);
    }
  }
}
