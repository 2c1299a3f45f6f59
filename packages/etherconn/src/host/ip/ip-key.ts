import { readU16, readU32 } from '../../wire/bytes.ts';

/** An address as the key of a Map: a number for IPv4, 8 characters for IPv6. */
export type IpKey = number | string;

/** The key of the address of `version` 4 or 6 at `offset`. */
export function ipKey(u8: Uint8Array, offset: number, version: number): IpKey {
  if (version === 4) return readU32(u8, offset) | 0;
  return String.fromCharCode(
    readU16(u8, offset),
    readU16(u8, offset + 2),
    readU16(u8, offset + 4),
    readU16(u8, offset + 6),
    readU16(u8, offset + 8),
    readU16(u8, offset + 10),
    readU16(u8, offset + 12),
    readU16(u8, offset + 14),
  );
}
