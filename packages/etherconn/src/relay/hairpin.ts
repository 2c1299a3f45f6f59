import { allocateFrameMemory, copyFrame } from '../link/frame-memory.ts';
import type { FrameMemory, LinkReceiver } from '../link/link.ts';
import { clearImmediate, setImmediate } from '../real-time.ts';
import { commitEach, type FrameSender, reserveEach } from './transmit.ts';

/** Frames that may be on their way between conns of one relay. The more, the longer a burst that fits. */
const SLOTS = 512;

/**
 * The way between two conns of one relay: neither the kernel nor a switch reflects a frame to the port it
 * came from. Frames are delivered from a later turn of the event loop, as from a link, so that sending
 * never re-enters receiving.
 */
export class Hairpin implements FrameSender {
  readonly memory: FrameMemory;
  /** Frames written for it alone. */
  sent = 0;
  delivered = 0;
  /** Copies that found it full, and what was under way when it was closed. */
  dropped = 0;
  /** Called (from the event loop) when a `reserve` that failed may succeed now. */
  onRoom: (() => void) | null = null;
  readonly #receiver: LinkReceiver;
  readonly #chunk: number;
  readonly #free: Int32Array;
  #freeCount = SLOTS;
  /** Committed (offset, length) pairs, in order. */
  #queue: number[] = [];
  #scheduled: NodeJS.Immediate | null = null;
  #wanted = false;
  #closed = false;

  constructor(receiver: LinkReceiver, maxFrameLength: number) {
    this.#receiver = receiver;
    this.#chunk = (maxFrameLength + 2 + 63) & ~63;
    this.memory = allocateFrameMemory(this.#chunk * SLOTS);
    this.#free = new Int32Array(SLOTS);
    for (let i = 0; i < SLOTS; i++) this.#free[i] = i * this.#chunk + 2;
  }

  reserve(length: number): number {
    if (length + 2 > this.#chunk) throw new RangeError(`a frame of ${length} bytes is over the maximum`);
    const slot = this.#take();
    if (slot < 0) this.#wanted = true;
    return slot;
  }

  commit(offset: number, length: number): void {
    this.sent++;
    this.#enqueue(offset, length);
  }

  cancel(offset: number): void {
    this.#free[this.#freeCount++] = offset;
  }

  reserveMany(offsets: Int32Array, count: number, length: number): number {
    return reserveEach(this, offsets, count, length);
  }

  commitMany(offsets: Int32Array, lengths: Int32Array, count: number): void {
    commitEach(this, offsets, lengths, count);
  }

  /** Copies a frame that also goes to the wire; drops and counts it when full. */
  copy(memory: FrameMemory, offset: number, length: number): void {
    const slot = this.#take();
    if (slot < 0) {
      this.dropped++;
      return;
    }
    copyFrame(this.memory, slot, memory, offset, length);
    this.#enqueue(slot, length);
  }

  close(): void {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#scheduled = null;
    this.dropped += this.#queue.length / 2;
    this.#queue = [];
    this.#closed = true;
  }

  #take(): number {
    return this.#freeCount === 0 || this.#closed ? -1 : this.#free[--this.#freeCount];
  }

  #enqueue(offset: number, length: number): void {
    this.#queue.push(offset, length);
    this.#scheduled ??= setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    this.#scheduled = null;
    const queue = this.#queue;
    // Answers that are sent from inside the batch are queued anew, for the next turn.
    this.#queue = [];
    this.delivered += queue.length / 2;
    this.#receiver.begin(this.memory, -1);
    for (let i = 0; i < queue.length; i += 2) this.#receiver.frame(queue[i], queue[i + 1], 0);
    this.#receiver.end();
    for (let i = 0; i < queue.length; i += 2) this.#free[this.#freeCount++] = queue[i];
    if (!this.#wanted || this.#closed) return;
    this.#wanted = false;
    this.onRoom?.();
  }
}

/** The wire and the hairpin: for group frames. Room is the wire's; a full hairpin drops its copy. */
export class WireAndHairpin implements FrameSender {
  readonly #wire: FrameSender;
  readonly #hairpin: Hairpin;

  constructor(wire: FrameSender, hairpin: Hairpin) {
    this.#wire = wire;
    this.#hairpin = hairpin;
  }

  get memory(): FrameMemory {
    return this.#wire.memory;
  }

  reserve(length: number): number {
    return this.#wire.reserve(length);
  }

  commit(offset: number, length: number): void {
    this.#hairpin.copy(this.#wire.memory, offset, length);
    this.#wire.commit(offset, length);
  }

  cancel(offset: number): void {
    this.#wire.cancel(offset);
  }

  reserveMany(offsets: Int32Array, count: number, length: number): number {
    return this.#wire.reserveMany(offsets, count, length);
  }

  commitMany(offsets: Int32Array, lengths: Int32Array, count: number): void {
    const { memory } = this.#wire;
    for (let i = 0; i < count; i++) this.#hairpin.copy(memory, offsets[i], lengths[i]);
    this.#wire.commitMany(offsets, lengths, count);
  }
}
