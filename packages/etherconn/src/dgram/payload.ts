import { bufferOutOfBounds, invalidArgType } from './node-errors.ts';

const WANTED: readonly string[] = ['Buffer', 'TypedArray', 'DataView', 'string'];

/** Bytes of one message argument; undefined for what is none. Shares memory, except for strings. */
export function toBytes(value: unknown): Uint8Array | undefined {
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return undefined;
}

/** A message that is not a list. */
export function messageBytes(value: unknown): Uint8Array {
  const bytes = toBytes(value);
  if (bytes === undefined) throw invalidArgType('buffer', WANTED, value);
  return bytes;
}

/** A message, or a list of parts as one; a list of one part shares its memory. */
export function messageOrList(value: unknown): Uint8Array {
  if (!Array.isArray(value)) return messageBytes(value);
  const parts: Uint8Array[] = [];
  for (const part of value) {
    const bytes = toBytes(part);
    if (bytes === undefined) throw invalidArgType('buffer list arguments', WANTED, value);
    parts.push(bytes);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** Checks that a message has `count` bytes from `start`. */
export function checkSlice(bytes: Uint8Array, start: number, count: number): void {
  if (start > bytes.length) throw bufferOutOfBounds('offset');
  if (start + count > bytes.length) throw bufferOutOfBounds('length');
}
