import { OptionError } from '../errors.ts';
import { checkInteger } from '../options.ts';
import { checkRoom, readU16, readU32, writeU16, writeU32 } from './bytes.ts';
import { fillChecksum, pseudoSum } from './checksum.ts';
import { ParseError } from './parse-error.ts';
import { IpProtocol } from './protocol.ts';
import { Fragment, type FrameRecord } from './record.ts';

/** TCP, as far as telling segments apart goes: RFC 9293 §3.1. Offsets are from the start of the header. */

/** Offset of the source port, 16 bits. */
export const TCP_SOURCE_PORT = 0;
/** Offset of the destination port, 16 bits. */
export const TCP_DESTINATION_PORT = 2;
/** Offset of the sequence number, 32 bits. */
export const TCP_SEQUENCE = 4;
/** Offset of the acknowledgment number, 32 bits. */
export const TCP_ACKNOWLEDGMENT = 8;
/** Data offset: 4 bits, in units of 4 bytes. */
export const TCP_DATA_OFFSET = 12;
/** Offset of the byte with the flags: {@link TcpFlag}. */
export const TCP_FLAGS = 13;
/** Offset of the window, 16 bits, not scaled. */
export const TCP_WINDOW = 14;
/** Offset of the checksum, 16 bits. */
export const TCP_CHECKSUM = 16;
/** Offset of the urgent pointer, 16 bits. */
export const TCP_URGENT = 18;
/** Offset of the options, if the header has any. */
export const TCP_OPTIONS = 20;
/** Bytes of a header without options. */
export const TCP_HEADER_LENGTH = 20;

/** Bits of the flags byte. */
export const TcpFlag = {
  FIN: 0x01,
  SYN: 0x02,
  RST: 0x04,
  PSH: 0x08,
  ACK: 0x10,
  URG: 0x20,
  ECE: 0x40,
  CWR: 0x80,
} as const;

/** Fields of a TCP header to write (RFC 9293, 3.1). */
export interface TcpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Default 0. */
  readonly sequence?: number;
  /** Default 0. */
  readonly acknowledgment?: number;
  /** Bits of {@link TcpFlag}; default 0. */
  readonly flags?: number;
  /** Default 65535. */
  readonly window?: number;
  /** Default 0. */
  readonly urgent?: number;
  /** As they stand in the header, padded to a multiple of 4 bytes, up to 40; default none. */
  readonly options?: Uint8Array;
}

/**
 * Parses the header at `record.l4`; `declaredEnd` is where the IP header says that its payload ends. Sets the
 * ports whenever the fixed 20 bytes are there, the payload when the options are too.
 */
export function parseTcp(u8: Uint8Array, record: FrameRecord, declaredEnd: number): void {
  const l4 = record.l4;
  const end = record.l3End;
  if (end - l4 < TCP_HEADER_LENGTH) {
    if (record.error === 0 && record.fragment === Fragment.NONE) record.error = ParseError.TCP_TRUNCATED;
    return;
  }
  record.sourcePort = readU16(u8, l4 + TCP_SOURCE_PORT);
  record.destinationPort = readU16(u8, l4 + TCP_DESTINATION_PORT);
  const headerLength = tcpHeaderLength(u8, l4);
  if (headerLength < TCP_HEADER_LENGTH) {
    if (record.error === 0) record.error = ParseError.TCP_DATA_OFFSET_UNDER;
  } else if (headerLength <= end - l4) {
    record.payload = l4 + headerLength;
    record.payloadEnd = end;
  } else if (headerLength > declaredEnd - l4 && record.error === 0 && record.fragment === Fragment.NONE) {
    record.error = ParseError.TCP_DATA_OFFSET_OVER;
  }
}

/** Source port of the header at `offset`. */
export function tcpSourcePort(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + TCP_SOURCE_PORT);
}

/** Destination port of the header at `offset`. */
export function tcpDestinationPort(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + TCP_DESTINATION_PORT);
}

/** Sequence number of the header at `offset`. */
export function tcpSequence(u8: Uint8Array, offset: number): number {
  return readU32(u8, offset + TCP_SEQUENCE);
}

/** Acknowledgment number of the header at `offset`. */
export function tcpAcknowledgment(u8: Uint8Array, offset: number): number {
  return readU32(u8, offset + TCP_ACKNOWLEDGMENT);
}

/** Bytes of the header at `offset` with its options. */
export function tcpHeaderLength(u8: Uint8Array, offset: number): number {
  return (u8[offset + TCP_DATA_OFFSET] >> 4) << 2;
}

/** Flags of the header at `offset`, bits of {@link TcpFlag}. */
export function tcpFlags(u8: Uint8Array, offset: number): number {
  return u8[offset + TCP_FLAGS];
}

/** Window field of the header at `offset`. */
export function tcpWindow(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + TCP_WINDOW);
}

/** Checksum field of the header at `offset`. */
export function tcpChecksum(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + TCP_CHECKSUM);
}

/** Writes a header with checksum 0 at `offset`; returns the offset after it. */
export function emitTcp(u8: Uint8Array, offset: number, fields: TcpFields): number {
  const optionsLength = fields.options?.length ?? 0;
  if (optionsLength % 4 !== 0 || optionsLength > 40) {
    throw new OptionError('options', `must be a multiple of 4 bytes and at most 40, got ${optionsLength}`);
  }
  const headerLength = TCP_HEADER_LENGTH + optionsLength;
  checkRoom('tcp header', u8, offset, headerLength);
  writeU16(u8, offset + TCP_SOURCE_PORT, checkInteger('sourcePort', fields.sourcePort, 0, 0xffff, 0));
  writeU16(
    u8,
    offset + TCP_DESTINATION_PORT,
    checkInteger('destinationPort', fields.destinationPort, 0, 0xffff, 0),
  );
  writeU32(u8, offset + TCP_SEQUENCE, checkInteger('sequence', fields.sequence, 0, 0xffffffff, 0));
  writeU32(
    u8,
    offset + TCP_ACKNOWLEDGMENT,
    checkInteger('acknowledgment', fields.acknowledgment, 0, 0xffffffff, 0),
  );
  u8[offset + TCP_DATA_OFFSET] = (headerLength >> 2) << 4;
  u8[offset + TCP_FLAGS] = checkInteger('flags', fields.flags, 0, 255, 0);
  writeU16(u8, offset + TCP_WINDOW, checkInteger('window', fields.window, 0, 0xffff, 0xffff));
  writeU16(u8, offset + TCP_CHECKSUM, 0);
  writeU16(u8, offset + TCP_URGENT, checkInteger('urgent', fields.urgent, 0, 0xffff, 0));
  if (fields.options !== undefined) u8.set(fields.options, offset + TCP_OPTIONS);
  return offset + headerLength;
}

/**
 * Computes the checksum of the segment `[offset, end)` into its field; the addresses are at `source` and
 * `destination`, `version` 4 or 6.
 */
export function fillTcpChecksum(
  u8: Uint8Array,
  offset: number,
  end: number,
  version: number,
  source: number,
  destination: number,
): void {
  const initial = pseudoSum(u8, version, source, destination, IpProtocol.TCP, end - offset);
  fillChecksum(u8, offset + TCP_CHECKSUM, offset, end, initial);
}

const FLAG_LETTERS = 'FSRP.UEW';

/** One line: `TCP 1000 > 80, flags [S.], seq 1, ack 2, win 65535, length 0` (of the payload). */
export function printTcp(u8: Uint8Array, record: FrameRecord): string {
  if (record.sourcePort < 0) return 'TCP';
  const l4 = record.l4;
  const flags = [...FLAG_LETTERS].filter((_, bit) => (tcpFlags(u8, l4) >> bit) & 1).join('');
  return (
    `TCP ${record.sourcePort} > ${record.destinationPort}, flags [${flags}], seq ${tcpSequence(u8, l4)}, ` +
    `ack ${tcpAcknowledgment(u8, l4)}, win ${tcpWindow(u8, l4)}, length ${record.payloadEnd - record.payload}`
  );
}
