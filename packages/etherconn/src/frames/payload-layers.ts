import { OptionError } from '../errors.ts';
import { requireBytes, show } from '../options.ts';
import type { Definition, Tail } from './definition.ts';

/** Bytes without a header. */

/** Payload: bytes that no known header is in. */
export interface PayloadLayer {
  readonly layer: 'payload';
  readonly bytes: Uint8Array;
}

/** What fills the frame up behind its end as the headers have it. No length and no checksum counts it. */
export interface PaddingLayer {
  readonly layer: 'padding';
  readonly bytes: Uint8Array;
}

const encoder = new TextEncoder();

/** Bytes as they are; text as UTF-8. In an array of layers, text and bytes can stand for themselves. */
export function payload(bytes: Uint8Array | string): PayloadLayer {
  return { layer: 'payload', bytes: toBytes('payload', bytes) };
}

/** So many zeros, or these bytes, behind the end of the packet. */
export function padding(bytes: Uint8Array | number): PaddingLayer {
  if (bytes instanceof Uint8Array) return { layer: 'padding', bytes };
  if (!Number.isInteger(bytes) || bytes < 0 || bytes > 0xffff)
    throw new OptionError('padding', `must be bytes, or a number of them up to 65535, got ${show(bytes)}`);
  return { layer: 'padding', bytes: new Uint8Array(bytes) };
}

export function toBytes(name: string, value: Uint8Array | string): Uint8Array {
  if (typeof value === 'string') return encoder.encode(value);
  if (value instanceof Uint8Array) return value;
  throw new OptionError(name, `must be bytes or text, got ${show(value)}`);
}

const bytes: Tail = {
  name: 'bytes',
  end: (_u8, _at, end) => end,
  write(value, name) {
    requireBytes(name, value);
    return value as Uint8Array;
  },
};

export const payloadDefinition: Definition = {
  name: 'payload',
  length: 0,
  fields: {},
  tail: bytes,
  emit() {},
};
export const paddingDefinition: Definition = {
  name: 'padding',
  length: 0,
  fields: {},
  tail: bytes,
  emit() {},
};

/** A tail of bytes that are kept as they are, but for zeros that fill up to a multiple of 4. */
export function optionBytes(end: Tail['end']): Tail {
  return {
    name: 'options',
    end,
    write(value, name) {
      if (value === undefined) return new Uint8Array(0);
      requireBytes(name, value, 0, 40);
      const given = value as Uint8Array;
      const filled = new Uint8Array((given.length + 3) & ~3);
      filled.set(given);
      return filled;
    },
  };
}
