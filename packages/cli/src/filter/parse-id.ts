import { parseIp } from 'etherconn/wire';
import type { Cursor } from './cursor.ts';
import {
  type AddressProtocol,
  type Direction,
  type Expression,
  etherTypeOf,
  isProtocol,
  numberOf,
  type PortProtocol,
} from './expression.ts';
import { FilterError } from './filter-error.ts';

/** The words before a value, which values behind it inherit: `tcp dst port 80 or 443`. */
export interface Qualifiers {
  readonly over: 'ether' | AddressProtocol | PortProtocol | null;
  readonly direction: Direction;
  readonly type: 'host' | 'net' | 'port' | 'portrange' | 'proto';
}

const ALL_BITS = 0xffff_ffff;

/** A value with its qualifiers: what they say together. */
export function parseId(cursor: Cursor, qualifiers: Qualifiers): Expression {
  switch (qualifiers.type) {
    case 'host':
      return qualifiers.over === 'ether' ? etherHost(cursor, qualifiers) : host(cursor, qualifiers);
    case 'net':
      return net(cursor, qualifiers);
    case 'port':
      return ports(cursor, qualifiers, false);
    case 'portrange':
      return ports(cursor, qualifiers, true);
    case 'proto':
      return protocolNumber(cursor, qualifiers);
  }
}

function etherHost(cursor: Cursor, { direction }: Qualifiers): Expression {
  if (cursor.next.kind !== 'mac') throw cursor.unexpected('a MAC address');
  const { text } = cursor.take();
  const groups = text.split(/[:.-]/);
  const digits = groups.map((group) => group.padStart(groups.length === 3 ? 4 : 2, '0')).join('');
  return { kind: 'ether host', direction, mac: Uint8Array.from(Buffer.from(digits, 'hex')) };
}

function host(cursor: Cursor, qualifiers: Qualifiers): Expression {
  const { kind, text, at } = cursor.next;
  if (kind === 'mac') throw new FilterError(at, `'${text}' is a MAC address: write ether host before it`);
  if (kind === 'ipv4' && text.split('.').length < 4)
    throw cursor.unexpected('a whole address (net takes the beginning of one)');
  if (kind !== 'ipv4' && kind !== 'ipv6')
    throw cursor.unexpected(`an IP address${kind === 'word' ? ' (names are not looked up)' : ''}`);
  const address = kind === 'ipv4' ? words4(text, at) : words6(text);
  cursor.take();
  if (cursor.sees('/'))
    throw cursor.unexpected('no prefix behind the address of a host: write net before it');
  return addressOf(
    qualifiers,
    at,
    address,
    address.length === 1 ? [ALL_BITS] : [ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS],
  );
}

function net(cursor: Cursor, qualifiers: Qualifiers): Expression {
  const { kind, text, at } = cursor.next;
  if (kind === 'ipv6') {
    cursor.take();
    const address = words6(text);
    return network(qualifiers, at, text, address, maskOf(prefix(cursor, 128) ?? 128, 4));
  }
  if (kind !== 'ipv4' && kind !== 'number')
    throw cursor.unexpected(
      `a network like 10.0.0.0/8${kind === 'word' ? ' (names are not looked up)' : ''}`,
    );
  const parts = text.split('.').length;
  const [address] = words4(kind === 'number' ? String(cursor.next.value) : text, at);
  cursor.take();
  if (cursor.accept('mask') !== undefined) {
    const mask = cursor.next;
    if (mask.kind !== 'ipv4' || mask.text.split('.').length < 4)
      throw cursor.unexpected('a mask like 255.255.0.0');
    const words = words4(mask.text, mask.at);
    cursor.take();
    return network(qualifiers, at, text, [address], words);
  }
  return network(qualifiers, at, text, [address], maskOf(prefix(cursor, 32) ?? 8 * parts, 1));
}

function prefix(cursor: Cursor, most: number): number | undefined {
  if (cursor.accept('/') === undefined) return undefined;
  const { kind, value } = cursor.next;
  if (kind !== 'number' || value > most) throw cursor.unexpected(`a prefix length from 0 to ${most}`);
  return cursor.take().value;
}

function network(
  qualifiers: Qualifiers,
  at: number,
  text: string,
  address: readonly number[],
  mask: readonly number[],
): Expression {
  if (address.some((word, i) => (word & ~mask[i]!) !== 0))
    throw new FilterError(at, `'${text}' has bits behind the mask of its network`);
  return addressOf(qualifiers, at, address, mask);
}

function addressOf(
  { over, direction, type }: Qualifiers,
  at: number,
  address: readonly number[],
  mask: readonly number[],
): Expression {
  if (over === 'tcp' || over === 'udp' || over === 'sctp' || over === 'ether')
    throw new FilterError(at, `${over} cannot go with an IP ${type}: write '${over} and ${type} …'`);
  if (over !== null && (over === 'ip6') !== (address.length === 4))
    throw new FilterError(at, `an address of IPv${address.length === 4 ? 6 : 4} cannot go with ${over}`);
  return { kind: 'address', over, direction, address, mask };
}

/** The beginning of an IPv4 address, or all of it; the rest is 0. */
function words4(text: string, at: number): [number] {
  const bytes = text.split('.').map(Number);
  if (bytes.some((byte) => byte > 255)) throw new FilterError(at, `'${text}' is not an IPv4 address`);
  while (bytes.length < 4) bytes.push(0);
  return [bytes.reduce((word, byte) => ((word << 8) | byte) >>> 0, 0)];
}

function words6(text: string): number[] {
  const view = new DataView(parseIp(text).slice().buffer);
  return [0, 4, 8, 12].map((offset) => view.getUint32(offset));
}

function maskOf(length: number, words: number): number[] {
  return Array.from({ length: words }, (_, i) => {
    const bits = Math.min(32, Math.max(0, length - 32 * i));
    return bits === 0 ? 0 : (ALL_BITS << (32 - bits)) >>> 0;
  });
}

function ports(cursor: Cursor, { over, direction }: Qualifiers, isRange: boolean): Expression {
  const first = port(cursor);
  const last = isRange && cursor.accept('-') !== undefined ? port(cursor) : first;
  return {
    kind: 'ports',
    over: over as PortProtocol | null,
    direction,
    first: Math.min(first, last),
    last: Math.max(first, last),
  };
}

function port(cursor: Cursor): number {
  const { kind, value } = cursor.next;
  if (kind !== 'number' || value > 0xffff)
    throw cursor.unexpected(`a port from 0 to 65535${kind === 'word' ? ' (names are not looked up)' : ''}`);
  return cursor.take().value;
}

function protocolNumber(cursor: Cursor, { over }: Qualifiers): Expression {
  const { kind, text, value } = cursor.next;
  const limit = over === 'ether' ? 0xffff : 0xff;
  let number: number | null = null;
  if (kind === 'number' && value <= limit) number = value;
  else if (kind === 'word' && isProtocol(text))
    number = over === 'ether' ? etherTypeOf(text) : numberOf(text);
  if (number === null) {
    const example = over === 'ether' ? 'ip6' : 'tcp';
    throw cursor.unexpected(`a number from 0 to ${limit}, or a protocol like ${example}`);
  }
  cursor.take();
  return { kind: 'protocol number', over: over as 'ip' | 'ip6' | 'ether' | null, number };
}
