import { ChecksumState, fillChecksum, foldSum, internetSum, pseudoSum } from './checksum.ts';
import { crc32c } from './crc32c.ts';
import { ICMPV4_CHECKSUM } from './icmpv4.ts';
import { ICMPV6_CHECKSUM } from './icmpv6.ts';
import { ipv4FinalDestination } from './ipv4.ts';
import { IPV6_HEADER_LENGTH, ipv6FinalDestination, ipv6PseudoSource } from './ipv6.ts';
import { internetSumIn, type SummableMemory } from './memory-sum.ts';
import { ParseError } from './parse-error.ts';
import { IpProtocol } from './protocol.ts';
import { Fragment, type FrameRecord } from './record.ts';
import { fillSctpChecksum, SCTP_CHECKSUM, sctpChecksum } from './sctp.ts';
import { TCP_CHECKSUM } from './tcp.ts';
import { UDP_CHECKSUM, udpLength } from './udp.ts';

/**
 * Checksums of the transport layer, of frames that have been parsed: UDP (RFC 768), TCP (RFC 9293), ICMPv4 (RFC 792),
 * ICMPv6 (RFC 4443), SCTP (RFC 9260). The IPv4 header's own is in ipv4.ts.
 */

/**
 * Verifies the transport checksum of a parsed frame: a {@link ChecksumState}. PARTIAL is only said for UDP and TCP,
 * whose checksums are the ones that software interfaces leave to be completed; whoever knows that the frame did
 * not come from such an interface takes it as BAD.
 */
export function transportChecksumState(u8: Uint8Array, record: FrameRecord): number {
  return stateOf(u8, record, null);
}

/** As {@link transportChecksumState} for a frame that lies in memory that may have a quicker way to sum. */
export function transportChecksumStateIn(memory: SummableMemory, record: FrameRecord): number {
  return stateOf(memory.u8, record, memory);
}

function stateOf(u8: Uint8Array, record: FrameRecord, memory: SummableMemory | null): number {
  if (record.payload === 0 || record.fragment === Fragment.LATER) return absentOrCut(record);
  if (record.protocol === IpProtocol.SCTP) return sctpState(u8, record);
  const field = fieldOffset(record);
  if (field < 0) return ChecksumState.ABSENT;
  const value = (u8[field] << 8) | u8[field + 1];
  if (value === 0 && record.protocol === IpProtocol.UDP) return ChecksumState.ZERO;
  const end = coveredEnd(u8, record);
  if (end < 0) return ChecksumState.UNVERIFIED;
  const { protocol, l4 } = record;
  // What the pseudo-header has of addresses lies before the header: one sum for both.
  const sum =
    protocol !== IpProtocol.ICMP && addressesPrecede(record)
      ? protocol + (end - l4) + sumOf(u8, memory, record.ipSource, end)
      : pseudoHeader(u8, record, end) + sumOf(u8, memory, l4, end);
  if (foldSum(sum) === 0xffff) return ChecksumState.GOOD;
  const isPartial = canBePartial(record) && value === foldSum(pseudoHeader(u8, record, end));
  return isPartial ? ChecksumState.PARTIAL : ChecksumState.BAD;
}

function sumOf(u8: Uint8Array, memory: SummableMemory | null, start: number, end: number): number {
  return memory === null ? internetSum(u8, start, end) : internetSumIn(memory, start, end);
}

/** Whether there are no options and extension headers between the addresses and the transport header. */
function addressesPrecede(record: FrameRecord): boolean {
  return record.ipSource + (record.ipVersion === 4 ? 8 : 32) === record.l4;
}

/**
 * Computes the transport checksum of a parsed frame into its field (also a partial one, before the frame goes out
 * again). False, with nothing written, when it cannot be: a fragment, missing bytes, another protocol.
 */
export function fillTransportChecksum(u8: Uint8Array, record: FrameRecord): boolean {
  if (record.payload === 0) return false;
  const end = coveredEnd(u8, record);
  if (end < 0) return false;
  if (record.protocol === IpProtocol.SCTP) {
    fillSctpChecksum(u8, record.l4, end);
    return true;
  }
  const field = fieldOffset(record);
  if (field < 0) return false;
  const pseudo = pseudoHeader(u8, record, end);
  fillChecksum(u8, field, record.l4, end, pseudo, record.protocol === IpProtocol.UDP);
  return true;
}

function canBePartial(record: FrameRecord): boolean {
  return record.protocol === IpProtocol.UDP || record.protocol === IpProtocol.TCP;
}

/** Without a whole header: a header that was cut off has a field somewhere, what is not there has none. */
function absentOrCut(record: FrameRecord): number {
  const hasField = fieldOffset(record) >= 0 || record.protocol === IpProtocol.SCTP;
  const isCut = record.l4 !== 0 && record.fragment !== Fragment.LATER && hasField;
  return isCut ? ChecksumState.UNVERIFIED : ChecksumState.ABSENT;
}

/** Offset of the 16-bit checksum field, -1 for protocols without. */
function fieldOffset(record: FrameRecord): number {
  switch (record.protocol) {
    case IpProtocol.UDP:
      return record.l4 + UDP_CHECKSUM;
    case IpProtocol.TCP:
      return record.l4 + TCP_CHECKSUM;
    case IpProtocol.ICMP:
      return record.ipVersion === 4 ? record.l4 + ICMPV4_CHECKSUM : -1;
    case IpProtocol.ICMPV6:
      return record.ipVersion === 6 ? record.l4 + ICMPV6_CHECKSUM : -1;
    default:
      return -1;
  }
}

/** Offset after what the checksum covers; -1 when that is not all there, or its length is wrong. */
function coveredEnd(u8: Uint8Array, record: FrameRecord): number {
  if (record.fragment !== Fragment.NONE) return -1;
  if (record.protocol === IpProtocol.UDP) {
    const length = udpLength(u8, record.l4);
    return length >= 8 && record.l4 + length <= record.l3End ? record.l4 + length : -1;
  }
  const isCut = record.error === ParseError.IPV4_LENGTH_OVER || record.error === ParseError.IPV6_LENGTH_OVER;
  return isCut ? -1 : record.l3End;
}

/** Sum of the pseudo-header; 0 for ICMPv4, which has none. */
function pseudoHeader(u8: Uint8Array, record: FrameRecord, end: number): number {
  const { protocol, ipVersion, l3, l4 } = record;
  if (protocol === IpProtocol.ICMP) return 0;
  let source = record.ipSource;
  let destination = record.ipDestination;
  if (ipVersion === 4 && l4 - l3 > 20) destination = ipv4FinalDestination(u8, l3);
  if (ipVersion === 6 && l4 - l3 > IPV6_HEADER_LENGTH) {
    source = ipv6PseudoSource(u8, record);
    destination = ipv6FinalDestination(u8, record);
  }
  return pseudoSum(u8, ipVersion, source, destination, protocol, end - l4);
}

function sctpState(u8: Uint8Array, record: FrameRecord): number {
  const end = coveredEnd(u8, record);
  if (end < 0) return ChecksumState.UNVERIFIED;
  const value = sctpChecksum(u8, record.l4);
  if (value === crc32c(u8, record.l4, end, record.l4 + SCTP_CHECKSUM)) return ChecksumState.GOOD;
  // 0 is what a sender writes that leaves the CRC to hardware, or that has agreed to do without (RFC 9653).
  return value === 0 ? ChecksumState.ZERO : ChecksumState.BAD;
}
