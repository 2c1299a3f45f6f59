import { OptionError } from '../errors.ts';
import { checkBoolean, checkInteger } from '../options.ts';
import { checkBytes, checkRoom, readU16, readU32, writeU16, writeU32 } from './bytes.ts';
import { formatIp } from './ip.ts';
import {
  IPV6_FRAGMENT_LENGTH,
  IPV6_HEADER_LENGTH,
  IPV6_NEXT_HEADER,
  Ipv6HeaderWalk,
  isIpv6Extension,
} from './ipv6-headers.ts';
import { ParseError } from './parse-error.ts';
import { IpProtocol, protocolName } from './protocol.ts';
import { Fragment, type FrameRecord } from './record.ts';

/**
 * IPv6 and its extension headers: RFC 8200; atomic fragments: RFC 6946. Offsets are from the start of the header.
 *
 * Hop-by-hop options, routing, destination options and fragment headers are walked through. Everything else (AH
 * and ESP too) is the protocol. Jumbograms (RFC 2675) are not known: a payload length of 0 means no payload.
 */

/** Offset of the version (4 bits), the traffic class (8 bits) and the flow label (20 bits). */
export const IPV6_VERSION_CLASS_FLOW = 0;
/** Offset of the payload length in bytes, 16 bits; extension headers count as payload. */
export const IPV6_PAYLOAD_LENGTH = 4;
/** Offset of the hop limit, 8 bits. */
export const IPV6_HOP_LIMIT = 7;
/** Offset of the source address, 16 bytes. */
export const IPV6_SOURCE = 8;
/** Offset of the destination address, 16 bytes. */
export const IPV6_DESTINATION = 24;
export { IPV6_FRAGMENT_LENGTH, IPV6_HEADER_LENGTH, IPV6_NEXT_HEADER };

/** Fields of an IPv6 header to write (RFC 8200, 3). */
export interface Ipv6Fields {
  /** 16 bytes. */
  readonly source: Uint8Array;
  /** 16 bytes. */
  readonly destination: Uint8Array;
  /** Protocol, or the first extension header's number. */
  readonly nextHeader: number;
  /** Bytes behind the fixed header: extension headers count. */
  readonly payloadLength: number;
  /** Default 64. */
  readonly hopLimit?: number;
  /** DSCP (6 bits) and ECN (2 bits); default 0. */
  readonly trafficClass?: number;
  /** 20 bits, RFC 6437; default 0. */
  readonly flowLabel?: number;
}

/** Fields of an IPv6 fragment header to write (RFC 8200, 4.5). */
export interface Ipv6FragmentFields {
  readonly nextHeader: number;
  /** In bytes, a multiple of 8; default 0. */
  readonly fragmentOffset?: number;
  /** Default false. */
  readonly moreFragments?: boolean;
  /** 32 bits. */
  readonly identification: number;
}

/**
 * Parses the header at `record.l3`, up to `record.l3End`, and its extension headers: version, lengths, addresses,
 * protocol, fragment, l4; cuts l3End by the payload length.
 *
 * Returns the offset where the transport segment ends by the header's own word (that is over l3End when bytes
 * are missing), or -1 when there is no transport header to look at: a later fragment, or a faulty header.
 */
export function parseIpv6(u8: Uint8Array, record: FrameRecord): number {
  const l3 = record.l3;
  const there = record.l3End - l3;
  if (there < IPV6_HEADER_LENGTH) {
    record.error = ParseError.IPV6_TRUNCATED;
    return -1;
  }
  if (u8[l3] >> 4 !== 6) {
    record.error = ParseError.IPV6_VERSION;
    return -1;
  }
  record.ipVersion = 6;
  record.ipSource = l3 + IPV6_SOURCE;
  record.ipDestination = l3 + IPV6_DESTINATION;
  const declaredEnd = l3 + IPV6_HEADER_LENGTH + readU16(u8, l3 + IPV6_PAYLOAD_LENGTH);
  if (declaredEnd > record.l3End) record.error = ParseError.IPV6_LENGTH_OVER;
  else record.l3End = declaredEnd;
  const next = u8[l3 + IPV6_NEXT_HEADER];
  if (isIpv6Extension(next)) {
    if (!parseExtensions(u8, record)) return -1;
  } else {
    record.protocol = next;
    record.l4 = l3 + IPV6_HEADER_LENGTH;
  }
  return declaredEnd;
}

/** Of every function here. Used at once. */
const walk = new Ipv6HeaderWalk();

/** Goes through the chain; false when it does not lead to a transport header. */
function parseExtensions(u8: Uint8Array, record: FrameRecord): boolean {
  walk.begin(u8, record.l3, record.l3End);
  while (walk.next(u8)) {
    if (walk.kind !== IpProtocol.FRAGMENT) continue;
    const offsetFlags = readU16(u8, walk.offset + 2);
    if (offsetFlags >> 3 !== 0) {
      record.fragment = Fragment.LATER;
      const following = u8[walk.offset];
      // What follows an extension header in the first fragment cannot be known here.
      if (!isIpv6Extension(following)) record.protocol = following;
      record.l4 = walk.offset + IPV6_FRAGMENT_LENGTH;
      return false;
    }
    if ((offsetFlags & 1) !== 0) record.fragment = Fragment.FIRST;
  }
  if (isIpv6Extension(walk.kind)) {
    // In a first fragment the rest of the chain may be in the next one, which is not a fault of this one.
    if (record.fragment === Fragment.NONE) chainError(record);
    return false;
  }
  record.protocol = walk.kind;
  record.l4 = walk.offset;
  return true;
}

/** The first thing found wrong counts: bytes that are missing may be why the chain is. */
function chainError(record: FrameRecord): void {
  if (record.error === 0) record.error = ParseError.IPV6_EXTENSION_TRUNCATED;
}

/** Traffic class (DSCP and ECN) of the header at `offset`. */
export function ipv6TrafficClass(u8: Uint8Array, offset: number): number {
  return (readU16(u8, offset) >> 4) & 0xff;
}

/** Flow label of the header at `offset`. */
export function ipv6FlowLabel(u8: Uint8Array, offset: number): number {
  return readU32(u8, offset) & 0xfffff;
}

/** Payload length of the header at `offset`: bytes behind the fixed header. */
export function ipv6PayloadLength(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + IPV6_PAYLOAD_LENGTH);
}

/** Next header field of the fixed header at `offset`; the protocol behind the extensions is in the record. */
export function ipv6NextHeader(u8: Uint8Array, offset: number): number {
  return u8[offset + IPV6_NEXT_HEADER];
}

/** Hop limit of the header at `offset`. */
export function ipv6HopLimit(u8: Uint8Array, offset: number): number {
  return u8[offset + IPV6_HOP_LIMIT];
}

/**
 * Offset of the extension header `kind` (the first of it) of a parsed frame, -1 when the chain has none or ends
 * before it. That header is whole.
 */
export function findIpv6Extension(u8: Uint8Array, record: FrameRecord, kind: number): number {
  if (record.ipVersion !== 6) return -1;
  walk.begin(u8, record.l3, record.l3End);
  while (walk.next(u8)) if (walk.kind === kind) return walk.offset;
  return -1;
}

/** Fragment offset, in bytes, of the fragment header at `offset`. */
export function ipv6FragmentOffset(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + 2) & 0xfff8;
}

/** "More fragments" of the fragment header at `offset`. */
export function ipv6MoreFragments(u8: Uint8Array, offset: number): boolean {
  return (u8[offset + 3] & 1) !== 0;
}

/** Identification of the fragment header at `offset`. */
export function ipv6FragmentId(u8: Uint8Array, offset: number): number {
  return readU32(u8, offset + 4);
}

/** Routing type 0 (RFC 5095 deprecates it), mobile IPv6 (RFC 6275), segment routing (RFC 8754). */
const ROUTING_SOURCE = 0;
const ROUTING_MOBILE = 2;
const ROUTING_SEGMENTS = 4;

/**
 * Offset of the destination address that goes into the pseudo-header (RFC 8200 §8.1): with a routing header of a known
 * type that is not used up, the last on the route.
 */
export function ipv6FinalDestination(u8: Uint8Array, record: FrameRecord): number {
  const routing = findIpv6Extension(u8, record, IpProtocol.ROUTING);
  const addresses = routing < 0 || u8[routing + 3] === 0 ? 0 : u8[routing + 1] >> 1;
  if (addresses === 0) return record.ipDestination;
  const type = u8[routing + 2];
  if (type === ROUTING_SOURCE || type === ROUTING_MOBILE) return routing + 8 + 16 * (addresses - 1);
  // Segments stand in reverse order.
  return type === ROUTING_SEGMENTS ? routing + 8 : record.ipDestination;
}

const OPTION_PAD1 = 0;
/** RFC 6275 §6.3: a mobile node's own address. */
const OPTION_HOME_ADDRESS = 0xc9;

/**
 * Offset of the source address that goes into the pseudo-header (RFC 6275 §11.3.1): that of a home address option in a
 * destination options header, else the header's own.
 */
export function ipv6PseudoSource(u8: Uint8Array, record: FrameRecord): number {
  walk.begin(u8, record.l3, record.l3End);
  while (walk.next(u8)) {
    if (walk.kind !== IpProtocol.DESTINATION_OPTIONS) continue;
    const end = walk.offset + walk.length;
    for (let at = walk.offset + 2; at < end; ) {
      if (u8[at] === OPTION_PAD1) {
        at++;
        continue;
      }
      const next = at + 1 < end ? at + 2 + u8[at + 1] : Infinity;
      if (next > end) break;
      if (u8[at] === OPTION_HOME_ADDRESS && next === at + 18) return at + 2;
      at = next;
    }
  }
  return record.ipSource;
}

/** Writes the fixed header at `offset`; returns the offset after it. */
export function emitIpv6(u8: Uint8Array, offset: number, fields: Ipv6Fields): number {
  checkRoom('ipv6 header', u8, offset, IPV6_HEADER_LENGTH);
  const trafficClass = checkInteger('trafficClass', fields.trafficClass, 0, 255, 0);
  const flowLabel = checkInteger('flowLabel', fields.flowLabel, 0, 0xfffff, 0);
  writeU32(u8, offset, (6 << 28) | (trafficClass << 20) | flowLabel);
  writeU16(
    u8,
    offset + IPV6_PAYLOAD_LENGTH,
    checkInteger('payloadLength', fields.payloadLength, 0, 0xffff, 0),
  );
  u8[offset + IPV6_NEXT_HEADER] = checkInteger('nextHeader', fields.nextHeader, 0, 255, 0);
  u8[offset + IPV6_HOP_LIMIT] = checkInteger('hopLimit', fields.hopLimit, 0, 255, 64);
  u8.set(checkBytes('source', fields.source, 16), offset + IPV6_SOURCE);
  u8.set(checkBytes('destination', fields.destination, 16), offset + IPV6_DESTINATION);
  return offset + IPV6_HEADER_LENGTH;
}

/**
 * Writes a hop-by-hop, routing or destination options header at `offset`: next header, length, then `body` (6
 * bytes, or 8 n + 6). Returns the offset after it.
 */
export function emitIpv6Extension(
  u8: Uint8Array,
  offset: number,
  nextHeader: number,
  body: Uint8Array,
): number {
  const length = 2 + body.length;
  if (length % 8 !== 0 || length > 2048) {
    throw new OptionError('body', `must be 6, 14, 22 … up to 2046 bytes, got ${body.length}`);
  }
  checkRoom('ipv6 extension header', u8, offset, length);
  u8[offset] = checkInteger('nextHeader', nextHeader, 0, 255, 0);
  u8[offset + 1] = length / 8 - 1;
  u8.set(body, offset + 2);
  return offset + length;
}

/** Writes a fragment header (8 bytes) at `offset`; returns the offset after it. */
export function emitIpv6Fragment(u8: Uint8Array, offset: number, fields: Ipv6FragmentFields): number {
  checkRoom('ipv6 fragment header', u8, offset, IPV6_FRAGMENT_LENGTH);
  const fragmentOffset = checkInteger('fragmentOffset', fields.fragmentOffset, 0, 0xfff8, 0);
  if (fragmentOffset % 8 !== 0) {
    throw new OptionError('fragmentOffset', `must be a multiple of 8, got ${fragmentOffset}`);
  }
  const more = checkBoolean('moreFragments', fields.moreFragments, false) ? 1 : 0;
  u8[offset] = checkInteger('nextHeader', fields.nextHeader, 0, 255, 0);
  u8[offset + 1] = 0;
  writeU16(u8, offset + 2, fragmentOffset | more);
  writeU32(u8, offset + 4, checkInteger('identification', fields.identification, 0, 0xffffffff, 0));
  return offset + IPV6_FRAGMENT_LENGTH;
}

/** One line: `2001:db8::1 > 2001:db8::2: UDP, hlim 64, length 20`; with the fragment where it is one. */
export function printIpv6(u8: Uint8Array, record: FrameRecord): string {
  if (record.ipVersion !== 6) return 'IPv6';
  let text = `${formatIp(u8, record.ipSource, 6)} > ${formatIp(u8, record.ipDestination, 6)}: `;
  text += `${record.protocol < 0 ? 'unknown' : protocolName(record.protocol)}, hlim ${ipv6HopLimit(u8, record.l3)}`;
  const fragment = findIpv6Extension(u8, record, IpProtocol.FRAGMENT);
  if (record.fragment !== Fragment.NONE && fragment >= 0) {
    text += `, fragment ${ipv6FragmentOffset(u8, fragment)}${ipv6MoreFragments(u8, fragment) ? '+' : ''}`;
  }
  return `${text}, length ${ipv6PayloadLength(u8, record.l3)}`;
}
