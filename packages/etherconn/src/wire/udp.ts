import { checkInteger } from '../options.ts';
import { checkRoom, readU16, writeU16 } from './bytes.ts';
import { fillChecksum, foldSum, pseudoSum } from './checksum.ts';
import { ParseError } from './parse-error.ts';
import { IpProtocol } from './protocol.ts';
import { Fragment, type FrameRecord } from './record.ts';

/** UDP: RFC 768. Offsets are from the start of the header. */

/** Offset of the source port, 16 bits (RFC 768). */
export const UDP_SOURCE_PORT = 0;
/** Offset of the destination port, 16 bits. */
export const UDP_DESTINATION_PORT = 2;
/** Offset of the length of header and payload in bytes, 16 bits. */
export const UDP_LENGTH = 4;
/** Offset of the checksum, 16 bits; 0 means none (over IPv6 only for tunnels: RFC 6935). */
export const UDP_CHECKSUM = 6;
/** Bytes of the header. */
export const UDP_HEADER_LENGTH = 8;

/** The largest payload: what the length field can say. Over IPv4 the total length allows 20 bytes less. */
export const UDP_PAYLOAD_MAX: number = 0xffff - UDP_HEADER_LENGTH;

/** Fields of a UDP header to write (RFC 768). */
export interface UdpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Bytes after the header. */
  readonly payloadLength: number;
}

/**
 * Parses the header at `record.l4`; `declaredEnd` is where the IP header says that its payload ends. Sets the
 * ports whenever the header is whole, payload and payloadEnd by the length field. A wrong length is an error: then
 * the payload reaches as far as the IP payload does (too long) or is empty (too short).
 */
export function parseUdp(u8: Uint8Array, record: FrameRecord, declaredEnd: number): void {
  const l4 = record.l4;
  const end = record.l3End;
  if (end - l4 < UDP_HEADER_LENGTH) {
    if (record.error === 0 && record.fragment === Fragment.NONE) record.error = ParseError.UDP_TRUNCATED;
    return;
  }
  const sourcePort = readU16(u8, l4 + UDP_SOURCE_PORT);
  const destinationPort = readU16(u8, l4 + UDP_DESTINATION_PORT);
  const length = readU16(u8, l4 + UDP_LENGTH);
  record.sourcePort = sourcePort;
  record.destinationPort = destinationPort;
  record.payload = l4 + UDP_HEADER_LENGTH;
  if (length < UDP_HEADER_LENGTH) {
    record.payloadEnd = l4 + UDP_HEADER_LENGTH;
    if (record.error === 0) record.error = ParseError.UDP_LENGTH_UNDER;
    return;
  }
  const udpEnd = l4 + length;
  record.payloadEnd = Math.min(udpEnd, end);
  if (udpEnd > declaredEnd && record.error === 0 && record.fragment === Fragment.NONE) {
    record.error = ParseError.UDP_LENGTH_OVER;
  }
}

/** Source port of the header at `offset`. */
export function udpSourcePort(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + UDP_SOURCE_PORT);
}

/** Destination port of the header at `offset`. */
export function udpDestinationPort(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + UDP_DESTINATION_PORT);
}

/** Length field of the header at `offset`: header and payload. */
export function udpLength(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + UDP_LENGTH);
}

/** Checksum field of the header at `offset`; 0 means none. */
export function udpChecksum(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + UDP_CHECKSUM);
}

/** Writes a header with checksum 0 ("none") at `offset`; returns the offset after it. */
export function emitUdp(u8: Uint8Array, offset: number, fields: UdpFields): number {
  checkRoom('udp header', u8, offset, UDP_HEADER_LENGTH);
  const length =
    UDP_HEADER_LENGTH + checkInteger('payloadLength', fields.payloadLength, 0, UDP_PAYLOAD_MAX, 0);
  writeU16(u8, offset + UDP_SOURCE_PORT, checkInteger('sourcePort', fields.sourcePort, 0, 0xffff, 0));
  writeU16(
    u8,
    offset + UDP_DESTINATION_PORT,
    checkInteger('destinationPort', fields.destinationPort, 0, 0xffff, 0),
  );
  writeU16(u8, offset + UDP_LENGTH, length);
  writeU16(u8, offset + UDP_CHECKSUM, 0);
  return offset + UDP_HEADER_LENGTH;
}

/**
 * Computes the checksum of the datagram at `offset`, over its own length, into its field; the addresses are at
 * `source` and `destination`, `version` 4 or 6. The payload must be there.
 */
export function fillUdpChecksum(
  u8: Uint8Array,
  offset: number,
  version: number,
  source: number,
  destination: number,
): void {
  const length = udpLength(u8, offset);
  const initial = pseudoSum(u8, version, source, destination, IpProtocol.UDP, length);
  fillChecksum(u8, offset + UDP_CHECKSUM, offset, offset + length, initial, true);
}

/** The value of a partial checksum: the folded, not complemented pseudo-header sum. */
export function partialUdpChecksum(
  u8: Uint8Array,
  offset: number,
  version: number,
  source: number,
  destination: number,
): number {
  return foldSum(pseudoSum(u8, version, source, destination, IpProtocol.UDP, udpLength(u8, offset)));
}

/** One line: `UDP 1000 > 53, length 12` (of the payload). */
export function printUdp(u8: Uint8Array, record: FrameRecord): string {
  if (record.sourcePort < 0) return 'UDP';
  const length = udpLength(u8, record.l4) - UDP_HEADER_LENGTH;
  return `UDP ${record.sourcePort} > ${record.destinationPort}, length ${length}`;
}
