import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import type { BlockList } from 'node:net';
import { Batch, type Replier } from '../conn/batch.ts';
import { messages } from '../conn/message-slab.ts';
import { type BatchStore, type BatchTaker, Field } from '../relay/batch-store.ts';
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
 * that answers from a promise has answered before the next message comes. The batch callback does none of this.
 */
export abstract class Receiver implements BatchTaker, Replier, ReceiveCounters {
  // What is read for each message comes first, so that it lies together in memory.
  receiving = false;
  readonly version: 4 | 6;
  received = 0;
  protected readonly socket: EventEmitter;
  readonly #receiveInfo: boolean;
  readonly #blockList: BlockList | undefined;
  readonly #zone: string;
  /** Named as that of Node's sockets, for tools that tell asynchronous resources by type. */
  readonly #resource = new AsyncResource('UDPWRAP');
  #onBatch: ((batch: Batch) => void) | null = null;
  /** Only where ticks cannot be had run. */
  readonly #held: HeldMessages | null;
  droppedNoListener = 0;
  droppedBlocked = 0;
  droppedClosed = 0;
  droppedHeld = 0;

  constructor(socket: EventEmitter, options: ReceiverOptions) {
    this.socket = socket;
    this.version = options.version;
    this.#receiveInfo = options.receiveInfo;
    this.#blockList = options.blockList;
    this.#zone = options.zone;
    this.#held = runTicks === null ? new HeldMessages((message, info) => this.#emit(message, info)) : null;
  }

  onBatch(callback: ((batch: Batch) => void) | null): void {
    this.#onBatch = callback;
  }

  batchEnd(store: BatchStore, head: number, count: number): void {
    if (!this.receiving) this.droppedClosed += count;
    else if (this.#onBatch !== null) this.#runBatch(store, head, count, this.#onBatch);
    else this.#emitAll(store, head, count);
  }

  abstract reply(batch: Batch, payload: Uint8Array): number;

  missed(count: number): void {
    this.droppedClosed += count;
  }

  receiveCounters(): ReceiveCounters {
    const { received, droppedNoListener, droppedBlocked, droppedClosed, droppedHeld } = this;
    return { received, droppedNoListener, droppedBlocked, droppedClosed, droppedHeld };
  }

  /** Receives no more; what is held is dropped. */
  protected endReceiving(): void {
    this.receiving = false;
    if (this.#held !== null) {
      this.droppedClosed += this.#held.count;
      this.#held.clear();
    }
    this.#resource.emitDestroy();
  }

  #runBatch(store: BatchStore, head: number, count: number, callback: (batch: Batch) => void): void {
    this.received += count;
    try {
      this.#resource.runInAsyncScope(cursor.run, cursor, store, head, count, this, callback);
    } catch (error) {
      rethrowLater(error);
    }
  }

  #emitAll(store: BatchStore, head: number, count: number): void {
    let left = count;
    for (let at = head; at >= 0; at = store.words[at + Field.NEXT]) {
      // Closed, or the relay was and its memory is gone: from a listener, or from what has run behind it.
      if (!this.receiving || store.memory!.u8.length === 0) {
        this.droppedClosed += left;
        return;
      }
      left--;
      this.#take(store, at);
    }
  }

  #take(store: BatchStore, at: number): void {
    if (!this.#isHeard() && (this.#held === null || this.#held.count === 0)) {
      this.droppedNoListener++;
      return;
    }
    const version = this.version;
    const info = this.#receiveInfo
      ? receivedMessageInfo(store, at, version, this.#zone)
      : messageInfo(store, at, version, this.#zone);
    if (this.#blockList?.check(info.address, version === 4 ? 'ipv4' : 'ipv6')) {
      this.droppedBlocked++;
      return;
    }
    const { words } = store;
    const message = messages.copy(store.memory!, words[at + Field.PAYLOAD], words[at + Field.PAYLOAD_END]);
    if (runTicks !== null) {
      this.#emit(message, info);
      runTicks();
    } else if (!this.#held!.hold(message, info)) {
      this.droppedHeld++;
    }
  }

  prefetch(): number {
    if (this.#onBatch !== null) return 0;
    return this.socket.listenerCount('message') + this.#resource.asyncId();
  }

  /** Whether a message would come to anybody. Who replaces `emit` hears all. */
  #isHeard(): boolean {
    const socket = this.socket;
    return socket.listenerCount('message') > 0 || socket.emit !== EventEmitter.prototype.emit;
  }

  #emit(message: Buffer, info: MessageInfo): void {
    if (this.socket.listenerCount('message') > 0) this.received++;
    else this.droppedNoListener++;
    try {
      this.#resource.runInAsyncScope(this.socket.emit, this.socket, 'message', message, info);
    } catch (error) {
      // A listener that throws must not cost the messages behind its own.
      rethrowLater(error);
    }
  }
}
