import { OptionError } from '../errors.ts';
import { show } from '../options.ts';
import { readU16, readU32 } from './bytes.ts';

/** MAC addresses: EUI-48, IEEE 802 §8. On the hot path an address is two integers, high (4 bytes) and low (2). */

/** Bytes of a MAC address. */
export const MAC_LENGTH = 6;

/** ff:ff:ff:ff:ff:ff. Shared: do not write to it. */
export const BROADCAST: Uint8Array = new Uint8Array([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);

const FORMS = [
  /^[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}$/i,
  /^[0-9a-f]{1,2}(?:-[0-9a-f]{1,2}){5}$/i,
  /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/i,
];

/** Whether {@link parseMac} would take the text. */
export function isMac(text: string): boolean {
  return FORMS.some((form) => form.test(text));
}

/**
 * A MAC address from text, 6 new bytes: `02:00:5e:10:00:01`, `02-00-5E-10-00-01` (leading zeros may be
 * missing in both) or `0200.5e10.0001`. Throws an OptionError, naming `option`, for anything else.
 */
export function parseMac(text: string, option = 'mac'): Uint8Array {
  if (typeof text !== 'string' || !isMac(text)) {
    throw new OptionError(option, `must be a MAC address like '02:00:00:00:00:01', got ${show(text)}`);
  }
  return parseDigits(text);
}

/** Of one of the forms. Digit by digit, as a hundred thousand conns may be opened by text. */
function parseDigits(text: string): Uint8Array {
  const bytes = new Uint8Array(MAC_LENGTH);
  const inPairs = text.includes('.');
  let at = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // Of what the forms allow, only separators come before the digits in ASCII, or between them and the letters.
    const isDigit = code >= 0x30 && code !== 0x3a;
    if (digits === 2 || (!isDigit && !inPairs)) {
      at++;
      digits = 0;
    }
    if (!isDigit) continue;
    bytes[at] = (bytes[at] << 4) | (code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57);
    digits++;
  }
  return bytes;
}

/** The MAC address at `offset` as text: lower case, colons. */
export function formatMac(u8: Uint8Array, offset = 0): string {
  let text = HEX[u8[offset]];
  for (let i = 1; i < MAC_LENGTH; i++) text += `:${HEX[u8[offset + i]]}`;
  return text;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The first 4 bytes of the MAC address at `offset`, as an unsigned 32-bit number. */
export function macHigh(u8: Uint8Array, offset = 0): number {
  return readU32(u8, offset);
}

/** The last 2 bytes of the MAC address at `offset`. */
export function macLow(u8: Uint8Array, offset = 0): number {
  return readU16(u8, offset + 4);
}

/** Whether the address at `offset` is a group address (multicast or broadcast): the I/G bit, IEEE 802 §8.2. */
export function isGroupMac(u8: Uint8Array, offset = 0): boolean {
  return (u8[offset] & 1) !== 0;
}

/** Whether the address at `offset` is ff:ff:ff:ff:ff:ff. */
export function isBroadcastMac(u8: Uint8Array, offset = 0): boolean {
  return readU32(u8, offset) === 0xffffffff && readU16(u8, offset + 4) === 0xffff;
}

/** The group MAC address of an IPv4 multicast address (4 bytes at `offset`): its low 23 bits, RFC 1112 §6.4. */
export function ipv4MulticastMac(address: Uint8Array, offset = 0): Uint8Array {
  return new Uint8Array([
    0x01,
    0x00,
    0x5e,
    address[offset + 1] & 0x7f,
    address[offset + 2],
    address[offset + 3],
  ]);
}

/** The group MAC address of an IPv6 multicast address (16 bytes at `offset`): its low 32 bits, RFC 2464 §7. */
export function ipv6MulticastMac(address: Uint8Array, offset = 0): Uint8Array {
  const low = offset + 12;
  return new Uint8Array([0x33, 0x33, address[low], address[low + 1], address[low + 2], address[low + 3]]);
}

/** The solicited-node multicast address ff02::1:ffXX:XXXX of an IPv6 address, 16 new bytes: RFC 4291 §2.7.1. */
export function solicitedNodeAddress(address: Uint8Array, offset = 0): Uint8Array {
  const group = new Uint8Array(16);
  group[0] = 0xff;
  group[1] = 0x02;
  group[11] = 0x01;
  group[12] = 0xff;
  group[13] = address[offset + 13];
  group[14] = address[offset + 14];
  group[15] = address[offset + 15];
  return group;
}

/** The link-local address fe80::/64 with the modified EUI-64 of a MAC address, 16 new bytes: RFC 4291 App. A. */
export function linkLocalAddress(mac: Uint8Array, offset = 0): Uint8Array {
  const address = new Uint8Array(16);
  address[0] = 0xfe;
  address[1] = 0x80;
  address[8] = mac[offset] ^ 0x02;
  address[9] = mac[offset + 1];
  address[10] = mac[offset + 2];
  address[11] = 0xff;
  address[12] = 0xfe;
  address[13] = mac[offset + 3];
  address[14] = mac[offset + 4];
  address[15] = mac[offset + 5];
  return address;
}
