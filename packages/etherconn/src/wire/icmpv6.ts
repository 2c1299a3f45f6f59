import { checkInteger } from '../options.ts';
import { checkRoom, readU16, readU32, writeU16, writeU32 } from './bytes.ts';
import { fillChecksum, pseudoSumIpv6 } from './checksum.ts';
import { ParseError } from './parse-error.ts';
import { IpProtocol } from './protocol.ts';
import { Fragment, type FrameRecord } from './record.ts';

/**
 * ICMP for IPv6: RFC 4443. Neighbor discovery, which is carried in it, is in nd.ts. Offsets are from the start of
 * the header.
 */

/** Offset of the type, 8 bits: {@link Icmpv6Type}. */
export const ICMPV6_TYPE = 0;
/** Offset of the code, 8 bits. */
export const ICMPV6_CODE = 1;
/** Offset of the checksum, 16 bits; it covers the pseudo-header, too. */
export const ICMPV6_CHECKSUM = 2;
/** Bytes of the header that all messages have. */
export const ICMPV6_HEADER_LENGTH = 4;
/** In most messages four bytes that mean something else in each type. */
export const ICMPV6_REST = 4;
/** Identifier of echo messages. */
export const ICMPV6_ECHO_ID = 4;
/** Sequence number of echo messages. */
export const ICMPV6_ECHO_SEQUENCE = 6;

/** Types of ICMPv6 messages (RFC 4443). Those of neighbor discovery are {@link NdType}, those of MLD `MldType`. */
export const Icmpv6Type = {
  DESTINATION_UNREACHABLE: 1,
  PACKET_TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  PARAMETER_PROBLEM: 4,
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
  /** RFC 3810. */
  MLDV2_REPORT: 143,
} as const;

/** Codes of {@link Icmpv6Type}.DESTINATION_UNREACHABLE. */
export const Icmpv6Unreachable = {
  NO_ROUTE: 0,
  ADMINISTRATIVELY: 1,
  ADDRESS: 3,
  PORT: 4,
} as const;

/** Fields of an ICMPv6 message to write (RFC 4443, 2.1). */
export interface Icmpv6Fields {
  /** {@link Icmpv6Type}. */
  readonly type: number;
  /** Default 0. */
  readonly code?: number;
  /** The four bytes behind the checksum, as an unsigned 32-bit number; default 0. */
  readonly rest?: number;
}

/** Parses the header at `record.l4`: what follows the 4 bytes that all messages have is the payload. */
export function parseIcmpv6(record: FrameRecord): void {
  if (record.l3End - record.l4 < ICMPV6_HEADER_LENGTH) {
    if (record.error === 0 && record.fragment === Fragment.NONE) record.error = ParseError.ICMPV6_TRUNCATED;
    return;
  }
  record.payload = record.l4 + ICMPV6_HEADER_LENGTH;
  record.payloadEnd = record.l3End;
}

/** Type of the message at `offset`. */
export function icmpv6Type(u8: Uint8Array, offset: number): number {
  return u8[offset + ICMPV6_TYPE];
}

/** Code of the message at `offset`. */
export function icmpv6Code(u8: Uint8Array, offset: number): number {
  return u8[offset + ICMPV6_CODE];
}

/** The four bytes behind the checksum of the message at `offset`: the MTU of "packet too big". */
export function icmpv6Rest(u8: Uint8Array, offset: number): number {
  return readU32(u8, offset + ICMPV6_REST);
}

/** Identifier of the echo message at `offset`. */
export function icmpv6EchoId(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + ICMPV6_ECHO_ID);
}

/** Sequence number of the echo message at `offset`. */
export function icmpv6EchoSequence(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + ICMPV6_ECHO_SEQUENCE);
}

/** Writes a header and the four bytes behind it with checksum 0 at `offset`; returns the offset after them (8). */
export function emitIcmpv6(u8: Uint8Array, offset: number, fields: Icmpv6Fields): number {
  checkRoom('icmpv6 header', u8, offset, ICMPV6_REST + 4);
  u8[offset + ICMPV6_TYPE] = checkInteger('type', fields.type, 0, 255, 0);
  u8[offset + ICMPV6_CODE] = checkInteger('code', fields.code, 0, 255, 0);
  writeU16(u8, offset + ICMPV6_CHECKSUM, 0);
  writeU32(u8, offset + ICMPV6_REST, checkInteger('rest', fields.rest, 0, 0xffffffff, 0));
  return offset + ICMPV6_REST + 4;
}

/** Computes the checksum of the message `[offset, end)` into its field; addresses at `source` and `destination`. */
export function fillIcmpv6Checksum(
  u8: Uint8Array,
  offset: number,
  end: number,
  source: number,
  destination: number,
): void {
  const initial = pseudoSumIpv6(u8, source, destination, IpProtocol.ICMPV6, end - offset);
  fillChecksum(u8, offset + ICMPV6_CHECKSUM, offset, end, initial);
}

/** One line: `ICMPv6 echo request, id 1, seq 2, length 64` (of the whole message). */
export function printIcmpv6(u8: Uint8Array, record: FrameRecord): string {
  if (record.payload === 0) return 'ICMPv6';
  const l4 = record.l4;
  const type = icmpv6Type(u8, l4);
  const length = `length ${record.l3End - l4}`;
  const hasRest = record.l3End - l4 >= ICMPV6_REST + 4;
  if (hasRest && (type === Icmpv6Type.ECHO_REQUEST || type === Icmpv6Type.ECHO_REPLY)) {
    const kind = type === Icmpv6Type.ECHO_REQUEST ? 'request' : 'reply';
    return `ICMPv6 echo ${kind}, id ${icmpv6EchoId(u8, l4)}, seq ${icmpv6EchoSequence(u8, l4)}, ${length}`;
  }
  if (hasRest && type === Icmpv6Type.PACKET_TOO_BIG) {
    return `ICMPv6 packet too big, mtu ${icmpv6Rest(u8, l4)}, ${length}`;
  }
  if (type === Icmpv6Type.DESTINATION_UNREACHABLE) {
    return `ICMPv6 unreachable, code ${icmpv6Code(u8, l4)}, ${length}`;
  }
  if (type === Icmpv6Type.TIME_EXCEEDED) return `ICMPv6 time exceeded, ${length}`;
  return `ICMPv6 type ${type}, code ${icmpv6Code(u8, l4)}, ${length}`;
}
