import { LITTLE_ENDIAN } from '../wire/byte-order.ts';
import { simdSumOver } from '../wire/memory-sum.ts';
import { newWasmMemory, type WasmMemory, webAssembly } from '../wire/webassembly.ts';
import type { FrameMemory } from './link.ts';

// A constant of its own, see byte-order.ts.
const littleEndian = LITTLE_ENDIAN;

/** Frame memory of `bytes` bytes (a multiple of 4), from the JavaScript heap, zeroed. */
export function allocateFrameMemory(bytes: number): FrameMemory {
  return viewsOver(new ArrayBuffer(bytes));
}

/** Views over a whole buffer. */
export function viewsOver(buffer: ArrayBuffer): FrameMemory {
  return views(buffer, buffer.byteLength, undefined);
}

/** Views over the first `bytes` bytes (a multiple of 4; default all) of a WebAssembly memory, with sums by SIMD. */
export function viewsOverWasm(memory: WasmMemory, bytes: number = memory.buffer.byteLength): FrameMemory {
  return views(memory.buffer, bytes, memory);
}

/** All frame memories are made here, with the same fields in the same order: one hidden class. */
function views(buffer: ArrayBuffer, bytes: number, wasm: WasmMemory | undefined): FrameMemory {
  return {
    u8: new Uint8Array(buffer, 0, bytes),
    u16: new Uint16Array(buffer, 0, bytes >> 1),
    u32: new Uint32Array(buffer, 0, bytes >> 2),
    view: new DataView(buffer, 0, bytes),
    simdSum: wasm === undefined ? undefined : simdSumOver(wasm),
  };
}

/**
 * WebAssembly memories that this module has at a time in one thread: each takes some 10 GiB of address space, of which
 * a process has 128 TiB, and the packet memory of XDP links must find some, too.
 */
const WASM_MEMORIES_MAX = 64;
let wasmMemories = 0;
let wasmRefused = false;
/** Which memory views are over; views alone do not tell. */
const wasmOf = new WeakMap<FrameMemory, WasmMemory>();
const collected = new FinalizationRegistry<undefined>(() => {
  wasmMemories--;
});

/**
 * As {@link allocateFrameMemory}, but in a WebAssembly memory while there are few of those, for checksums by SIMD: for
 * memory of long-lived links that long frames are sent from or verified in.
 */
export function allocateSummableMemory(bytes: number): FrameMemory {
  if (webAssembly === undefined || wasmRefused || wasmMemories >= WASM_MEMORIES_MAX) {
    return allocateFrameMemory(bytes);
  }
  let wasm: WasmMemory;
  try {
    wasm = newWasmMemory(webAssembly, bytes);
  } catch {
    // No address space (ulimit -v). It takes long to be told so, because garbage is looked for: not again.
    wasmRefused = true;
    return allocateFrameMemory(bytes);
  }
  wasmMemories++;
  collected.register(wasm, undefined);
  const memory = viewsOverWasm(wasm, bytes);
  wasmOf.set(memory, wasm);
  return memory;
}

/**
 * Gives memory of {@link allocateSummableMemory} or {@link allocateFrameMemory} back, even if it is kept: views of it
 * read as detached from here on. Harmless when repeated.
 */
export function detachFrameMemory(memory: FrameMemory): void {
  const wasm = wasmOf.get(memory);
  const { buffer } = memory.u8;
  wasmOf.delete(memory);
  if (wasm !== undefined) wasm.grow(0);
  // Moving a buffer away detaches the views that are left behind.
  else if (buffer.byteLength > 0) structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
  // A detached buffer still holds on to its WebAssembly memory, as does what sums over it.
  Object.assign(memory, viewsOver(new ArrayBuffer(0)));
}

/** What bytes are copied between: frame memory, or any with these views over the same buffer. */
export interface CopyMemory {
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
}

/** From here on bytes whose offsets are not congruent modulo 4 go by words, too: two are made one. */
const SHIFTED_FROM = 16;

/**
 * Copies bytes from one memory to another without making a view: by words, unless they are few and the offsets are not
 * congruent modulo 4 (those of frames in slots are). Writes nothing outside of the target range. For short frames this
 * is faster than `TypedArray.set`; for long ones a view made beforehand wins.
 */
export function copyFrame(
  to: CopyMemory,
  toOffset: number,
  from: CopyMemory,
  fromOffset: number,
  length: number,
): void {
  let target = toOffset;
  let source = fromOffset;
  const end = toOffset + length;
  const shift = ((source - target) & 3) << 3;
  if (shift === 0 || (length >= SHIFTED_FROM && littleEndian)) {
    while ((target & 3) !== 0 && target < end) to.u8[target++] = from.u8[source++]!;
    const first = target >> 2;
    const last = end >> 2;
    if (first < last) {
      if (shift === 0) copyWords(to.u32, first, from.u32, source >> 2, last);
      else copyShifted(to.u32, first, from.u32, source >> 2, last, shift);
      source += (last - first) << 2;
      target = last << 2;
    }
  }
  while (target < end) to.u8[target++] = from.u8[source++]!;
}

/** Copies the words of `[index, endIndex)`. */
function copyWords(
  to: Uint32Array,
  index: number,
  from: Uint32Array,
  fromIndex: number,
  endIndex: number,
): void {
  let target = index;
  let source = fromIndex;
  for (; target + 8 <= endIndex; target = (target + 8) | 0, source = (source + 8) | 0) {
    to[target] = from[source]!;
    to[target + 1] = from[source + 1]!;
    to[target + 2] = from[source + 2]!;
    to[target + 3] = from[source + 3]!;
    to[target + 4] = from[source + 4]!;
    to[target + 5] = from[source + 5]!;
    to[target + 6] = from[source + 6]!;
    to[target + 7] = from[source + 7]!;
  }
  while (target < endIndex) to[target++] = from[source++]!;
}

/** The same, where each word is made of two: it begins `shift` bits into the first. On a little-endian machine. */
function copyShifted(
  to: Uint32Array,
  index: number,
  from: Uint32Array,
  fromIndex: number,
  endIndex: number,
  shift: number,
): void {
  const left = 32 - shift;
  let target = index;
  let source = fromIndex;
  let word = from[source]! | 0;
  for (; target + 4 <= endIndex; target = (target + 4) | 0, source = (source + 4) | 0) {
    const a = from[source + 1]! | 0;
    const b = from[source + 2]! | 0;
    const c = from[source + 3]! | 0;
    const d = from[source + 4]! | 0;
    to[target] = (word >>> shift) | (a << left);
    to[target + 1] = (a >>> shift) | (b << left);
    to[target + 2] = (b >>> shift) | (c << left);
    to[target + 3] = (c >>> shift) | (d << left);
    word = d;
  }
  for (; target < endIndex; target++) {
    const next = from[++source]! | 0;
    to[target] = (word >>> shift) | (next << left);
    word = next;
  }
}
