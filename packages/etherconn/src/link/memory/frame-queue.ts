import { allocateFrameMemory, allocateSummableMemory, copyFrame } from '../frame-memory.ts';
import type { FrameMemory } from '../link.ts';

const INITIAL_BYTES = 4096;
const INITIAL_FRAMES = 32;
/** Queues that have grown so large have much to receive: it may be worth a WebAssembly memory, which has this size at least. */
const SUMMABLE_FROM = 64 << 10;

/**
 * A port's receive queue: frames packed one behind the other in a ring, which starts small and doubles up to
 * its bounds. Frames are taken in order, and their bytes stay until they are released; growing moves to new
 * memory and new index arrays, so frames that were taken stay readable where they were.
 *
 * The counters run on modulo 2^32; their differences are what counts.
 */
export class FrameQueue {
  /** Where the frames lie that are pushed now. */
  memory: FrameMemory = allocateFrameMemory(INITIAL_BYTES);
  offsets: Int32Array = new Int32Array(INITIAL_FRAMES);
  lengths: Int32Array = new Int32Array(INITIAL_FRAMES);
  /** Index of the next frame to take; `& mask` gives its place in `offsets` and `lengths`. */
  cursor = 0;
  mask: number = INITIAL_FRAMES - 1;
  #released = 0;
  #tail = 0;
  #write = 0;
  readonly #maxFrames: number;
  readonly #maxBytes: number;

  constructor(maxFrames: number, maxBytes: number) {
    this.#maxFrames = maxFrames;
    this.#maxBytes = maxBytes;
  }

  /** Frames that were not taken yet. */
  get waiting(): number {
    return (this.#tail - this.cursor) | 0;
  }

  /**
   * Copies a frame in; false when the queue is full. `window`, if there is one, is a view that starts at the
   * frame and may be longer: the quick way to copy, where the room allows it.
   */
  push(memory: FrameMemory, offset: number, length: number, window: Uint8Array | null): boolean {
    const held = (this.#tail - this.#released) | 0;
    if (held >= this.#maxFrames) return false;
    if (held > this.mask) this.#growIndex();
    const size = (length + 5) & ~3;
    let limit = this.#room(size);
    while (limit < 0) {
      if (!this.#growMemory()) return false;
      limit = this.#room(size);
    }
    const target = this.#write + 2;
    if (window !== null && target + window.length <= limit) this.memory.u8.set(window, target);
    else copyFrame(this.memory, target, memory, offset, length);
    const index = this.#tail & this.mask;
    this.offsets[index] = target;
    this.lengths[index] = length;
    this.#write += size;
    this.#tail = (this.#tail + 1) | 0;
    return true;
  }

  /** Flips a bit of the frame pushed last. */
  flipLast(bit: number): void {
    const index = (this.#tail - 1) & this.mask;
    this.memory.u8[this.offsets[index]! + (bit >> 3)]! ^= 1 << (bit & 7);
  }

  /** The next `count` frames, at most `waiting`, are taken; they stay valid until `release`. */
  take(count: number): void {
    this.cursor = (this.cursor + count) | 0;
  }

  /** Everything that was taken is done with. */
  release(): void {
    this.#released = this.cursor;
    if (this.#released === this.#tail) this.#write = 0;
  }

  /** Moves the write position to where `size` bytes are free; returns where the free range ends, or -1. */
  #room(size: number): number {
    const capacity = this.memory.u8.length;
    if (this.#tail === this.#released) {
      this.#write = 0;
      return size <= capacity ? capacity : -1;
    }
    // A record never fills the gap to the oldest one entirely: equal positions mean that all behind is free.
    const oldest = this.offsets[this.#released & this.mask]! - 2;
    if (this.#write > oldest) {
      if (this.#write + size <= capacity) return capacity;
      if (size >= oldest) return -1;
      this.#write = 0;
      return oldest;
    }
    return this.#write + size < oldest ? oldest : -1;
  }

  #growMemory(): boolean {
    const size = Math.min(this.memory.u8.length * 2, this.#maxBytes);
    if (size <= this.memory.u8.length) return false;
    const from = this.memory;
    const to = size < SUMMABLE_FROM ? allocateFrameMemory(size) : allocateSummableMemory(size);
    const offsets = new Int32Array(this.mask + 1);
    let write = 0;
    for (let at = this.#released; at !== this.#tail; at = (at + 1) | 0) {
      const index = at & this.mask;
      const length = this.lengths[index]!;
      const offset = this.offsets[index]!;
      to.u8.set(from.u8.subarray(offset, offset + length), write + 2);
      offsets[index] = write + 2;
      write += (length + 5) & ~3;
    }
    this.memory = to;
    this.offsets = offsets;
    // Whoever reads taken frames holds the old pair of arrays, and the old lengths must not change under it.
    this.lengths = this.lengths.slice();
    this.#write = write;
    return true;
  }

  #growIndex(): void {
    const size = (this.mask + 1) * 2;
    const offsets = new Int32Array(size);
    const lengths = new Int32Array(size);
    for (let at = this.#released; at !== this.#tail; at = (at + 1) | 0) {
      offsets[at & (size - 1)] = this.offsets[at & this.mask]!;
      lengths[at & (size - 1)] = this.lengths[at & this.mask]!;
    }
    this.offsets = offsets;
    this.lengths = lengths;
    this.mask = size - 1;
  }
}
