import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import type { BlockList } from 'node:net';
import { Batch, type Replier } from '../conn/batch.ts';
import { messages } from '../conn/message-slab.ts';
import { type BatchStore, Field } from '../relay/batch-store.ts';
import { rethrowLater } from '../rethrow.ts';
import { runTicks } from '../ticks.ts';
import { HeldMessages } from './held-messages.ts';
import { type MessageInfo, messageInfo, receivedMessageInfo } from './message-info.ts';

/** One cursor serves all sockets of a thread: batches never nest. */
const cursor = new Batch();

/** How a receiver is set up. */
export interface ReceiverOptions {
  readonly version: 4 | 6;
  readonly receiveInfo: boolean;
  readonly blockList: BlockList | undefined;
  /** Goes behind link-local addresses. */
  readonly zone: string;
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
  /** Messages over what is held where Node cannot run ticks between messages and each has a turn of its own; else 0. */
  droppedHeld: number;
}

/**
 * The receiving side of a socket: rows of a batch become messages, or are handed to the batch callback as they are.
 *
 * As with Node's sockets, ticks and microtasks run behind each message, also when nobody awaits anything: so a listener
 * that answers from a promise has answered before the next message comes. The batch callback is for who wants none of it.
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
  readonly #version: 4 | 6;
  readonly #receiveInfo: boolean;
  readonly #blockList: BlockList | undefined;
  readonly #zone: string;
  /** Named as that of Node's sockets, for tools that tell asynchronous resources by type. */
  readonly #resource = new AsyncResource('UDPWRAP');
  #onBatch: ((batch: Batch) => void) | null = null;
  /** Only where ticks cannot be had run. */
  readonly #held: HeldMessages | null;

  constructor(socket: EventEmitter, replier: Replier, options: ReceiverOptions) {
    this.#socket = socket;
    this.#replier = replier;
    this.#version = options.version;
    this.#receiveInfo = options.receiveInfo;
    this.#blockList = options.blockList;
    this.#zone = options.zone;
    this.#held = runTicks === null ? new HeldMessages((message, info) => this.#emit(message, info)) : null;
  }

  onBatch(callback: ((batch: Batch) => void) | null): void {
    this.#onBatch = callback;
  }

  batchEnd(store: BatchStore, head: number, count: number): void {
    if (!this.receiving) this.counters.droppedClosed += count;
    else if (this.#onBatch !== null) this.#runBatch(store, head, count, this.#onBatch);
    else this.#emitAll(store, head, count);
  }

  /** Receives no more; what is held is dropped. */
  close(): void {
    this.receiving = false;
    if (this.#held !== null) {
      this.counters.droppedClosed += this.#held.count;
      this.#held.clear();
    }
    this.#resource.emitDestroy();
  }

  #runBatch(store: BatchStore, head: number, count: number, callback: (batch: Batch) => void): void {
    this.counters.received += count;
    try {
      this.#resource.runInAsyncScope(cursor.run, cursor, store, head, count, this.#replier, callback);
    } catch (error) {
      rethrowLater(error);
    }
  }

  #emitAll(store: BatchStore, head: number, count: number): void {
    let left = count;
    for (let at = head; at >= 0; at = store.words[at + Field.NEXT]) {
      // Closed, or the relay was and its memory is gone: from a listener, or from what has run behind it.
      if (!this.receiving || store.memory!.u8.length === 0) {
        this.counters.droppedClosed += left;
        return;
      }
      left--;
      this.#take(store, at);
    }
  }

  #take(store: BatchStore, at: number): void {
    if (!this.#isHeard() && (this.#held === null || this.#held.count === 0)) {
      this.counters.droppedNoListener++;
      return;
    }
    const version = this.#version;
    const info = this.#receiveInfo
      ? receivedMessageInfo(store, at, version, this.#zone)
      : messageInfo(store, at, version, this.#zone);
    if (this.#blockList?.check(info.address, version === 4 ? 'ipv4' : 'ipv6')) {
      this.counters.droppedBlocked++;
      return;
    }
    const { words } = store;
    const message = messages.copy(store.memory!, words[at + Field.PAYLOAD], words[at + Field.PAYLOAD_END]);
    if (runTicks !== null) {
      this.#emit(message, info);
      runTicks();
    } else if (!this.#held!.hold(message, info)) {
      this.counters.droppedHeld++;
    }
  }

  /** Whether a message would come to anybody. Who replaces `emit` hears all. */
  #isHeard(): boolean {
    const socket = this.#socket;
    return socket.listenerCount('message') > 0 || socket.emit !== EventEmitter.prototype.emit;
  }

  #emit(message: Buffer, info: MessageInfo): void {
    if (this.#socket.listenerCount('message') > 0) this.counters.received++;
    else this.counters.droppedNoListener++;
    try {
      this.#resource.runInAsyncScope(this.#socket.emit, this.#socket, 'message', message, info);
    } catch (error) {
      // A listener that throws must not cost the messages behind its own.
      rethrowLater(error);
    }
  }
}
