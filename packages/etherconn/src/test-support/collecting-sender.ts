import { allocateFrameMemory } from '../link/frame-memory.ts';
import type { FrameMemory } from '../link/link.ts';
import { commitEach, type FrameSender, reserveEach } from '../relay/transmit.ts';

/** A sender whose frames a test looks at. Slots are never free again. */
export class CollectingSender implements FrameSender {
  readonly memory: FrameMemory;
  /** Copies of the committed frames, in order. */
  readonly sent: Uint8Array[] = [];
  cancelled = 0;
  #left: number;
  #next = 2;

  constructor(slots = 64, bytes: number = 1 << 20) {
    this.memory = allocateFrameMemory(bytes);
    this.#left = slots;
  }

  reserve(length: number): number {
    if (this.#left === 0) return -1;
    this.#left--;
    const slot = this.#next;
    this.#next = ((slot + length + 3) & ~3) + 2;
    return slot;
  }

  commit(offset: number, length: number): void {
    this.sent.push(this.memory.u8.slice(offset, offset + length));
  }

  reserveMany(offsets: Int32Array, count: number, length: number): number {
    return reserveEach(this, offsets, count, length);
  }

  commitMany(offsets: Int32Array, lengths: Int32Array, count: number): void {
    commitEach(this, offsets, lengths, count);
  }

  cancel(_offset: number): void {
    this.cancelled++;
    this.#left++;
  }
}
