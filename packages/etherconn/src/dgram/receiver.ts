import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import type { BlockList } from 'node:net';
import { Batch, type Replier } from '../conn/batch.ts';
import { type BatchStore, Field } from '../relay/batch-store.ts';
import { FrameList } from '../relay/frame-receiver.ts';
import { rethrowLater } from '../rethrow.ts';
import type { FrameRecord } from '../wire/record.ts';
import type { AddressTextCache } from './address-text-cache.ts';
import { type MessageInfo, messageInfo, receivedMessageInfo } from './message-info.ts';
import { messages } from './slab.ts';

/** One cursor serves all sockets of a thread: batches never nest. */
const cursor = new Batch();

/** Bytes that may wait for a listener that went away and comes back within the tick, as of a kernel's socket. */
const HELD_LIMIT = 212_992;

/** How a receiver is set up. */
export interface ReceiverOptions {
  readonly version: 4 | 6;
  readonly receiveInfo: boolean;
  readonly blockList: BlockList | undefined;
  readonly texts: AddressTextCache;
}

/** What came in at a socket. */
export interface ReceiveCounters {
  /** Messages given to a listener or to the batch callback. */
  received: number;
  /** Messages that nobody listened for. */
  droppedNoListener: number;
  /** Messages of senders on the receive block list. */
  droppedBlocked: number;
  /** Messages that came while the socket was not receiving, or was closed before their turn. */
  droppedClosed: number;
  /** Messages over what is held for a listener that went away. */
  droppedHeld: number;
}

/**
 * The receiving side of a socket: rows of a batch become messages, or are handed to the batch callback as they are.
 * All of a batch is emitted in one go; only when a listener leaves meanwhile (`await once(socket, 'message')`) does
 * the rest wait until its promises have been settled, for then, with Node, it would still be in the kernel.
 */
export class Receiver {
  readonly counters: ReceiveCounters = {
    received: 0,
    droppedNoListener: 0,
    droppedBlocked: 0,
    droppedClosed: 0,
    droppedHeld: 0,
  };
  receiving = false;
  readonly #socket: EventEmitter;
  readonly #replier: Replier;
  readonly #options: ReceiverOptions;
  readonly #list = new FrameList();
  readonly #resource = new AsyncResource('ETHERCONNUDP');
  #onBatch: ((batch: Batch) => void) | null = null;
  /** Messages that wait for a listener to come back: message, info, message … */
  #held: (Buffer | MessageInfo)[] = [];
  #heldBytes = 0;

  constructor(socket: EventEmitter, replier: Replier, options: ReceiverOptions) {
    this.#socket = socket;
    this.#replier = replier;
    this.#options = options;
  }

  onBatch(callback: ((batch: Batch) => void) | null): void {
    this.#onBatch = callback;
  }

  frame(store: BatchStore, record: FrameRecord, flags: number): void {
    if (!this.receiving) {
      this.counters.droppedClosed++;
      return;
    }
    const at = store.append(record, record.payload, record.payloadEnd, flags);
    const list = this.#list;
    if (list.tail < 0) list.head = at;
    else store.words[list.tail + Field.NEXT] = at;
    list.tail = at;
    list.count++;
  }

  batchEnd(store: BatchStore): void {
    const list = this.#list;
    const { head, count } = list;
    if (count === 0) return;
    list.reset();
    this.#resource.runInAsyncScope(this.#deliver, this, store, head, count);
  }

  /** Receives no more; what is held is dropped. */
  close(): void {
    this.receiving = false;
    this.#list.reset();
    this.counters.droppedClosed += this.#held.length / 2;
    this.#held = [];
    this.#heldBytes = 0;
  }

  #deliver(store: BatchStore, head: number, count: number): void {
    if (!this.receiving) {
      this.counters.droppedClosed += count;
      return;
    }
    if (this.#onBatch !== null) {
      this.counters.received += count;
      try {
        cursor.run(store, head, count, this.#replier, this.#onBatch);
      } catch (error) {
        rethrowLater(error);
      }
      return;
    }
    const socket = this.#socket;
    const listeners = socket.listenerCount('message');
    if (listeners === 0 && this.#held.length === 0 && socket.emit === EventEmitter.prototype.emit) {
      this.counters.droppedNoListener += count;
      return;
    }
    let left = count;
    for (let at = head; at >= 0; at = store.words[at + Field.NEXT]) {
      if (!this.receiving) {
        this.counters.droppedClosed += left;
        return;
      }
      left--;
      this.#take(store, at, listeners);
    }
  }

  #take(store: BatchStore, at: number, listeners: number): void {
    const { words } = store;
    const memory = store.memory!;
    // The relay has been closed from a listener: its memory is gone.
    if (memory.u8.length === 0) {
      this.counters.droppedClosed++;
      return;
    }
    const { blockList, receiveInfo, texts, version } = this.#options;
    const make = receiveInfo ? receivedMessageInfo : messageInfo;
    const info = make(store, at, texts, version);
    if (blockList?.check(info.address, version === 4 ? 'ipv4' : 'ipv6')) {
      this.counters.droppedBlocked++;
      return;
    }
    const message = messages.copy(memory, words[at + Field.PAYLOAD], words[at + Field.PAYLOAD_END]);
    if (this.#held.length > 0) this.#hold(message, info);
    else if (this.#socket.listenerCount('message') >= listeners) this.#emit(message, info);
    else {
      this.#hold(message, info);
      this.#releaseLater();
    }
  }

  #hold(message: Buffer, info: MessageInfo): void {
    if (this.#heldBytes + message.length > HELD_LIMIT) {
      this.counters.droppedHeld++;
      return;
    }
    this.#heldBytes += message.length + 128;
    this.#held.push(message, info);
  }

  /** After all microtasks, and then a tick: a listener that is added when a promise settles is there by then. */
  #releaseLater(): void {
    queueMicrotask(() => process.nextTick(this.#release));
  }

  readonly #release = (): void => {
    this.#resource.runInAsyncScope(this.#releaseHeld, this);
  };

  #releaseHeld(): void {
    const socket = this.#socket;
    const listeners = socket.listenerCount('message');
    while (this.#held.length > 0) {
      if (socket.listenerCount('message') < listeners) {
        this.#releaseLater();
        return;
      }
      const message = this.#held.shift() as Buffer;
      const info = this.#held.shift() as MessageInfo;
      this.#heldBytes -= message.length + 128;
      this.#emit(message, info);
    }
  }

  #emit(message: Buffer, info: MessageInfo): void {
    if (this.#socket.listenerCount('message') > 0) this.counters.received++;
    else this.counters.droppedNoListener++;
    try {
      this.#socket.emit('message', message, info);
    } catch (error) {
      // A listener that throws must not cost the messages behind its own.
      rethrowLater(error);
    }
  }
}
