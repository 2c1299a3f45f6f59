import { allocateFrameMemory, copyFrame } from '../frame-memory.ts';
import type { FrameMemory } from '../link.ts';

/** Holds the longest frame there is (MTU 65535 and two tags) and many short ones. */
const SEGMENT_BYTES = 128 * 1024;
/** Emptied segments kept for reuse. */
const SPARE_SEGMENTS = 8;

interface Segment {
  readonly memory: FrameMemory;
  used: number;
  live: number;
}

/**
 * Frames on their way: copies of them, ordered by the time at which they go on, and by arrival where that is
 * equal. The bytes lie packed in segments, and a segment is used again once all its frames are gone.
 *
 * A frame that was taken stays readable until it is released. `owner` and `kind` come back with it.
 */
export class DelayLine<Owner> {
  readonly #limit: number;
  #count = 0;
  #sequence = 0;
  // By frame number:
  #due = new Float64Array(64);
  #order = new Float64Array(64);
  #offsets = new Int32Array(64);
  #lengths = new Int32Array(64);
  #kinds = new Int32Array(64);
  readonly #owners: (Owner | null)[] = [];
  readonly #segments: (Segment | null)[] = [];
  /** Free frame numbers, a stack. */
  #free = new Int32Array(64);
  #freeCount = 0;
  #numbers = 0;
  /** Frame numbers as a binary heap. */
  #heap = new Int32Array(64);
  #heapSize = 0;
  #current: Segment | null = null;
  readonly #spare: Segment[] = [];

  /** @param limit most frames held. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Frames held, those that were taken but not released included. */
  get size(): number {
    return this.#count;
  }

  /** When the next frame goes on; Infinity when there is none. */
  get next(): number {
    return this.#heapSize === 0 ? Infinity : this.#due[this.#heap[0]!]!;
  }

  /**
   * Copies a frame in; false when as many as allowed are held. `window`, if there is one, is a view that starts
   * at the frame and may be longer: the quick way to copy.
   */
  add(
    due: number,
    owner: Owner,
    kind: number,
    memory: FrameMemory,
    offset: number,
    length: number,
    window: Uint8Array | null,
  ): boolean {
    if (this.#count >= this.#limit) return false;
    const segment = this.#segmentFor(length);
    const target = segment.used + 2;
    if (window !== null && target + window.length <= SEGMENT_BYTES) segment.memory.u8.set(window, target);
    else copyFrame(segment.memory, target, memory, offset, length);
    segment.used += (length + 5) & ~3;
    segment.live++;

    const id = this.#freeCount > 0 ? this.#free[--this.#freeCount]! : this.#numbers++;
    if (id >= this.#due.length) this.#grow();
    this.#due[id] = due;
    this.#order[id] = this.#sequence++;
    this.#offsets[id] = target;
    this.#lengths[id] = length;
    this.#kinds[id] = kind;
    this.#owners[id] = owner;
    this.#segments[id] = segment;
    this.#count++;
    this.#rise(this.#heapSize++, id);
    return true;
  }

  /** Takes out the next frame that is due at `now`; returns its number, or -1. */
  take(now: number): number {
    if (this.#heapSize === 0) return -1;
    const id = this.#heap[0]!;
    if (this.#due[id]! > now) return -1;
    const last = this.#heap[--this.#heapSize]!;
    if (this.#heapSize > 0) this.#sink(last);
    return id;
  }

  owner(id: number): Owner {
    return this.#owners[id]!;
  }

  kind(id: number): number {
    return this.#kinds[id]!;
  }

  memory(id: number): FrameMemory {
    return this.#segments[id]!.memory;
  }

  offset(id: number): number {
    return this.#offsets[id]!;
  }

  length(id: number): number {
    return this.#lengths[id]!;
  }

  /** The frame that was taken is done with. */
  release(id: number): void {
    const segment = this.#segments[id]!;
    this.#segments[id] = null;
    this.#owners[id] = null;
    this.#free[this.#freeCount++] = id;
    this.#count--;
    if (--segment.live === 0) {
      segment.used = 0;
      if (segment !== this.#current && this.#spare.length < SPARE_SEGMENTS) this.#spare.push(segment);
    }
  }

  /** Forgets all frames that were not taken yet. */
  clear(): void {
    for (let id = this.take(Infinity); id >= 0; id = this.take(Infinity)) this.release(id);
  }

  #segmentFor(length: number): Segment {
    const current = this.#current;
    if (current !== null && current.used + length + 5 <= SEGMENT_BYTES) return current;
    const next = this.#spare.pop() ?? { memory: allocateFrameMemory(SEGMENT_BYTES), used: 0, live: 0 };
    this.#current = next;
    return next;
  }

  #grow(): void {
    const size = this.#due.length * 2;
    this.#due = grown(this.#due, new Float64Array(size));
    this.#order = grown(this.#order, new Float64Array(size));
    this.#offsets = grown(this.#offsets, new Int32Array(size));
    this.#lengths = grown(this.#lengths, new Int32Array(size));
    this.#kinds = grown(this.#kinds, new Int32Array(size));
    this.#free = grown(this.#free, new Int32Array(size));
    this.#heap = grown(this.#heap, new Int32Array(size));
  }

  #before(a: number, b: number): boolean {
    const dueA = this.#due[a]!;
    const dueB = this.#due[b]!;
    return dueA < dueB || (dueA === dueB && this.#order[a]! < this.#order[b]!);
  }

  #rise(from: number, id: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(id, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = id;
  }

  #sink(id: number): void {
    const heap = this.#heap;
    const size = this.#heapSize;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, id)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = id;
  }
}

function grown<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
