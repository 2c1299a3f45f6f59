import { type CopyMemory, copyFrame } from '../../link/frame-memory.ts';

/** Bytes at first, when something is stored. A power of two, as all sizes. */
const BYTES_FIRST = 2048;
/** Bytes that the thread keeps for the next ring that needs memory: connections that carry little at a time take turns. */
const SPARE_MAX = 4 << 20;

/** Memory of rings that are empty now, by size. */
const spares = new Map<number, CopyMemory[]>();
let spareBytes = 0;

function take(size: number): CopyMemory {
  const spare = spares.get(size)?.pop();
  if (spare !== undefined) {
    spareBytes -= size;
    return spare;
  }
  const buffer = new ArrayBuffer(size);
  return { u8: new Uint8Array(buffer), u32: new Uint32Array(buffer) };
}

function give(memory: CopyMemory): void {
  const size = memory.u8.length;
  if (spareBytes + size > SPARE_MAX) return;
  spareBytes += size;
  const list = spares.get(size);
  if (list === undefined) spares.set(size, [memory]);
  else list.push(memory);
}

/**
 * A ring of bytes that grows by doubling and has no memory while it is empty. Offsets count from its first byte; its
 * users know how many bytes there are. Between frames and rings bytes are copied by words, so nothing is made for it.
 */
export class Ring {
  #memory: CopyMemory | null = null;
  #head = 0;

  /** Makes room for `length` bytes, of which the first `used` are there. */
  reserve(length: number, used: number): void {
    const old = this.#memory;
    if (old !== null && length <= old.u8.length) return;
    let size = Math.max(BYTES_FIRST, old === null ? 0 : old.u8.length);
    while (size < length) size *= 2;
    const memory = take(size);
    if (old !== null) {
      this.copyOut(0, used, memory.u8, 0);
      give(old);
    }
    this.#memory = memory;
    this.#head = 0;
  }

  /** Stores `source[start, end)` at an offset. */
  store(offset: number, source: Uint8Array, start: number, end: number): void {
    const { u8 } = this.#memory!;
    const at = (this.#head + offset) & (u8.length - 1);
    const first = Math.min(end - start, u8.length - at);
    u8.set(part(source, start, start + first), at);
    if (start + first < end) u8.set(source.subarray(start + first, end), 0);
  }

  /** As {@link store}, from a frame. */
  storeFrom(offset: number, source: CopyMemory, start: number, end: number): void {
    const memory = this.#memory!;
    const at = (this.#head + offset) & (memory.u8.length - 1);
    const first = Math.min(end - start, memory.u8.length - at);
    copyFrame(memory, at, source, start, first);
    if (start + first < end) copyFrame(memory, 0, source, start + first, end - start - first);
  }

  /** Copies `length` bytes from an offset on. */
  copyOut(offset: number, length: number, target: Uint8Array, to: number): void {
    if (length === 0) return;
    const { u8 } = this.#memory!;
    const at = (this.#head + offset) & (u8.length - 1);
    const first = Math.min(length, u8.length - at);
    target.set(u8.subarray(at, at + first), to);
    if (first < length) target.set(u8.subarray(0, length - first), to + first);
  }

  /** As {@link copyOut}, into a frame. */
  copyTo(offset: number, length: number, target: CopyMemory, to: number): void {
    if (length === 0) return;
    const memory = this.#memory!;
    const at = (this.#head + offset) & (memory.u8.length - 1);
    const first = Math.min(length, memory.u8.length - at);
    copyFrame(target, to, memory, at, first);
    if (first < length) copyFrame(target, to + first, memory, 0, length - first);
  }

  /** Forgets the first `count` bytes. */
  skip(count: number): void {
    if (this.#memory !== null) this.#head = (this.#head + count) & (this.#memory.u8.length - 1);
  }

  /** Gives the memory back: there are no bytes any more. */
  release(): void {
    if (this.#memory !== null) give(this.#memory);
    this.#memory = null;
    this.#head = 0;
  }
}

function part(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return end - start === bytes.length ? bytes : bytes.subarray(start, end);
}
