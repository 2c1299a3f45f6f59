import { checkInteger } from '../options.ts';
import { checkRoom, readU16, readU32, writeU16, writeU32 } from './bytes.ts';
import { crc32c } from './crc32c.ts';
import { ParseError } from './parse-error.ts';
import { Fragment, type FrameRecord } from './record.ts';

/**
 * SCTP's common header: RFC 9260 §3.1. The chunks behind it are the payload here. Offsets are from the start of
 * the header.
 */

/** Offset of the source port, 16 bits. */
export const SCTP_SOURCE_PORT = 0;
/** Offset of the destination port, 16 bits. */
export const SCTP_DESTINATION_PORT = 2;
/** Offset of the verification tag, 32 bits. */
export const SCTP_VERIFICATION_TAG = 4;
/** CRC32c of the whole packet, least significant byte first. */
export const SCTP_CHECKSUM = 8;
/** Bytes of the common header. */
export const SCTP_HEADER_LENGTH = 12;

/** Fields of an SCTP common header to write (RFC 9260, 3.1). */
export interface SctpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Default 0. */
  readonly verificationTag?: number;
}

/** Parses the common header at `record.l4`: ports, and the chunks as payload. */
export function parseSctp(u8: Uint8Array, record: FrameRecord): void {
  const l4 = record.l4;
  if (record.l3End - l4 < SCTP_HEADER_LENGTH) {
    if (record.error === 0 && record.fragment === Fragment.NONE) record.error = ParseError.SCTP_TRUNCATED;
    return;
  }
  record.sourcePort = readU16(u8, l4 + SCTP_SOURCE_PORT);
  record.destinationPort = readU16(u8, l4 + SCTP_DESTINATION_PORT);
  record.payload = l4 + SCTP_HEADER_LENGTH;
  record.payloadEnd = record.l3End;
}

/** Source port of the header at `offset`. */
export function sctpSourcePort(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + SCTP_SOURCE_PORT);
}

/** Destination port of the header at `offset`. */
export function sctpDestinationPort(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + SCTP_DESTINATION_PORT);
}

/** Verification tag of the header at `offset`. */
export function sctpVerificationTag(u8: Uint8Array, offset: number): number {
  return readU32(u8, offset + SCTP_VERIFICATION_TAG);
}

/** Checksum field of the header at `offset`, as a number that compares with {@link crc32c}. */
export function sctpChecksum(u8: Uint8Array, offset: number): number {
  const at = offset + SCTP_CHECKSUM;
  return (u8[at] | (u8[at + 1] << 8) | (u8[at + 2] << 16) | (u8[at + 3] << 24)) >>> 0;
}

/** Writes a common header with checksum 0 at `offset`; returns the offset after it. */
export function emitSctp(u8: Uint8Array, offset: number, fields: SctpFields): number {
  checkRoom('sctp header', u8, offset, SCTP_HEADER_LENGTH);
  writeU16(u8, offset + SCTP_SOURCE_PORT, checkInteger('sourcePort', fields.sourcePort, 0, 0xffff, 0));
  writeU16(
    u8,
    offset + SCTP_DESTINATION_PORT,
    checkInteger('destinationPort', fields.destinationPort, 0, 0xffff, 0),
  );
  const tag = checkInteger('verificationTag', fields.verificationTag, 0, 0xffffffff, 0);
  writeU32(u8, offset + SCTP_VERIFICATION_TAG, tag);
  writeU32(u8, offset + SCTP_CHECKSUM, 0);
  return offset + SCTP_HEADER_LENGTH;
}

/** Computes the checksum of the packet `[offset, end)` into its field. */
export function fillSctpChecksum(u8: Uint8Array, offset: number, end: number): void {
  const crc = crc32c(u8, offset, end, offset + SCTP_CHECKSUM);
  for (let i = 0; i < 4; i++) u8[offset + SCTP_CHECKSUM + i] = crc >>> (8 * i);
}

/** One line: `SCTP 1000 > 2000, tag 1, length 16` (of the chunks). */
export function printSctp(u8: Uint8Array, record: FrameRecord): string {
  if (record.sourcePort < 0) return 'SCTP';
  const tag = sctpVerificationTag(u8, record.l4);
  return `SCTP ${record.sourcePort} > ${record.destinationPort}, tag ${tag}, length ${record.payloadEnd - record.payload}`;
}
