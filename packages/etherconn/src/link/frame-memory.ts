import type { FrameMemory } from './link.ts';

/** Frame memory of `bytes` bytes (a multiple of 4), from the JavaScript heap, zeroed. */
export function allocateFrameMemory(bytes: number): FrameMemory {
  const buffer = new ArrayBuffer(bytes);
  return {
    u8: new Uint8Array(buffer),
    u16: new Uint16Array(buffer),
    u32: new Uint32Array(buffer),
    view: new DataView(buffer),
  };
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
