import { checkBoolean, checkInteger, checkNumber } from '../options.ts';
import { checkBytes, checkRoom, readU16, writeU16 } from './bytes.ts';
import { fromFloatingCode, toFloatingCode } from './floating-code.ts';
import {
  areGroupRecordsWhole,
  emitGroupReport,
  GROUP_REPORT_LENGTH,
  type GroupRecord,
  groupRecordLength,
  printGroupRecords,
  readGroupRecords,
} from './group-record.ts';
import { icmpv6Code, icmpv6Type } from './icmpv6.ts';
import { formatIp, isLinkLocalIpv6, isUnspecifiedIp } from './ip.ts';
import { findIpv6Extension, ipv6HopLimit } from './ipv6.ts';
import { IpProtocol } from './protocol.ts';
import { Fragment, type FrameRecord } from './record.ts';

/**
 * Multicast listener discovery, who listens to which IPv6 group: version 1 (RFC 2710) and 2 (RFC 3810), in ICMPv6.
 * Offsets are from the start of the ICMPv6 header. Checksums: `transportChecksumState`, `fillIcmpv6Checksum`.
 */

/** ICMPv6 types of multicast listener discovery (RFC 2710, RFC 3810). */
export const MldType = {
  QUERY: 130,
  V1_REPORT: 131,
  V1_DONE: 132,
  V2_REPORT: 143,
} as const;

/** "Maximum response delay" (version 2: code) of queries. */
export const MLD_MAX_RESPONSE = 4;
/** Group of queries (:: in general ones), version 1 reports and dones. */
export const MLD_GROUP = 8;
/** Bytes of version 1 messages. */
export const MLD_LENGTH = 24;
/** Bytes of a version 2 query before its sources. */
export const MLD_V2_QUERY_LENGTH = 28;
const ADDRESS_LENGTH = 16;
/** Router alert option (RFC 2711), for MLD. */
const ROUTER_ALERT = 5;

/**
 * Whether a parsed frame is a whole MLD message: then the accessors below are in bounds. The checksum is not looked
 * at.
 */
export function isMld(u8: Uint8Array, record: FrameRecord): boolean {
  if (record.error !== 0 || record.ipVersion !== 6 || record.protocol !== IpProtocol.ICMPV6) return false;
  if (record.fragment !== Fragment.NONE) return false;
  const length = record.l3End - record.l4;
  switch (icmpv6Type(u8, record.l4)) {
    case MldType.QUERY:
      // RFC 3810 §8.1: other lengths must be ignored.
      if (length === MLD_LENGTH) return true;
      if (length < MLD_V2_QUERY_LENGTH) return false;
      return length >= MLD_V2_QUERY_LENGTH + ADDRESS_LENGTH * mldSourceCount(u8, record.l4);
    case MldType.V1_REPORT:
    case MldType.V1_DONE:
      return length >= MLD_LENGTH;
    case MldType.V2_REPORT:
      return length >= GROUP_REPORT_LENGTH && areGroupRecordsWhole(u8, record, ADDRESS_LENGTH);
    default:
      return false;
  }
}

/**
 * Whether a receiver may go by an MLD message (RFC 3810 §5.1.14, §5.2.14; RFC 2710 §3): code 0, from a link-local
 * address, hop limit 1, and a router alert. Reports and dones may come from the unspecified address (RFC 3590).
 */
export function isValidMld(u8: Uint8Array, record: FrameRecord): boolean {
  if (!isMld(u8, record) || icmpv6Code(u8, record.l4) !== 0 || ipv6HopLimit(u8, record.l3) !== 1)
    return false;
  const source = record.ipSource;
  if (!isLinkLocalIpv6(u8, source)) {
    if (icmpv6Type(u8, record.l4) === MldType.QUERY || !isUnspecifiedIp(u8, source, 6)) return false;
  }
  return hasRouterAlert(u8, record);
}

function hasRouterAlert(u8: Uint8Array, record: FrameRecord): boolean {
  const header = findIpv6Extension(u8, record, IpProtocol.HOP_BY_HOP);
  if (header < 0) return false;
  const end = header + ((u8[header + 1] + 1) << 3);
  let at = header + 2;
  while (at < end) {
    if (u8[at] === ROUTER_ALERT) return true;
    // Pad1 is the one option without a length.
    at += u8[at] === 0 ? 1 : at + 1 < end ? 2 + u8[at + 1] : 1;
  }
  return false;
}

/** Version of the query of a parsed frame: 1 or 2 (RFC 3810 §8.1). */
export function mldQueryVersion(record: FrameRecord): 1 | 2 {
  return record.l3End - record.l4 >= MLD_V2_QUERY_LENGTH ? 2 : 1;
}

/** Milliseconds within which the query of a parsed frame wants answers. */
export function mldMaxResponseTime(u8: Uint8Array, record: FrameRecord): number {
  const code = readU16(u8, record.l4 + MLD_MAX_RESPONSE);
  return mldQueryVersion(record) === 1 ? code : fromFloatingCode(code, 16);
}

/** "Suppress router-side processing" of the version 2 query at `offset`. */
export function mldSuppress(u8: Uint8Array, offset: number): boolean {
  return (u8[offset + 24] & 0x08) !== 0;
}

/** Querier's robustness variable of the version 2 query at `offset`; 0 when it does not say. */
export function mldRobustness(u8: Uint8Array, offset: number): number {
  return u8[offset + 24] & 0x07;
}

/** Querier's query interval of the version 2 query at `offset`, seconds; 0 when it does not say. */
export function mldQueryInterval(u8: Uint8Array, offset: number): number {
  return fromFloatingCode(u8[offset + 25], 8);
}

/** Number of sources of the version 2 query at `offset`. */
export function mldSourceCount(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + 26);
}

/** Offset of source `index` of the version 2 query at `offset`. */
export function mldSource(offset: number, index: number): number {
  return offset + MLD_V2_QUERY_LENGTH + ADDRESS_LENGTH * index;
}

/** The records of the version 2 report of a parsed frame, copied. */
export function mldRecords(u8: Uint8Array, record: FrameRecord): GroupRecord[] {
  return readGroupRecords(u8, record, ADDRESS_LENGTH);
}

/** Fields of an MLD query to write (RFC 3810, 5.1). */
export interface MldQueryFields {
  /** Default 2. */
  readonly version?: 1 | 2;
  /** 16 bytes; default ::, a general query. */
  readonly group?: Uint8Array;
  /** Milliseconds, rounded down to what can be said; default 10,000. */
  readonly maxResponseTime?: number;
  /** Version 2 only: default none, and false, 2, and 125 seconds. */
  readonly sources?: readonly Uint8Array[];
  readonly suppress?: boolean;
  readonly robustness?: number;
  readonly queryInterval?: number;
}

/** Writes a query with checksum 0 at `offset`; returns the offset after it, for `fillIcmpv6Checksum`. */
export function emitMldQuery(u8: Uint8Array, offset: number, fields: MldQueryFields): number {
  const version = fields.version ?? 2;
  const sources = fields.sources ?? [];
  const length = version === 1 ? MLD_LENGTH : MLD_V2_QUERY_LENGTH + ADDRESS_LENGTH * sources.length;
  checkRoom('mld query', u8, offset, length);
  const time = checkNumber('maxResponseTime', fields.maxResponseTime, 0, 8_387_584, 10_000);
  u8.fill(0, offset, offset + length);
  u8[offset] = MldType.QUERY;
  writeU16(u8, offset + MLD_MAX_RESPONSE, version === 1 ? Math.min(65_535, time) : toFloatingCode(time, 16));
  if (fields.group !== undefined) u8.set(checkBytes('group', fields.group, 16), offset + MLD_GROUP);
  if (version === 2) {
    const suppress = checkBoolean('suppress', fields.suppress, false) ? 0x08 : 0;
    u8[offset + 24] = suppress | checkInteger('robustness', fields.robustness, 0, 7, 2);
    u8[offset + 25] = toFloatingCode(checkInteger('queryInterval', fields.queryInterval, 0, 31_744, 125), 8);
    writeU16(u8, offset + 26, sources.length);
    for (const [index, source] of sources.entries())
      u8.set(checkBytes('sources', source, 16), mldSource(offset, index));
  }
  return offset + length;
}

/** Writes a version 1 report or done with checksum 0 at `offset`; returns the offset after it. */
export function emitMld(u8: Uint8Array, offset: number, type: number, group: Uint8Array): number {
  checkRoom('mld message', u8, offset, MLD_LENGTH);
  u8.fill(0, offset, offset + MLD_LENGTH);
  u8[offset] = checkInteger('type', type, 0, 255, 0);
  u8.set(checkBytes('group', group, 16), offset + MLD_GROUP);
  return offset + MLD_LENGTH;
}

/** Bytes of a record in a version 2 report. */
export function mldRecordLength(sources: number): number {
  return groupRecordLength(sources, ADDRESS_LENGTH);
}

/** Writes a version 2 report with checksum 0 at `offset`; returns the offset after it. */
export function emitMldV2Report(u8: Uint8Array, offset: number, records: readonly GroupRecord[]): number {
  return emitGroupReport('mld report', u8, offset, MldType.V2_REPORT, records, ADDRESS_LENGTH);
}

/** One line: `MLDv2 report, to_ex ff02::fb {}`. */
export function printMld(u8: Uint8Array, record: FrameRecord): string {
  if (!isMld(u8, record)) return 'ICMPv6';
  const offset = record.l4;
  switch (icmpv6Type(u8, offset)) {
    case MldType.QUERY: {
      const version = mldQueryVersion(record);
      const group = formatIp(u8, offset + MLD_GROUP, 6);
      const sources = Array.from({ length: version === 2 ? mldSourceCount(u8, offset) : 0 }, (_, index) =>
        formatIp(u8, mldSource(offset, index), 6),
      );
      const of = group === '::' ? '' : ` ${group}${sources.length > 0 ? ` {${sources.join(' ')}}` : ''}`;
      return `MLDv${version} query${of}, max resp time ${mldMaxResponseTime(u8, record)} ms`;
    }
    case MldType.V1_REPORT:
      return `MLDv1 report ${formatIp(u8, offset + MLD_GROUP, 6)}`;
    case MldType.V1_DONE:
      return `MLDv1 done ${formatIp(u8, offset + MLD_GROUP, 6)}`;
    default:
      return `MLDv2 report${printGroupRecords(mldRecords(u8, record))}`;
  }
}
