import { OptionError } from '../errors.ts';

/**
 * Big-endian access to a byte array. A DataView would do the same, but the frame's Uint8Array is what every
 * parser has in its hands, and these are inlined by the engine.
 */

/** The 16-bit number at `offset`. */
export function readU16(u8: Uint8Array, offset: number): number {
  return (u8[offset] << 8) | u8[offset + 1];
}

/** The unsigned 32-bit number at `offset`. */
export function readU32(u8: Uint8Array, offset: number): number {
  return ((u8[offset] << 24) | (u8[offset + 1] << 16) | (u8[offset + 2] << 8) | u8[offset + 3]) >>> 0;
}

/** The 32-bit number at `offset` as a signed integer, which the engine keeps without an object. */
export function readI32(u8: Uint8Array, offset: number): number {
  return (u8[offset] << 24) | (u8[offset + 1] << 16) | (u8[offset + 2] << 8) | u8[offset + 3];
}

/** Writes the low 16 bits of `value` at `offset`. */
export function writeU16(u8: Uint8Array, offset: number, value: number): void {
  u8[offset] = value >>> 8;
  u8[offset + 1] = value;
}

/** Writes the low 32 bits of `value` at `offset`. */
export function writeU32(u8: Uint8Array, offset: number, value: number): void {
  u8[offset] = value >>> 24;
  u8[offset + 1] = value >>> 16;
  u8[offset + 2] = value >>> 8;
  u8[offset + 3] = value;
}

/** Whether `length` bytes at `a` and at `b` are the same. */
export function sameBytes(u8a: Uint8Array, a: number, u8b: Uint8Array, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (u8a[a + i] !== u8b[b + i]) return false;
  return true;
}

/**
 * Refuses to emit past the end of the array: stores out of range are silently ignored by a Uint8Array, and
 * the frame would go out without them.
 */
export function checkRoom(what: string, u8: Uint8Array, offset: number, length: number): void {
  if (!Number.isInteger(offset) || offset < 0 || offset + length > u8.length) {
    throw new OptionError(
      'offset',
      `${what} of ${length} bytes at ${offset} does not fit in ${u8.length} bytes`,
    );
  }
}

/** Refuses an address whose number of bytes is not `length`. */
export function checkBytes(name: string, value: unknown, length: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== length) {
    const got = value instanceof Uint8Array ? `${value.length} bytes` : typeof value;
    throw new OptionError(name, `must be a Uint8Array of ${length} bytes, got ${got}`);
  }
  return value;
}

/** Far beyond any frame. */
const RANGE_MAX = 2 ** 24;

/** Throws a RangeError when going through `[start, end)` would take for ever. */
export function checkRange(start: number, end: number): void {
  if (start >= 0 && end - start <= RANGE_MAX) return;
  throw new RangeError(`[${start}, ${end}) is no range of a frame`);
}

/** Whether all bytes from `start` to `end` are 0. */
export function isZero(u8: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (u8[i] !== 0) return false;
  return true;
}
