import { OptionError } from '../errors.ts';
import { checkBoolean, checkInteger } from '../options.ts';
import { checkBytes, checkRoom, readU16, writeU16 } from './bytes.ts';
import { ChecksumState, fillChecksum, foldSum, internetSum } from './checksum.ts';
import { formatIp } from './ip.ts';
import { Ipv4Option, ipv4OptionLength, isIpv4SourceRoute } from './ipv4-options.ts';
import { ParseError } from './parse-error.ts';
import { protocolName } from './protocol.ts';
import { Fragment, type FrameRecord } from './record.ts';

/** IPv4: RFC 791. Offsets are from the start of the header. */

/** Offset of the version (4 bits) and the length of the header in units of 4 bytes (4 bits). */
export const IPV4_VERSION_IHL = 0;
/** Offset of DSCP (6 bits, RFC 2474) and ECN (2 bits, RFC 3168). */
export const IPV4_TOS = 1;
/** Offset of the length of header and payload in bytes, 16 bits. */
export const IPV4_TOTAL_LENGTH = 2;
/** Offset of the identification of fragments, 16 bits. */
export const IPV4_ID = 4;
/** Flags (3 bits: reserved, DF, MF) and fragment offset (13 bits, in units of 8 bytes). */
export const IPV4_FLAGS_OFFSET = 6;
/** Offset of the time to live in hops, 8 bits. */
export const IPV4_TTL = 8;
/** Offset of the protocol of the payload, 8 bits: {@link IpProtocol}. */
export const IPV4_PROTOCOL = 9;
/** Offset of the checksum of the header, 16 bits. */
export const IPV4_CHECKSUM = 10;
/** Offset of the source address, 4 bytes. */
export const IPV4_SOURCE = 12;
/** Offset of the destination address, 4 bytes. */
export const IPV4_DESTINATION = 16;
/** Offset of the options, if the header has any. */
export const IPV4_OPTIONS = 20;
/** Bytes of a header without options. */
export const IPV4_HEADER_LENGTH = 20;

/** "Don't fragment" in the 16 bits of flags and fragment offset. */
export const IPV4_DF = 0x4000;
/** "More fragments" in the 16 bits of flags and fragment offset. */
export const IPV4_MF = 0x2000;

/** The largest total length. */
export const IPV4_LENGTH_MAX = 0xffff;

/** Fields of an IPv4 header to write (RFC 791, 3.1). */
export interface Ipv4Fields {
  /** 4 bytes. */
  readonly source: Uint8Array;
  /** 4 bytes. */
  readonly destination: Uint8Array;
  readonly protocol: number;
  /** Bytes after the header. */
  readonly payloadLength: number;
  /** Default 64. */
  readonly ttl?: number;
  /** DSCP (6 bits) and ECN (2 bits), RFC 2474 and RFC 3168; default 0. */
  readonly tos?: number;
  /** Default 0. */
  readonly identification?: number;
  /** Default false. */
  readonly dontFragment?: boolean;
  /** Default false. */
  readonly moreFragments?: boolean;
  /** In bytes, a multiple of 8; default 0. */
  readonly fragmentOffset?: number;
  /** Options as they stand in the header, padded to a multiple of 4 bytes, up to 40; default none. */
  readonly options?: Uint8Array;
}

/**
 * Parses the header at `record.l3`, up to `record.l3End`: version, lengths, addresses, protocol, fragment, l4; cuts
 * l3End by the total length.
 *
 * Returns the offset where the transport segment ends by the header's own word (that is over l3End when bytes
 * are missing; with a total length of 0 the frame's end), or -1 when there is no transport header to look at: a later fragment, or a faulty header.
 */
export function parseIpv4(u8: Uint8Array, record: FrameRecord): number {
  const l3 = record.l3;
  const there = record.l3End - l3;
  if (there < IPV4_HEADER_LENGTH) {
    record.error = ParseError.IPV4_TRUNCATED;
    return -1;
  }
  const versionIhl = u8[l3];
  const totalLength = readU16(u8, l3 + IPV4_TOTAL_LENGTH);
  const flagsOffset = readU16(u8, l3 + IPV4_FLAGS_OFFSET);
  const protocol = u8[l3 + IPV4_PROTOCOL];
  if (versionIhl >> 4 !== 4) {
    record.error = ParseError.IPV4_VERSION;
    return -1;
  }
  const headerLength = (versionIhl & 0x0f) << 2;
  if (headerLength < IPV4_HEADER_LENGTH) {
    record.error = ParseError.IPV4_HEADER_LENGTH;
    return -1;
  }
  if (headerLength > there) {
    record.error = ParseError.IPV4_TRUNCATED;
    return -1;
  }
  if (totalLength < headerLength && totalLength !== 0) {
    record.error = ParseError.IPV4_LENGTH_UNDER;
    return -1;
  }
  record.ipVersion = 4;
  record.ipSource = l3 + IPV4_SOURCE;
  record.ipDestination = l3 + IPV4_DESTINATION;
  record.protocol = protocol;
  if ((flagsOffset & 0x3fff) !== 0) {
    record.fragment = (flagsOffset & 0x1fff) === 0 ? Fragment.FIRST : Fragment.LATER;
  }
  record.l4 = l3 + headerLength;
  let declaredEnd = l3 + totalLength;
  if (totalLength === 0) {
    record.error = ParseError.IPV4_LENGTH_ZERO;
    declaredEnd = record.l3End;
  } else if (totalLength > there) {
    record.error = ParseError.IPV4_LENGTH_OVER;
  } else {
    record.l3End = declaredEnd;
  }
  return record.fragment === Fragment.LATER ? -1 : declaredEnd;
}

/** Header length in bytes of the header at `offset`. */
export function ipv4HeaderLength(u8: Uint8Array, offset: number): number {
  return (u8[offset] & 0x0f) << 2;
}

/** DSCP and ECN of the header at `offset`. */
export function ipv4Tos(u8: Uint8Array, offset: number): number {
  return u8[offset + IPV4_TOS];
}

/** Total length of the header at `offset`. */
export function ipv4TotalLength(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + IPV4_TOTAL_LENGTH);
}

/** Identification of the header at `offset`. */
export function ipv4Id(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + IPV4_ID);
}

/** "Don't fragment" of the header at `offset`. */
export function ipv4DontFragment(u8: Uint8Array, offset: number): boolean {
  return (readU16(u8, offset + IPV4_FLAGS_OFFSET) & IPV4_DF) !== 0;
}

/** "More fragments" of the header at `offset`. */
export function ipv4MoreFragments(u8: Uint8Array, offset: number): boolean {
  return (readU16(u8, offset + IPV4_FLAGS_OFFSET) & IPV4_MF) !== 0;
}

/** Fragment offset, in bytes, of the header at `offset`. */
export function ipv4FragmentOffset(u8: Uint8Array, offset: number): number {
  return (readU16(u8, offset + IPV4_FLAGS_OFFSET) & 0x1fff) << 3;
}

/** Time to live of the header at `offset`. */
export function ipv4Ttl(u8: Uint8Array, offset: number): number {
  return u8[offset + IPV4_TTL];
}

/** Header checksum field of the header at `offset`. */
export function ipv4Checksum(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + IPV4_CHECKSUM);
}

/** Whether the checksum of the whole header (with options) at `offset` is right. */
export function verifyIpv4Header(u8: Uint8Array, offset: number): boolean {
  return foldSum(internetSum(u8, offset, offset + ipv4HeaderLength(u8, offset))) === 0xffff;
}

/** The {@link ChecksumState} of the IPv4 header of a parsed frame: GOOD, BAD, or ABSENT when there is none. */
export function ipv4ChecksumState(u8: Uint8Array, record: FrameRecord): number {
  if (record.ipVersion !== 4) return ChecksumState.ABSENT;
  return verifyIpv4Header(u8, record.l3) ? ChecksumState.GOOD : ChecksumState.BAD;
}

/** Computes the checksum of the header (with options) at `offset` into its field. */
export function fillIpv4Checksum(u8: Uint8Array, offset: number): void {
  fillChecksum(u8, offset + IPV4_CHECKSUM, offset, offset + ipv4HeaderLength(u8, offset));
}

/**
 * Offset of the destination address that goes into the pseudo-header (RFC 1122 §4.1.3.4): the last of a source
 * route that is not used up, else the header's own.
 */
export function ipv4FinalDestination(u8: Uint8Array, offset: number): number {
  const end = offset + ipv4HeaderLength(u8, offset);
  let at = offset + IPV4_OPTIONS;
  while (at < end && u8[at] !== Ipv4Option.END) {
    const length = ipv4OptionLength(u8, at, end);
    if (length === 0) break;
    const pointer = isIpv4SourceRoute(u8, at) && length >= 7 ? u8[at + 2] : length;
    // The pointer is to the next address, from 4 on in steps of 4; beyond the length the route is used up.
    if (pointer < length && pointer >= 4 && pointer % 4 === 0) return at + length - 4;
    at += length;
  }
  return offset + IPV4_DESTINATION;
}

/** Writes a header with its checksum at `offset`; returns the offset after it. */
export function emitIpv4(u8: Uint8Array, offset: number, fields: Ipv4Fields): number {
  const optionsLength = fields.options?.length ?? 0;
  if (optionsLength % 4 !== 0 || optionsLength > 40) {
    throw new OptionError('options', `must be a multiple of 4 bytes and at most 40, got ${optionsLength}`);
  }
  const headerLength = IPV4_HEADER_LENGTH + optionsLength;
  checkRoom('ipv4 header', u8, offset, headerLength);
  const payloadLength = checkInteger(
    'payloadLength',
    fields.payloadLength,
    0,
    IPV4_LENGTH_MAX - headerLength,
    0,
  );
  const fragmentOffset = checkInteger('fragmentOffset', fields.fragmentOffset, 0, 0xfff8, 0);
  if (fragmentOffset % 8 !== 0) {
    throw new OptionError('fragmentOffset', `must be a multiple of 8, got ${fragmentOffset}`);
  }
  const df = checkBoolean('dontFragment', fields.dontFragment, false) ? IPV4_DF : 0;
  const mf = checkBoolean('moreFragments', fields.moreFragments, false) ? IPV4_MF : 0;
  u8[offset + IPV4_VERSION_IHL] = 0x40 | (headerLength >> 2);
  u8[offset + IPV4_TOS] = checkInteger('tos', fields.tos, 0, 255, 0);
  writeU16(u8, offset + IPV4_TOTAL_LENGTH, headerLength + payloadLength);
  writeU16(u8, offset + IPV4_ID, checkInteger('identification', fields.identification, 0, 0xffff, 0));
  writeU16(u8, offset + IPV4_FLAGS_OFFSET, df | mf | (fragmentOffset >> 3));
  u8[offset + IPV4_TTL] = checkInteger('ttl', fields.ttl, 0, 255, 64);
  u8[offset + IPV4_PROTOCOL] = checkInteger('protocol', fields.protocol, 0, 255, 0);
  u8.set(checkBytes('source', fields.source, 4), offset + IPV4_SOURCE);
  u8.set(checkBytes('destination', fields.destination, 4), offset + IPV4_DESTINATION);
  if (fields.options !== undefined) u8.set(fields.options, offset + IPV4_OPTIONS);
  fillIpv4Checksum(u8, offset);
  return offset + headerLength;
}

/** One line: `10.0.0.1 > 10.0.0.2: UDP, ttl 64, id 7, length 40`; with what is set of DF and the fragment. */
export function printIpv4(u8: Uint8Array, record: FrameRecord): string {
  if (record.ipVersion !== 4) return 'IPv4';
  const l3 = record.l3;
  let text = `${formatIp(u8, record.ipSource, 4)} > ${formatIp(u8, record.ipDestination, 4)}: `;
  text += `${protocolName(record.protocol)}, ttl ${ipv4Ttl(u8, l3)}, id ${ipv4Id(u8, l3)}`;
  if (ipv4DontFragment(u8, l3)) text += ', DF';
  if (record.fragment !== Fragment.NONE) {
    text += `, fragment ${ipv4FragmentOffset(u8, l3)}${ipv4MoreFragments(u8, l3) ? '+' : ''}`;
  }
  return `${text}, length ${ipv4TotalLength(u8, l3)}`;
}
