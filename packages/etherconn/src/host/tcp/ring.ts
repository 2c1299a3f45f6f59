/** Bytes at first, when something is stored. */
const BYTES_FIRST = 2048;

/**
 * A ring of bytes that grows by doubling and has no memory while it is empty. Offsets count from its first byte; its
 * users know how many bytes there are.
 */
export class Ring {
  #bytes: Uint8Array | null = null;
  #head = 0;

  /** Makes room for `length` bytes, of which the first `used` are there. */
  reserve(length: number, used: number): void {
    const old = this.#bytes;
    if (old !== null && length <= old.length) return;
    let size = Math.max(BYTES_FIRST, old === null ? 0 : old.length);
    while (size < length) size *= 2;
    const bytes = new Uint8Array(size);
    if (old !== null) this.copyTo(0, used, bytes, 0);
    this.#bytes = bytes;
    this.#head = 0;
  }

  /** Stores `source[start, end)` at an offset. */
  store(offset: number, source: Uint8Array, start: number, end: number): void {
    const bytes = this.#bytes!;
    const at = (this.#head + offset) & (bytes.length - 1);
    const first = Math.min(end - start, bytes.length - at);
    bytes.set(source.subarray(start, start + first), at);
    if (start + first < end) bytes.set(source.subarray(start + first, end), 0);
  }

  /** Copies `length` bytes from an offset on. */
  copyTo(offset: number, length: number, target: Uint8Array, to: number): void {
    if (length === 0) return;
    const bytes = this.#bytes!;
    const at = (this.#head + offset) & (bytes.length - 1);
    const first = Math.min(length, bytes.length - at);
    target.set(bytes.subarray(at, at + first), to);
    if (first < length) target.set(bytes.subarray(0, length - first), to + first);
  }

  /** Forgets the first `count` bytes. */
  skip(count: number): void {
    if (this.#bytes !== null) this.#head = (this.#head + count) & (this.#bytes.length - 1);
  }

  /** Gives the memory back: there are no bytes any more. */
  release(): void {
    this.#bytes = null;
    this.#head = 0;
  }
}
