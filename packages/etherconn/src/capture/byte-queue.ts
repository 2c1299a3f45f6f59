/**
 * Bytes that came in chunks of any size, to be read in pieces of any other: the input of the capture
 * parsers. Holds only what has not been consumed, so memory stays at one packet plus one chunk.
 */
export class ByteQueue {
  /** Position in the stream of the first byte not yet consumed. */
  offset = 0;
  /** Bytes waiting. */
  length = 0;
  /** Bytes yet to come that are to be thrown away unseen. */
  #skip = 0;
  #head = 0;
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);

  /** Appends a copy of `chunk`, but for what is to be skipped. */
  push(chunk: Uint8Array): void {
    const skipped = Math.min(this.#skip, chunk.length);
    this.#skip -= skipped;
    this.offset += skipped;
    const size = chunk.length - skipped;
    if (size === 0) return;
    if (this.#head + this.length + size > this.#bytes.length) this.#makeRoom(size);
    this.#bytes.set(skipped === 0 ? chunk : chunk.subarray(skipped), this.#head + this.length);
    this.length += size;
  }

  #makeRoom(size: number): void {
    const old = this.#bytes;
    const needed = this.length + size;
    // Moving in place pays only while at least half of the buffer becomes free.
    if (needed > old.length / 2) {
      this.#bytes = new Uint8Array(Math.max(needed, old.length) * 2);
      this.#view = new DataView(this.#bytes.buffer);
      this.#bytes.set(old.subarray(this.#head, this.#head + this.length));
    } else {
      this.#bytes.copyWithin(0, this.#head, this.#head + this.length);
    }
    this.#head = 0;
  }

  /** Bytes that a {@link skip} still waits for. */
  get skipping(): number {
    return this.#skip;
  }

  /** Unsigned byte, `at` bytes after the first one waiting. The caller has checked `length`, here and below. */
  u8(at: number): number {
    return this.#bytes[this.#head + at]!;
  }

  u16(at: number, littleEndian: boolean): number {
    return this.#view.getUint16(this.#head + at, littleEndian);
  }

  u32(at: number, littleEndian: boolean): number {
    return this.#view.getUint32(this.#head + at, littleEndian);
  }

  u64(at: number, littleEndian: boolean): bigint {
    return this.#view.getBigUint64(this.#head + at, littleEndian);
  }

  i64(at: number, littleEndian: boolean): bigint {
    return this.#view.getBigInt64(this.#head + at, littleEndian);
  }

  /** A copy of `length` bytes. */
  copy(at: number, length: number): Uint8Array {
    return this.#bytes.slice(this.#head + at, this.#head + at + length);
  }

  /** Consumes `count` bytes that are there. */
  drop(count: number): void {
    this.#head += count;
    this.length -= count;
    this.offset += count;
    if (this.length === 0) this.#head = 0;
  }

  /** Consumes `count` bytes, those included that are yet to come. */
  skip(count: number): void {
    const here = Math.min(count, this.length);
    this.drop(here);
    this.#skip = count - here;
  }
}
