import { LITTLE_ENDIAN } from './byte-order.ts';
import { internetSumWords } from './checksum.ts';
import { INTERNET_SUM_WASM } from './internet-sum-wasm.ts';
import { type WasmMemory, type WasmModule, webAssembly } from './webassembly.ts';

/**
 * The Internet checksum's sum over memory that frames lie in, by the SIMD instructions of WebAssembly where that memory
 * is WebAssembly's: a module only reaches the memory that it was made with.
 */

/**
 * The sum of the bytes `[start, end)` as of `internetSum`, but folded; any alignment, at most 512 KiB. Offsets are not
 * checked against the views, only against the memory.
 */
export type SimdSum = (start: number, end: number) => number;

/** Memory that sums are made of: as of a FrameMemory. */
export interface SummableMemory {
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  /** Over the same memory; undefined where there is none. */
  readonly simdSum?: SimdSum | undefined;
}

/**
 * Shorter ranges go by JavaScript. Measured, a call into WebAssembly costs 11 ns where there is one memory, and 18 where
 * there are several, for then the compiler cannot know whose function it is.
 */
const SIMD_FROM = 16;

/** Up to here copying byte by byte and adding up on the way is quicker than `TypedArray.set` and a sum after it. */
const COPIED_BY_HAND = 32;

// A constant of its own, see byte-order.ts.
const littleEndian = LITTLE_ENDIAN;

/** As `internetSum` (the same after `foldSum`), in the quickest way that the memory has. */
export function internetSumIn(memory: SummableMemory, start: number, end: number): number {
  const simdSum = memory.simdSum;
  return simdSum === undefined || end - start < SIMD_FROM
    ? internetSumWords(memory.u8, memory.u32, start, end)
    : simdSum(start, end);
}

/** Copies `bytes[start, end)` to offset `to`, which is quickest where that is a multiple of 4; returns their sum. */
export function copyAndSum(
  memory: SummableMemory,
  to: number,
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): number {
  const length = end - start;
  if (length <= COPIED_BY_HAND && (to & 3) === 0 && littleEndian) {
    return copyShortAndSum(memory.u8, memory.u32, to, bytes, start, end);
  }
  memory.u8.set(length === bytes.length ? bytes : bytes.subarray(start, end), to);
  return internetSumIn(memory, to, to + length);
}

/** On a little-endian machine, to a multiple of 4. Written so that the engine need not look for overflows. */
function copyShortAndSum(
  u8: Uint8Array,
  u32: Uint32Array,
  to: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let sum = 0;
  let i = start | 0;
  let word = to >> 2;
  for (const last = (end - 3) | 0; i < last; i = (i + 4) | 0) {
    const low = bytes[i] | (bytes[i + 1] << 8);
    const high = bytes[i + 2] | (bytes[i + 3] << 8);
    sum = (sum + low + high) | 0;
    u32[word] = low | (high << 16);
    word = (word + 1) | 0;
  }
  let at = word << 2;
  if (i + 1 < end) {
    const first = bytes[i];
    const second = bytes[i + 1];
    sum = (sum + (first | (second << 8))) | 0;
    u8[at] = first;
    u8[at + 1] = second;
    at = (at + 2) | 0;
    i = (i + 2) | 0;
  }
  if (i < end) {
    const last = bytes[i];
    sum = (sum + last) | 0;
    u8[at] = last;
  }
  // Both bytes of each word were taken the wrong way round, so those of the sum are (RFC 1071 §2 B).
  sum = (sum & 0xffff) + (sum >>> 16);
  return ((sum & 0xff) << 8) + (sum >>> 8);
}

let compiled: WasmModule | null | undefined;

/** Sums over a memory; undefined where the processor has no SIMD instructions that will do. It keeps the memory alive. */
export function simdSumOver(memory: WasmMemory): SimdSum | undefined {
  if (compiled === undefined) compiled = compile();
  if (compiled === null || webAssembly === undefined) return undefined;
  const { exports } = new webAssembly.Instance(compiled, { frames: { memory } });
  return exports.sum as SimdSum;
}

function compile(): WasmModule | null {
  if (webAssembly === undefined) return null;
  try {
    const bytes = Uint8Array.from(atob(INTERNET_SUM_WASM.module), (char) => char.charCodeAt(0));
    return new webAssembly.Module(bytes);
  } catch {
    // A processor without SSE4.1, or a program that may not make code at run time: plain JavaScript does it, too.
    return null;
  }
}
