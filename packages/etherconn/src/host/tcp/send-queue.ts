import type { CopyMemory } from '../../link/frame-memory.ts';
import { Ring } from './ring.ts';

/** What has been written and is not acknowledged: sent or not, in order. */
export class SendQueue {
  length = 0;
  readonly limit: number;
  readonly #ring = new Ring();

  constructor(limit: number) {
    this.limit = limit;
  }

  get room(): number {
    return this.limit - this.length;
  }

  /** Appends as much of `bytes[start, end)` as there is room for; returns how much. */
  write(bytes: Uint8Array, start: number, end: number): number {
    const taken = Math.min(end - start, this.room);
    if (taken <= 0) return 0;
    this.#ring.reserve(this.length + taken, this.length);
    this.#ring.store(this.length, bytes, start, start + taken);
    this.length += taken;
    return taken;
  }

  /** Copies `length` bytes, the first of them `offset` behind the oldest one. */
  copyTo(offset: number, length: number, target: CopyMemory, to: number): void {
    this.#ring.copyTo(offset, length, target, to);
  }

  /** Drops the oldest bytes, which have been acknowledged. */
  drop(count: number): void {
    this.length -= count;
    if (this.length === 0) this.#ring.release();
    else this.#ring.skip(count);
  }

  clear(): void {
    this.length = 0;
    this.#ring.release();
  }
}
