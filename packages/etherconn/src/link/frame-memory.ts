import { simdSumOver } from '../wire/memory-sum.ts';
import { newWasmMemory, type WasmMemory, webAssembly } from '../wire/webassembly.ts';
import type { FrameMemory } from './link.ts';

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

/**
 * Copies a frame without making a view: by words where both offsets are congruent modulo 4 (frames in slots
 * are), by halfwords where both are even, else by bytes. Writes nothing outside of the target range. For
 * short frames this is faster than `TypedArray.set`; for long ones a view made beforehand wins.
 */
export function copyFrame(
  to: FrameMemory,
  toOffset: number,
  from: FrameMemory,
  fromOffset: number,
  length: number,
): void {
  let target = toOffset;
  let source = fromOffset;
  const end = toOffset + length;
  if (((target ^ source) & 3) === 0) {
    while ((target & 3) !== 0 && target < end) to.u8[target++] = from.u8[source++]!;
    target = copyWords(to.u32, target >> 2, from.u32, source >> 2, end >> 2, target);
    source = fromOffset + (target - toOffset);
  } else if (((target | source) & 1) === 0) {
    const to16 = to.u16;
    const from16 = from.u16;
    let halfword = source >> 1;
    for (let index = target >> 1; index < end >> 1; index++) to16[index] = from16[halfword++]!;
    target = Math.max(target, end & ~1);
    source = fromOffset + (target - toOffset);
  }
  while (target < end) to.u8[target++] = from.u8[source++]!;
}

/** Copies the words of `[index, endIndex)`; returns the byte offset after them (`byteOffset` if none). */
function copyWords(
  to: Uint32Array,
  index: number,
  from: Uint32Array,
  fromIndex: number,
  endIndex: number,
  byteOffset: number,
): number {
  if (endIndex <= index) return byteOffset;
  let target = index;
  let source = fromIndex;
  for (; target + 4 <= endIndex; target += 4, source += 4) {
    to[target] = from[source]!;
    to[target + 1] = from[source + 1]!;
    to[target + 2] = from[source + 2]!;
    to[target + 3] = from[source + 3]!;
  }
  while (target < endIndex) to[target++] = from[source++]!;
  return endIndex << 2;
}
