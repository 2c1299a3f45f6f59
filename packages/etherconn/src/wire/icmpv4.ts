import { checkInteger } from '../options.ts';
import { checkRoom, readU16, readU32, writeU16, writeU32 } from './bytes.ts';
import { fillChecksum } from './checksum.ts';
import { ParseError } from './parse-error.ts';
import { Fragment, type FrameRecord } from './record.ts';

/** ICMP for IPv4: RFC 792; router messages: RFC 1256; next-hop MTU: RFC 1191. Offsets are from the start of the header. */

/** Offset of the type, 8 bits: {@link Icmpv4Type}. */
export const ICMPV4_TYPE = 0;
/** Offset of the code, 8 bits. */
export const ICMPV4_CODE = 1;
/** Offset of the checksum, 16 bits. */
export const ICMPV4_CHECKSUM = 2;
/** Four bytes that mean something else in each type. */
export const ICMPV4_REST = 4;
/** Identifier of echo messages. */
export const ICMPV4_ECHO_ID = 4;
/** Sequence number of echo messages. */
export const ICMPV4_ECHO_SEQUENCE = 6;
/** MTU of the next hop, in "fragmentation needed". */
export const ICMPV4_MTU = 6;
/** Bytes of the header. In errors the datagram that caused them follows. */
export const ICMPV4_HEADER_LENGTH = 8;

/** Types of ICMP messages (RFC 792; router messages: RFC 1256). */
export const Icmpv4Type = {
  ECHO_REPLY: 0,
  DESTINATION_UNREACHABLE: 3,
  REDIRECT: 5,
  ECHO_REQUEST: 8,
  ROUTER_ADVERTISEMENT: 9,
  ROUTER_SOLICITATION: 10,
  TIME_EXCEEDED: 11,
  PARAMETER_PROBLEM: 12,
  TIMESTAMP: 13,
  TIMESTAMP_REPLY: 14,
} as const;

/** Codes of {@link Icmpv4Type}.DESTINATION_UNREACHABLE. */
export const Icmpv4Unreachable = {
  NET: 0,
  HOST: 1,
  PROTOCOL: 2,
  PORT: 3,
  FRAGMENTATION_NEEDED: 4,
  ADMINISTRATIVELY: 13,
} as const;

/** Fields of an ICMP message to write (RFC 792). */
export interface Icmpv4Fields {
  /** {@link Icmpv4Type}. */
  readonly type: number;
  /** Default 0. */
  readonly code?: number;
  /** The four bytes behind the checksum, as an unsigned 32-bit number; default 0. */
  readonly rest?: number;
}

/** Parses the header at `record.l4`: what follows the 8 bytes is the payload. There are no ports. */
export function parseIcmpv4(record: FrameRecord): void {
  if (record.l3End - record.l4 < ICMPV4_HEADER_LENGTH) {
    if (record.error === 0 && record.fragment === Fragment.NONE) record.error = ParseError.ICMPV4_TRUNCATED;
    return;
  }
  record.payload = record.l4 + ICMPV4_HEADER_LENGTH;
  record.payloadEnd = record.l3End;
}

/** Type of the message at `offset`. */
export function icmpv4Type(u8: Uint8Array, offset: number): number {
  return u8[offset + ICMPV4_TYPE];
}

/** Code of the message at `offset`. */
export function icmpv4Code(u8: Uint8Array, offset: number): number {
  return u8[offset + ICMPV4_CODE];
}

/** The four bytes behind the checksum of the message at `offset`. */
export function icmpv4Rest(u8: Uint8Array, offset: number): number {
  return readU32(u8, offset + ICMPV4_REST);
}

/** Identifier of the echo message at `offset`. */
export function icmpv4EchoId(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + ICMPV4_ECHO_ID);
}

/** Sequence number of the echo message at `offset`. */
export function icmpv4EchoSequence(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + ICMPV4_ECHO_SEQUENCE);
}

/** Next-hop MTU of the "fragmentation needed" message at `offset`; 0 when the router did not say. */
export function icmpv4Mtu(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + ICMPV4_MTU);
}

/** Writes a header with checksum 0 at `offset`; returns the offset after it. */
export function emitIcmpv4(u8: Uint8Array, offset: number, fields: Icmpv4Fields): number {
  checkRoom('icmpv4 header', u8, offset, ICMPV4_HEADER_LENGTH);
  u8[offset + ICMPV4_TYPE] = checkInteger('type', fields.type, 0, 255, 0);
  u8[offset + ICMPV4_CODE] = checkInteger('code', fields.code, 0, 255, 0);
  writeU16(u8, offset + ICMPV4_CHECKSUM, 0);
  writeU32(u8, offset + ICMPV4_REST, checkInteger('rest', fields.rest, 0, 0xffffffff, 0));
  return offset + ICMPV4_HEADER_LENGTH;
}

/** Computes the checksum of the message `[offset, end)` into its field. */
export function fillIcmpv4Checksum(u8: Uint8Array, offset: number, end: number): void {
  fillChecksum(u8, offset + ICMPV4_CHECKSUM, offset, end);
}

const UNREACHABLE_NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  [Icmpv4Unreachable.NET, 'net'],
  [Icmpv4Unreachable.HOST, 'host'],
  [Icmpv4Unreachable.PROTOCOL, 'protocol'],
  [Icmpv4Unreachable.PORT, 'port'],
]);

/** One line: `ICMP echo request, id 1, seq 2, length 64` (of the whole message). */
export function printIcmpv4(u8: Uint8Array, record: FrameRecord): string {
  if (record.payload === 0) return 'ICMP';
  const l4 = record.l4;
  const type = icmpv4Type(u8, l4);
  const length = `length ${record.l3End - l4}`;
  if (type === Icmpv4Type.ECHO_REQUEST || type === Icmpv4Type.ECHO_REPLY) {
    const kind = type === Icmpv4Type.ECHO_REQUEST ? 'request' : 'reply';
    return `ICMP echo ${kind}, id ${icmpv4EchoId(u8, l4)}, seq ${icmpv4EchoSequence(u8, l4)}, ${length}`;
  }
  const code = icmpv4Code(u8, l4);
  if (type === Icmpv4Type.DESTINATION_UNREACHABLE) {
    if (code === Icmpv4Unreachable.FRAGMENTATION_NEEDED) {
      return `ICMP unreachable, need to fragment (mtu ${icmpv4Mtu(u8, l4)}), ${length}`;
    }
    return `ICMP ${UNREACHABLE_NAMES.get(code) ?? `code ${code}`} unreachable, ${length}`;
  }
  if (type === Icmpv4Type.TIME_EXCEEDED) return `ICMP time exceeded, ${length}`;
  return `ICMP type ${type}, code ${code}, ${length}`;
}
