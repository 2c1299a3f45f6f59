import { OptionError } from '../errors.ts';
import { requireBytes, requireInteger, show } from '../options.ts';
import { fromFloatingCode, toFloatingCode } from '../wire/floating-code.ts';
import { formatIp, parseIp } from '../wire/ip.ts';
import { formatMac, parseMac } from '../wire/mac.ts';

/** Fields of headers: where one is, and its value in a layer. Reading and writing go by one description. */

export interface Field {
  /** The value in the header at `at`. */
  read(u8: Uint8Array, at: number): unknown;
  /** Throws an OptionError in the name of `name` when the field cannot have the value. */
  write(u8: Uint8Array, at: number, value: unknown, name: string): void;
  /** `build` works it out, so a parsed layer has it only when it is another value: lengths, checksums, types. */
  readonly filled: boolean;
  /** `show` writes the value with so many hexadecimal digits; 0 for decimal. */
  readonly hexDigits: number;
  /** Whether the header has the field at all; default: always. */
  readonly isThere?: (u8: Uint8Array, at: number) => boolean;
}

type Codec = Pick<Field, 'read' | 'write'>;
type Extras = Partial<Omit<Field, 'read' | 'write'>>;

function field(codec: Codec, extras: Extras): Field {
  return { filled: false, hexDigits: 0, ...codec, ...extras };
}

/** For fields that `build` works out. */
export const FILLED = { filled: true } as const;
/** For types and checksums, which `build` works out. */
export const FILLED_HEX = { filled: true, hexDigits: 4 } as const;

/** An unsigned number of up to 32 bits, `first` bits from the start; it is a multiple of `unit`. */
export function bits(first: number, count: number, extras: Extras & { readonly unit?: number } = {}): Field {
  const { unit = 1, ...rest } = extras;
  const max = (2 ** count - 1) * unit;
  return field(
    {
      read(u8, at) {
        let value = 0;
        for (let bit = first; bit < first + count; bit++)
          value = 2 * value + ((u8[at + (bit >> 3)] >> (7 - (bit & 7))) & 1);
        return value * unit;
      },
      write(u8, at, value, name) {
        let rest = requireInteger(name, value, 0, max) / unit;
        if (!Number.isInteger(rest))
          throw new OptionError(name, `must be a multiple of ${unit}, got ${value}`);
        for (let bit = first + count - 1; bit >= first; bit--) {
          const mask = 1 << (7 - (bit & 7));
          const byte = at + (bit >> 3);
          u8[byte] = rest % 2 === 1 ? u8[byte] | mask : u8[byte] & ~mask;
          rest = Math.floor(rest / 2);
        }
      },
    },
    rest,
  );
}

/** A number of whole bytes. */
export function uint(
  offset: number,
  bytes: 1 | 2 | 3 | 4,
  extras: Extras & { readonly unit?: number } = {},
): Field {
  return bits(8 * offset, 8 * bytes, extras);
}

/** One bit. */
export function flag(bit: number): Field {
  const one = bits(bit, 1);
  return field(
    {
      read: (u8, at) => one.read(u8, at) === 1,
      write(u8, at, value, name) {
        if (typeof value !== 'boolean')
          throw new OptionError(name, `must be true or false, got ${show(value)}`);
        one.write(u8, at, value ? 1 : 0, name);
      },
    },
    {},
  );
}

/** A number of 4 bytes, least significant byte first. */
export function littleEndian(offset: number, extras: Extras): Field {
  return field(
    {
      read: (u8, at) =>
        (u8[at + offset] |
          (u8[at + offset + 1] << 8) |
          (u8[at + offset + 2] << 16) |
          (u8[at + offset + 3] << 24)) >>>
        0,
      write(u8, at, value, name) {
        const number = requireInteger(name, value, 0, 0xffffffff);
        for (let i = 0; i < 4; i++) u8[at + offset + i] = number >>> (8 * i);
      },
    },
    extras,
  );
}

/** A number with an exponent, as IGMP and MLD have times, in multiples of `unit`; rounded down to what can be said. */
export function floating(offset: number, width: 8 | 16, unit: number): Field {
  const code = uint(offset, width === 8 ? 1 : 2);
  const max = fromFloatingCode(2 ** width - 1, width) * unit;
  return field(
    {
      read: (u8, at) => unit * fromFloatingCode(code.read(u8, at) as number, width),
      write(u8, at, value, name) {
        code.write(u8, at, toFloatingCode(requireInteger(name, value, 0, max) / unit, width), name);
      },
    },
    {},
  );
}

/** A MAC address, as text. */
export function mac(offset: number): Field {
  return field(
    {
      read: (u8, at) => formatMac(u8, at + offset),
      write: (u8, at, value, name) => u8.set(parseMac(value as string, name), at + offset),
    },
    {},
  );
}

/** An IP address of a version, as text. */
export function ip(offset: number, version: 4 | 6): Field {
  return field(
    {
      read: (u8, at) => formatIp(u8, at + offset, version),
      write: (u8, at, value, name) => u8.set(ipBytes(value, version, name), at + offset),
    },
    {},
  );
}

/** The bytes of an address of a version. Throws an OptionError in the name of `name` for others. */
export function ipBytes(value: unknown, version: 4 | 6, name: string): Uint8Array {
  const address = parseIp(value as string, name);
  if (address.length === (version === 4 ? 4 : 16)) return address;
  throw new OptionError(name, `must be an IPv${version} address, got ${show(value)}`);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Text that zeros fill up to a length; bytes where there is something else. */
export function text(offset: number, length: number): Field {
  return field(
    {
      read(u8, at) {
        const all = u8.subarray(at + offset, at + offset + length);
        const value = decoder.decode(all).replace(/\0+$/, '');
        const encoded = encoder.encode(value);
        const isText = !value.includes('\0') && encoded.every((byte, i) => byte === all[i]);
        return isText ? value : all.slice();
      },
      write(u8, at, value, name) {
        const bytes = typeof value === 'string' ? encoder.encode(value) : value;
        requireBytes(name, bytes, 0, length);
        u8.set(bytes as Uint8Array, at + offset);
      },
    },
    {},
  );
}
