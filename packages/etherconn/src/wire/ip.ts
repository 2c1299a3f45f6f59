import { OptionError } from '../errors.ts';
import { show } from '../options.ts';
import { isZero, readU16, readU32, sameBytes } from './bytes.ts';

/** IP addresses and prefixes as bytes and as text. IPv6 text: RFC 4291 §2.2 in, RFC 5952 out; zones: RFC 4007 §11. */

/** An address with the prefix length of its network, as of `10.0.0.5/24`. */
export interface IpPrefix {
  /** 4 or 16 bytes; bits after the prefix are kept. */
  readonly address: Uint8Array;
  /** Bits, 0 to 32 or 0 to 128. */
  readonly length: number;
}

/** An address with the zone behind its `%`; '' when there is none. */
export interface IpWithZone {
  readonly address: Uint8Array;
  readonly zone: string;
}

/** 4 or 6 for a text that {@link parseIp} takes, else 0. */
export function isIp(text: string): 0 | 4 | 6 {
  const address = readIp(text);
  return address === undefined ? 0 : address.length === 4 ? 4 : 6;
}

/**
 * An address from text, 4 or 16 new bytes. IPv4 is four decimal numbers without leading zeros; a zone is
 * not taken (see {@link parseIpWithZone}). Throws an OptionError, naming `option`, for anything else.
 */
export function parseIp(text: string, option = 'address'): Uint8Array {
  const address = readIp(text);
  if (address === undefined) throw new OptionError(option, `must be an IP address, got ${show(text)}`);
  return address;
}

/** As {@link parseIp}, and takes `fe80::1%eth0`. Only IPv6 addresses have zones. */
export function parseIpWithZone(text: string, option = 'address'): IpWithZone {
  const percent = typeof text === 'string' ? text.indexOf('%') : -1;
  if (percent < 0) return { address: parseIp(text, option), zone: '' };
  const address = readIp(text.slice(0, percent));
  const zone = text.slice(percent + 1);
  if (address?.length !== 16 || zone === '' || zone.includes('%')) {
    throw new OptionError(option, `must be an IP address with or without a zone, got ${show(text)}`);
  }
  return { address, zone };
}

/** A prefix from text, `10.0.0.5/24` or `2001:db8::/32`. Throws an OptionError naming `option`. */
export function parsePrefix(text: string, option = 'prefix'): IpPrefix {
  const [before, after, ...rest] = typeof text === 'string' ? text.split('/') : [];
  const address = before === undefined ? undefined : readIp(before);
  if (
    address === undefined ||
    after === undefined ||
    rest.length > 0 ||
    !/^(?:0|[1-9]\d{0,2})$/.test(after)
  ) {
    throw new OptionError(
      option,
      `must be an address and a prefix length like '10.0.0.5/24', got ${show(text)}`,
    );
  }
  const length = Number(after);
  if (length > address.length * 8) {
    throw new OptionError(option, `prefix length must be at most ${address.length * 8}, got ${length}`);
  }
  return { address, length };
}

/** A prefix as text, bits after the prefix kept. */
export function formatPrefix(prefix: IpPrefix): string {
  return `${formatIp(prefix.address)}/${prefix.length}`;
}

/** Whether the address (as many bytes as the prefix's, at `offset`) is in the prefix's network. */
export function prefixContains(prefix: IpPrefix, address: Uint8Array, offset = 0): boolean {
  const bytes = prefix.length >> 3;
  if (!sameBytes(prefix.address, 0, address, offset, bytes)) return false;
  const bits = prefix.length & 7;
  return bits === 0 || (prefix.address[bytes] ^ address[offset + bytes]) >> (8 - bits) === 0;
}

/** Whether two addresses are the same; an IPv4-mapped IPv6 address is not its IPv4 address. */
export function ipEquals(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && sameBytes(a, 0, b, 0, a.length);
}

/** Order for sorting: IPv4 before IPv6, then numerically. Below, above or equal 0. */
export function compareIp(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return 0;
}

/** Whether the address of `version` 4 or 6 at `offset` is multicast: 224.0.0.0/4 or ff00::/8. */
export function isMulticastIp(u8: Uint8Array, offset: number, version: number): boolean {
  return version === 4 ? u8[offset] >> 4 === 0xe : u8[offset] === 0xff;
}

/** Whether the address of `version` 4 or 6 at `offset` is the unspecified one: 0.0.0.0 or ::. */
export function isUnspecifiedIp(u8: Uint8Array, offset: number, version: number): boolean {
  return isZero(u8, offset, offset + (version === 4 ? 4 : 16));
}

/** Whether the address of `version` 4 or 6 at `offset` is of 127.0.0.0/8 (RFC 1122 §3.2.1.3), or ::1 (RFC 4291 §2.5.3). */
export function isLoopbackIp(u8: Uint8Array, offset: number, version: number): boolean {
  if (version === 4) return u8[offset] === 127;
  return u8[offset + 15] === 1 && isZero(u8, offset, offset + 15);
}

/** Whether the 16 bytes at `offset` are a link-local address, fe80::/10 (RFC 4291 §2.5.6). */
export function isLinkLocalIpv6(u8: Uint8Array, offset = 0): boolean {
  return u8[offset] === 0xfe && (u8[offset + 1] & 0xc0) === 0x80;
}

/**
 * Whether the 16 bytes at `offset` are a group whose datagrams never leave the interface that they are sent from: ff01::/16
 * and its variants, and the reserved scope 0 (RFC 4291 §2.7 with erratum 3480).
 */
export function isInterfaceLocalGroup(u8: Uint8Array, offset = 0): boolean {
  return u8[offset] === 0xff && (u8[offset + 1] & 0xf) <= 1;
}

/** Whether the 4 bytes at `offset` are the limited broadcast address, 255.255.255.255 (RFC 919 §7). */
export function isLimitedBroadcast(u8: Uint8Array, offset = 0): boolean {
  return readU32(u8, offset) === 0xffffffff;
}

/**
 * Whether the address of `version` 4 or 6 at `offset` is the group of all hosts: 224.0.0.1 (RFC 1112 §4), ff02::1 on the
 * link, or ff01::1 on the interface (RFC 4291 §2.7.1).
 */
export function isAllHostsIp(u8: Uint8Array, offset: number, version: number): boolean {
  if (version === 4) return readU32(u8, offset) === 0xe0000001;
  const start = readU16(u8, offset);
  if (start !== 0xff02 && start !== 0xff01) return false;
  return u8[offset + 15] === 1 && isZero(u8, offset + 2, offset + 15);
}

/**
 * The address at `offset` as canonical text. `version` 4 or 6; default: by the array's length.
 * IPv6 as of RFC 5952: lower case, the first longest run of two or more zero groups as `::`, IPv4-mapped
 * addresses as `::ffff:10.0.0.1` (§5).
 */
export function formatIp(u8: Uint8Array, offset = 0, version: number = u8.length === 4 ? 4 : 6): string {
  return version === 4 ? formatIpv4(u8, offset) : formatIpv6(u8, offset);
}

function formatIpv4(u8: Uint8Array, offset: number): string {
  return `${u8[offset]}.${u8[offset + 1]}.${u8[offset + 2]}.${u8[offset + 3]}`;
}

function formatIpv6(u8: Uint8Array, offset: number): string {
  if (isIpv4Mapped(u8, offset)) return `::ffff:${formatIpv4(u8, offset + 12)}`;
  let runStart = -1;
  let runLength = 1;
  for (let group = 0; group < 8; group++) {
    let length = 0;
    while (group + length < 8 && readU16(u8, offset + 2 * (group + length)) === 0) length++;
    if (length > runLength) {
      runStart = group;
      runLength = length;
    }
    group += length;
  }
  let text = '';
  for (let group = 0; group < 8; group++) {
    if (group === runStart) {
      text += '::';
      group += runLength - 1;
    } else {
      if (text !== '' && !text.endsWith(':')) text += ':';
      text += readU16(u8, offset + 2 * group).toString(16);
    }
  }
  return text;
}

/** Whether the 16 bytes at `offset` are an IPv4-mapped address ::ffff:a.b.c.d (RFC 4291 §2.5.5.2). */
export function isIpv4Mapped(u8: Uint8Array, offset = 0): boolean {
  for (let i = 0; i < 10; i++) if (u8[offset + i] !== 0) return false;
  return u8[offset + 10] === 0xff && u8[offset + 11] === 0xff;
}

/** 16 bytes, new unless they are given: an IPv4 address (4 bytes) becomes IPv4-mapped. */
export function toIpv6Bytes(address: Uint8Array): Uint8Array {
  if (address.length === 16) return address;
  const mapped = new Uint8Array(16);
  mapped.fill(0xff, 10, 12);
  mapped.set(address, 12);
  return mapped;
}

function readIp(text: unknown): Uint8Array | undefined {
  if (typeof text !== 'string' || text.length > 45) return undefined;
  if (text.includes(':')) return readIpv6(text);
  const address = new Uint8Array(4);
  return readIpv4(text, address, 0) ? address : undefined;
}

function readIpv4(text: string, into: Uint8Array, offset: number): boolean {
  const parts = text.split('.');
  if (parts.length !== 4) return false;
  for (let i = 0; i < 4; i++) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(parts[i]) || Number(parts[i]) > 255) return false;
    into[offset + i] = Number(parts[i]);
  }
  return true;
}

function readIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const address = new Uint8Array(16);
  // Written from the front; what is behind '::' is then moved to the end.
  const head = readGroups(halves[0], halves.length === 1, address, 0);
  if (head < 0) return undefined;
  if (halves.length === 1) return head === 16 ? address : undefined;
  const tail = readGroups(halves[1], true, address, head);
  if (tail < 0 || tail > 14) return undefined;
  address.copyWithin(16 - (tail - head), head, tail);
  address.fill(0, head, 16 - (tail - head));
  return address;
}

/** Reads colon-separated groups to `offset`; returns the offset after them, -1 when something is wrong. */
function readGroups(text: string, isEnd: boolean, into: Uint8Array, offset: number): number {
  if (text === '') return offset;
  const groups = text.split(':');
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i];
    if (isEnd && i === groups.length - 1 && group.includes('.')) {
      if (offset > 12 || !readIpv4(group, into, offset)) return -1;
      return offset + 4;
    }
    if (offset > 14 || !/^[0-9a-f]{1,4}$/i.test(group)) return -1;
    const value = Number.parseInt(group, 16);
    into[offset] = value >> 8;
    into[offset + 1] = value;
    offset += 2;
  }
  return offset;
}
