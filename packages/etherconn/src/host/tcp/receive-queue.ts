import type { CopyMemory } from '../../link/frame-memory.ts';
import { isBefore, sequenceAdd, sequenceDistance } from '../../wire/tcp-sequence.ts';
import { Ranges } from './ranges.ts';
import { Ring } from './ring.ts';

/** Pieces of data that came too early, at most. What would make one more is dropped, and comes again. */
const PIECES_MAX = 64;

/** What has been received and not read: data in order, and behind it pieces that came too early. */
export class ReceiveQueue {
  /** Bytes that can be read. */
  length = 0;
  /** Most bytes, of both kinds. */
  readonly limit: number;
  /** Sequence number after the data in order. */
  next: number;
  /** Pieces behind a gap. Null until there was one. */
  pieces: Ranges | null = null;
  readonly #ring = new Ring();

  constructor(limit: number, next: number) {
    this.limit = limit;
    this.next = next;
  }

  /** Whether data is missing before data that is there. */
  get hasGaps(): boolean {
    return this.pieces !== null && this.pieces.count > 0;
  }

  /** Bytes that may come from {@link next} on. */
  get room(): number {
    return this.limit - this.length;
  }

  /**
   * Stores the bytes `[start, end)` of a frame, whose first byte has number `sequence`; what has been received before, or lies beyond the
   * limit, is left out. Returns whether anything of it is new.
   */
  add(sequence: number, frame: CopyMemory, start: number, end: number): boolean {
    const skipped = Math.max(0, sequenceDistance(this.next, sequence));
    const from = start + skipped;
    const first = sequenceAdd(sequence, skipped);
    const offset = sequenceDistance(first, this.next);
    const to = Math.min(end, from + this.room - offset);
    if (from >= to) return false;
    const last = sequenceAdd(first, to - from);
    if (offset > 0) {
      this.pieces ??= new Ranges(PIECES_MAX);
      const fresh = this.pieces.add(first, last);
      if (fresh <= 0) return false;
    }
    const used = this.#used();
    this.#ring.reserve(Math.max(used, this.length + offset + to - from), used);
    this.#ring.storeFrom(this.length + offset, frame, from, to);
    if (offset === 0) this.#advance(last);
    return true;
  }

  /** Moves up to that many bytes to `target`; returns how many. */
  read(target: Uint8Array, start: number, end: number): number {
    const count = Math.min(this.length, end - start);
    this.#ring.copyOut(0, count, target, start);
    this.length -= count;
    if (this.length === 0 && !this.hasGaps) this.#ring.release();
    else this.#ring.skip(count);
    return count;
  }

  clear(): void {
    this.length = 0;
    this.pieces = null;
    this.#ring.release();
  }

  /** Data up to `last` is there in order, and so is the piece that it reaches. */
  #advance(last: number): void {
    const { pieces } = this;
    let to = last;
    if (pieces !== null) {
      for (let i = 0; i < pieces.count && !isBefore(to, pieces.start(i)); i++) {
        if (isBefore(to, pieces.end(i))) to = pieces.end(i);
      }
      pieces.dropBefore(to);
    }
    this.length += sequenceDistance(to, this.next);
    this.next = to;
  }

  /** Bytes of the ring up to the last piece. */
  #used(): number {
    const { pieces } = this;
    if (pieces === null || pieces.count === 0) return this.length;
    return this.length + Math.max(0, sequenceDistance(pieces.end(pieces.count - 1), this.next));
  }
}
