import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import type { BlockList } from 'node:net';
import { types } from 'node:util';
import { Batch, type Replier } from '../conn/batch.ts';
import { messages } from '../conn/message-slab.ts';
import { setImmediate } from '../real-time.ts';
import { type BatchStore, Field } from '../relay/batch-store.ts';
import { FrameList } from '../relay/frame-receiver.ts';
import { rethrowLater } from '../rethrow.ts';
import type { FrameRecord } from '../wire/record.ts';
import type { AddressTextCache } from './address-text-cache.ts';
import { type MessageInfo, messageInfo, receivedMessageInfo } from './message-info.ts';

/** One cursor serves all sockets of a thread: batches never nest. */
const cursor = new Batch();

/** Bytes (and 128 for each message) that may wait for their turn of the event loop; a batch fits in many times. */
const HELD_LIMIT = 64 * 1024 * 1024;
const OVERHEAD = 128;

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
  /** Messages over what is held for listeners that want each in a turn of its own. */
  droppedHeld: number;
}

/**
 * The receiving side of a socket: rows of a batch become messages, or are handed to the batch callback as they are.
 *
 * With Node's sockets the ticks and microtasks of one message's listeners run before the next message is emitted.
 * Who would notice gets that: when a listener is an async function, or leaves meanwhile (`await once(socket,
 * 'message')`), each further message of the batch has an immediate of its own, for Node empties both queues between
 * immediates. All else is emitted in one go, for immediates are not free.
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
  /** Named as that of Node's sockets, for tools that tell asynchronous resources by type. */
  readonly #resource = new AsyncResource('UDPWRAP');
  #onBatch: ((batch: Batch) => void) | null = null;
  /** Messages that wait for their immediates: message, info, message … */
  #held: (Buffer | MessageInfo)[] = [];
  #firstHeld = 0;
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
    this.counters.droppedClosed += this.#heldCount;
    this.#forgetHeld();
    this.#resource.emitDestroy();
  }

  get #heldCount(): number {
    return (this.#held.length - this.#firstHeld) / 2;
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
    if (listeners === 0 && this.#heldCount === 0 && socket.emit === EventEmitter.prototype.emit) {
      this.counters.droppedNoListener += count;
      return;
    }
    // How many listeners there must still be for the next message to be emitted in this go: never so many.
    const atLeast = count > 1 && hasAsyncListener(socket) ? Number.POSITIVE_INFINITY : listeners;
    let left = count;
    for (let at = head; at >= 0; at = store.words[at + Field.NEXT]) {
      if (!this.receiving) {
        this.counters.droppedClosed += left;
        return;
      }
      this.#take(store, at, left === count ? 0 : atLeast);
      left--;
    }
  }

  #take(store: BatchStore, at: number, atLeast: number): void {
    const { words } = store;
    const memory = store.memory!;
    // The relay has been closed from a listener: its memory is gone.
    if (memory.u8.length === 0) {
      this.counters.droppedClosed++;
      return;
    }
    const { blockList, receiveInfo, texts, version } = this.#options;
    const info = receiveInfo
      ? receivedMessageInfo(store, at, texts, version)
      : messageInfo(store, at, texts, version);
    if (blockList?.check(info.address, version === 4 ? 'ipv4' : 'ipv6')) {
      this.counters.droppedBlocked++;
      return;
    }
    const message = messages.copy(memory, words[at + Field.PAYLOAD], words[at + Field.PAYLOAD_END]);
    const listeners = this.#socket.listenerCount('message');
    if (listeners >= atLeast && this.#heldCount === 0) this.#emit(message, info, listeners);
    else this.#hold(message, info);
  }

  #hold(message: Buffer, info: MessageInfo): void {
    const bytes = message.length + OVERHEAD;
    if (this.#heldBytes + bytes > HELD_LIMIT) {
      this.counters.droppedHeld++;
      return;
    }
    this.#heldBytes += bytes;
    this.#held.push(message, info);
    setImmediate(this.#release);
  }

  readonly #release = (): void => {
    if (this.#heldCount === 0) return;
    const message = this.#held[this.#firstHeld] as Buffer;
    const info = this.#held[this.#firstHeld + 1] as MessageInfo;
    this.#firstHeld += 2;
    this.#heldBytes -= message.length + OVERHEAD;
    if (this.#heldCount === 0) this.#forgetHeld();
    this.#resource.runInAsyncScope(this.#emit, this, message, info, this.#socket.listenerCount('message'));
  };

  #forgetHeld(): void {
    this.#held = [];
    this.#firstHeld = 0;
    this.#heldBytes = 0;
  }

  #emit(message: Buffer, info: MessageInfo, listeners: number): void {
    if (listeners > 0) this.counters.received++;
    else this.counters.droppedNoListener++;
    try {
      this.#socket.emit('message', message, info);
    } catch (error) {
      // A listener that throws must not cost the messages behind its own.
      rethrowLater(error);
    }
  }
}

function hasAsyncListener(socket: EventEmitter): boolean {
  return socket.listeners('message').some(types.isAsyncFunction);
}
