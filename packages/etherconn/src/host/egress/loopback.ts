import { allocateFrameMemory, copyFrame } from '../../link/frame-memory.ts';
import { FrameFlag, type FrameMemory } from '../../link/link.ts';
import { setImmediate } from '../../real-time.ts';
import { BatchStore } from '../../relay/batch-store.ts';
import { batchBegins, batchDone } from '../../relay/batches.ts';
import type { Relay } from '../../relay/relay.ts';
import type { FrameSender } from '../../relay/transmit.ts';
import { parseFrame } from '../../wire/parse.ts';
import { FrameRecord } from '../../wire/record.ts';
import type { HostReceiver } from '../host-ethernet.ts';
import type { RoomListener } from '../neighbor/neighbor.ts';

/** Maximum number of frames and bytes in flight. Beyond that, writers wait and copies are dropped. */
const FRAMES_MAX = 1024;
const BYTES_MAX = 4 * 1024 * 1024;
const BYTES_FIRST = 16 * 1024;
/** Headers and the longest IP packet. */
const FRAME_MAX = 22 + 0xffff + 40;

/** Frames in flight and their receivers. Frames lie one behind the other, each 2 bytes past a word. */
class Pipe {
  memory: FrameMemory | null = null;
  receivers: HostReceiver[] = [];
  offsets: number[] = [];
  lengths: number[] = [];
  end = 0;

  /** Returns the offset for a frame, or -1 if there is no room. */
  reserve(length: number): number {
    const at = this.end + 2;
    const end = (at + length + 3) & ~3;
    if (this.receivers.length >= FRAMES_MAX || end > BYTES_MAX) return -1;
    if (this.memory === null || end > this.memory.u8.length) this.#grow(end);
    return at;
  }

  commit(receiver: HostReceiver, offset: number, length: number): void {
    this.receivers.push(receiver);
    this.offsets.push(offset);
    this.lengths.push(length);
    this.end = (offset + length + 3) & ~3;
  }

  reset(): void {
    this.receivers.length = 0;
    this.offsets.length = 0;
    this.lengths.length = 0;
    this.end = 0;
  }

  #grow(bytes: number): void {
    const memory = allocateFrameMemory(Math.max(BYTES_FIRST, 2 ** Math.ceil(Math.log2(bytes))));
    if (this.memory !== null) memory.u8.set(this.memory.u8.subarray(0, this.end));
    this.memory = memory;
  }
}

/**
 * Loopback for the hosts of one relay: loopback addresses, own addresses, and own copies of group datagrams. Frames
 * are delivered in a later turn of the event loop, all frames of a turn as one batch, so sending never calls user
 * code. All hosts of a relay share it, so an idle host costs nothing here.
 */
export class Loopback {
  readonly #relay: Relay;
  readonly #record = new FrameRecord();
  readonly #store: BatchStore;
  #filling = new Pipe();
  #emptying = new Pipe();
  #scheduled = false;
  #wanted = false;
  #listeners: Set<RoomListener> = new Set();

  private constructor(relay: Relay) {
    this.#relay = relay;
    this.#store = new BatchStore(relay.lists);
    this.#store.local = true;
  }

  /** Returns the loopback of a relay. */
  static of(relay: Relay): Loopback {
    let loopback = loopbacks.get(relay);
    if (loopback === undefined) {
      loopback = new Loopback(relay);
      loopbacks.set(relay, loopback);
    }
    return loopback;
  }

  get memory(): FrameMemory {
    return this.#filling.memory!;
  }

  reserve(length: number): number {
    if (length > FRAME_MAX) throw new RangeError(`a frame of ${length} bytes is over the maximum`);
    const at = this.#filling.reserve(length);
    if (at < 0) this.#wanted = true;
    return at;
  }

  /** Tells a listener, once, when a `reserve` that failed may succeed. */
  whenRoom(listener: RoomListener): void {
    this.#listeners.add(listener);
  }

  commit(receiver: HostReceiver, offset: number, length: number): void {
    this.#filling.commit(receiver, offset, length);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#deliver);
  }

  /** Delivers a copy of a frame that also goes elsewhere. False if there is no room. */
  copy(receiver: HostReceiver, memory: FrameMemory, offset: number, length: number): boolean {
    const at = this.#filling.reserve(length);
    if (at < 0) return false;
    copyFrame(this.memory, at, memory, offset, length);
    this.commit(receiver, at, length);
    return true;
  }

  readonly #deliver = (): void => {
    this.#scheduled = false;
    const pipe = this.#filling;
    this.#filling = this.#emptying;
    this.#emptying = pipe;
    const { receivers, offsets, lengths } = pipe;
    const store = this.#store;
    const memory = pipe.memory!;
    store.begin(memory);
    for (let i = 0; i < receivers.length; i++) {
      parseFrame(memory.u8, offsets[i], lengths[i], this.#record);
      // The frame has never left this process, so it cannot be damaged.
      receivers[i].localFrame(store, this.#record, FrameFlag.CHECKSUM_VALID);
    }
    batchBegins();
    store.tellTakers();
    batchDone();
    store.end();
    pipe.reset();
    if (!this.#wanted) return;
    this.#wanted = false;
    const listeners = this.#listeners;
    this.#listeners = new Set();
    for (const listener of listeners) listener.roomAgain();
    this.#relay.waiting.retry();
  };
}

const loopbacks = new WeakMap<Relay, Loopback>();

/** The {@link FrameSender} of one host. */
export class LoopbackSender implements FrameSender {
  readonly #loopback: Loopback;
  readonly #receiver: HostReceiver;

  constructor(relay: Relay, receiver: HostReceiver) {
    this.#loopback = Loopback.of(relay);
    this.#receiver = receiver;
  }

  get memory(): FrameMemory {
    return this.#loopback.memory;
  }

  reserve(length: number): number {
    return this.#loopback.reserve(length);
  }

  commit(offset: number, length: number): void {
    this.#loopback.commit(this.#receiver, offset, length);
  }

  /** What was reserved last is not there until it is committed: so there is one at a time. */
  cancel(): void {}

  reserveMany(offsets: Int32Array, _count: number, length: number): number {
    offsets[0] = this.reserve(length);
    return offsets[0] < 0 ? 0 : 1;
  }

  commitMany(offsets: Int32Array, lengths: Int32Array): void {
    this.commit(offsets[0], lengths[0]);
  }

  whenRoom(listener: RoomListener): void {
    this.#loopback.whenRoom(listener);
  }

  copy(memory: FrameMemory, offset: number, length: number): boolean {
    return this.#loopback.copy(this.#receiver, memory, offset, length);
  }
}
