import type { Clock } from '../clock.ts';
import type { BatchStore } from '../relay/batch-store.ts';
import { Field } from '../relay/batch-store.ts';
import type { FastPathReceiver } from '../relay/udp-fast-path.ts';
import { rethrowLater } from '../rethrow.ts';
import type { FrameRecord } from '../wire/record.ts';
import { Batch, type Replier } from './batch.ts';
import { type ReceiveCounters, ReceiveQueue } from './receive-queue.ts';

/** What an inbox needs of its conn. */
export interface InboxOwner<T> extends Replier {
  /** Copies the packet of a row out of the batch's memory. */
  makeItem(store: BatchStore, at: number): T;
  /** Whether somebody listens to 'message'. */
  hasListener(): boolean;
  emitItem(item: T): void;
}

/** One cursor serves all conns of a thread: batches never nest, for links deliver only from the event loop. */
const cursor = new Batch();

/**
 * Where a conn's packets arrive, and the three ways to take them out: a batch callback, events, or pulling
 * from a bounded queue. All three are fed from the same list at the end of a wake-up.
 */
export class Inbox<T> implements FastPathReceiver {
  readonly queue: ReceiveQueue<T>;
  closed = false;
  readonly #owner: InboxOwner<T>;
  // The packets of the batch under way: a linked list through the store's rows. Here and not in objects of their own,
  // since of many conns each has to be fetched into the processor's cache.
  #head = -1;
  #tail = -1;
  #count = 0;
  /** Packets handed over without being queued. */
  #direct = 0;
  #onBatch: ((batch: Batch) => void) | null = null;

  constructor(clock: Clock, depth: number, owner: InboxOwner<T>) {
    this.queue = new ReceiveQueue<T>(clock, depth);
    this.#owner = owner;
  }

  onBatch(callback: ((batch: Batch) => void) | null): void {
    this.#onBatch = callback;
  }

  /** Takes a frame of the batch under way in. */
  accept(store: BatchStore, record: FrameRecord, payload: number, payloadEnd: number, flags: number): void {
    const at = store.append(record, payload, payloadEnd, flags);
    if (this.#tail < 0) this.#head = at;
    else store.words[this.#tail + Field.NEXT] = at;
    this.#tail = at;
    this.#count++;
  }

  /** Takes the first rows of a batch in, which lie in the store already: a list from `head` to `tail`. */
  adopt(head: number, tail: number, count: number): void {
    this.#head = head;
    this.#tail = tail;
    this.#count = count;
  }

  batchEnd(store: BatchStore): void {
    let at = this.#head;
    let left = this.#count;
    if (left === 0) return;
    this.#forgetBatch();
    if (this.#onBatch !== null) {
      this.#direct += left;
      cursor.run(store, at, left, this.#owner, this.#onBatch);
      return;
    }
    for (; at >= 0 && !this.closed; at = store.words[at + Field.NEXT]) {
      left--;
      this.#hand(this.#owner.makeItem(store, at));
    }
    if (left > 0) this.queue.countDropped(left);
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
    this.closed = true;
    this.queue.countDropped(this.#count);
    this.#forgetBatch();
    this.queue.close(error);
  }

  /** The ledger of this conn's receiving side. */
  counters(): ReceiveCounters {
    const counters = this.queue.counters();
    counters.enqueued += this.#direct;
    counters.read += this.#direct;
    return counters;
  }

  #forgetBatch(): void {
    this.#head = -1;
    this.#tail = -1;
    this.#count = 0;
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
