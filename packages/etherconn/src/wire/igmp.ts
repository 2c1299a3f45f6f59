import { OptionError } from '../errors.ts';
import { checkBoolean, checkInteger, checkNumber } from '../options.ts';
import { checkBytes, checkRoom, readU16, writeU16 } from './bytes.ts';
import { fillChecksum, foldSum, internetSum } from './checksum.ts';
import { fromFloatingCode, toFloatingCode } from './floating-code.ts';
import {
  areGroupRecordsWhole,
  emitGroupReport,
  type GroupRecord,
  groupRecordLength,
  printGroupRecords,
  readGroupRecords,
} from './group-record.ts';
import { formatIp } from './ip.ts';
import { IpProtocol } from './protocol.ts';
import { Fragment, type FrameRecord } from './record.ts';

/**
 * IGMP, who listens to which IPv4 group: version 1 (RFC 1112 App. I), 2 (RFC 2236) and 3 (RFC 3376). Offsets are from
 * the start of the message.
 */

/** Offset of the type, 8 bits: {@link IgmpType}. */
export const IGMP_TYPE = 0;
/** "Max resp code" of queries. */
export const IGMP_MAX_RESPONSE = 1;
/** Offset of the checksum, 16 bits. */
export const IGMP_CHECKSUM = 2;
/** Group of queries (0.0.0.0 in general ones), version 1 and 2 reports and leaves. */
export const IGMP_GROUP = 4;
/** Bytes of every message but version 3's. */
export const IGMP_LENGTH = 8;
/** Bytes of a version 3 query before its sources. */
export const IGMP_V3_QUERY_LENGTH = 12;

/** Types of IGMP messages (RFC 1112, RFC 2236, RFC 3376). */
export const IgmpType = {
  QUERY: 0x11,
  V1_REPORT: 0x12,
  V2_REPORT: 0x16,
  V2_LEAVE: 0x17,
  V3_REPORT: 0x22,
} as const;

const ADDRESS_LENGTH = 4;

/**
 * Whether a parsed frame is a whole IGMP message of a known type with a good checksum: then the accessors below are in
 * bounds. Bytes behind the message count for its checksum and nothing else (RFC 3376 §4.1.10, §4.2.11).
 */
export function isIgmp(u8: Uint8Array, record: FrameRecord): boolean {
  if (record.error !== 0 || record.ipVersion !== 4 || record.protocol !== IpProtocol.IGMP) return false;
  const length = record.l3End - record.l4;
  if (record.fragment !== Fragment.NONE || length < IGMP_LENGTH) return false;
  if (foldSum(internetSum(u8, record.l4, record.l3End)) !== 0xffff) return false;
  switch (u8[record.l4]) {
    case IgmpType.QUERY:
      // RFC 3376 §7.1: other lengths must be ignored.
      if (length === IGMP_LENGTH) return true;
      return length >= IGMP_V3_QUERY_LENGTH + ADDRESS_LENGTH * sourceCountThere(u8, record.l4, length);
    case IgmpType.V1_REPORT:
    case IgmpType.V2_REPORT:
    case IgmpType.V2_LEAVE:
      return true;
    case IgmpType.V3_REPORT:
      return areGroupRecordsWhole(u8, record, ADDRESS_LENGTH);
    default:
      return false;
  }
}

function sourceCountThere(u8: Uint8Array, offset: number, length: number): number {
  return length < IGMP_V3_QUERY_LENGTH ? 0 : readU16(u8, offset + 10);
}

/** Type of the message at `offset`. */
export function igmpType(u8: Uint8Array, offset: number): number {
  return u8[offset];
}

/** Version of the query of a parsed frame: 1, 2 or 3 (RFC 3376 §7.1). */
export function igmpQueryVersion(u8: Uint8Array, record: FrameRecord): 1 | 2 | 3 {
  if (record.l3End - record.l4 >= IGMP_V3_QUERY_LENGTH) return 3;
  return u8[record.l4 + IGMP_MAX_RESPONSE] === 0 ? 1 : 2;
}

/** Milliseconds within which the query of a parsed frame wants answers; 10 s for version 1. */
export function igmpMaxResponseTime(u8: Uint8Array, record: FrameRecord): number {
  const code = u8[record.l4 + IGMP_MAX_RESPONSE];
  const version = igmpQueryVersion(u8, record);
  if (version === 1) return 10_000;
  return 100 * (version === 2 ? code : fromFloatingCode(code, 8));
}

/** "Suppress router-side processing" of the version 3 query at `offset`. */
export function igmpSuppress(u8: Uint8Array, offset: number): boolean {
  return (u8[offset + 8] & 0x08) !== 0;
}

/** Querier's robustness variable of the version 3 query at `offset`; 0 when it does not say. */
export function igmpRobustness(u8: Uint8Array, offset: number): number {
  return u8[offset + 8] & 0x07;
}

/** Querier's query interval of the version 3 query at `offset`, seconds; 0 when it does not say. */
export function igmpQueryInterval(u8: Uint8Array, offset: number): number {
  return fromFloatingCode(u8[offset + 9], 8);
}

/** Number of sources of the version 3 query at `offset`. */
export function igmpSourceCount(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + 10);
}

/** Offset of source `index` of the version 3 query at `offset`. */
export function igmpSource(offset: number, index: number): number {
  return offset + IGMP_V3_QUERY_LENGTH + ADDRESS_LENGTH * index;
}

/** The records of the version 3 report of a parsed frame, copied. */
export function igmpRecords(u8: Uint8Array, record: FrameRecord): GroupRecord[] {
  return readGroupRecords(u8, record, ADDRESS_LENGTH);
}

/** Fields of an IGMP query to write (RFC 3376, 4.1). */
export interface IgmpQueryFields {
  /** Default 3. */
  readonly version?: 1 | 2 | 3;
  /** 4 bytes; default 0.0.0.0, a general query. */
  readonly group?: Uint8Array;
  /** Milliseconds, rounded down to what can be said; default 10,000. Version 1 does not say. */
  readonly maxResponseTime?: number;
  /** Version 3 only: default none, and false, 2, and 125 seconds. */
  readonly sources?: readonly Uint8Array[];
  readonly suppress?: boolean;
  readonly robustness?: number;
  readonly queryInterval?: number;
}

/** Writes a query with its checksum at `offset`; returns the offset after it. */
export function emitIgmpQuery(u8: Uint8Array, offset: number, fields: IgmpQueryFields): number {
  const version = fields.version ?? 3;
  const sources = fields.sources ?? [];
  if (version !== 3 && sources.length > 0) throw new OptionError('sources', 'are for version 3 only');
  const length = version === 3 ? IGMP_V3_QUERY_LENGTH + ADDRESS_LENGTH * sources.length : IGMP_LENGTH;
  checkRoom('igmp query', u8, offset, length);
  const tenths = checkNumber('maxResponseTime', fields.maxResponseTime, 0, 3_174_400, 10_000) / 100;
  u8.fill(0, offset, offset + length);
  u8[offset] = IgmpType.QUERY;
  if (version === 2) u8[offset + 1] = Math.min(255, tenths);
  if (version === 3) u8[offset + 1] = toFloatingCode(tenths, 8);
  if (fields.group !== undefined) u8.set(checkBytes('group', fields.group, 4), offset + IGMP_GROUP);
  if (version === 3) {
    const suppress = checkBoolean('suppress', fields.suppress, false) ? 0x08 : 0;
    u8[offset + 8] = suppress | checkInteger('robustness', fields.robustness, 0, 7, 2);
    u8[offset + 9] = toFloatingCode(checkInteger('queryInterval', fields.queryInterval, 0, 31_744, 125), 8);
    writeU16(u8, offset + 10, sources.length);
    for (const [index, source] of sources.entries())
      u8.set(checkBytes('sources', source, 4), igmpSource(offset, index));
  }
  fillChecksum(u8, offset + IGMP_CHECKSUM, offset, offset + length);
  return offset + length;
}

/** Writes a version 1 or 2 report, or a leave, with its checksum at `offset`; returns the offset after it. */
export function emitIgmp(u8: Uint8Array, offset: number, type: number, group: Uint8Array): number {
  checkRoom('igmp message', u8, offset, IGMP_LENGTH);
  u8[offset] = checkInteger('type', type, 0, 255, 0);
  u8[offset + 1] = 0;
  u8.set(checkBytes('group', group, 4), offset + IGMP_GROUP);
  fillChecksum(u8, offset + IGMP_CHECKSUM, offset, offset + IGMP_LENGTH);
  return offset + IGMP_LENGTH;
}

/** Bytes of a record in a version 3 report. */
export function igmpRecordLength(sources: number): number {
  return groupRecordLength(sources, ADDRESS_LENGTH);
}

/** Writes a version 3 report with its checksum at `offset`; returns the offset after it. */
export function emitIgmpV3Report(u8: Uint8Array, offset: number, records: readonly GroupRecord[]): number {
  const end = emitGroupReport('igmp report', u8, offset, IgmpType.V3_REPORT, records, ADDRESS_LENGTH);
  fillChecksum(u8, offset + IGMP_CHECKSUM, offset, end);
  return end;
}

/** One line: `IGMPv3 report, to_ex 239.1.2.3 {}`. */
export function printIgmp(u8: Uint8Array, record: FrameRecord): string {
  if (!isIgmp(u8, record)) return 'IGMP';
  const offset = record.l4;
  const group = formatIp(u8, offset + IGMP_GROUP, 4);
  switch (u8[offset]) {
    case IgmpType.QUERY: {
      const version = igmpQueryVersion(u8, record);
      const sources = Array.from({ length: version === 3 ? igmpSourceCount(u8, offset) : 0 }, (_, index) =>
        formatIp(u8, igmpSource(offset, index), 4),
      );
      const of = group === '0.0.0.0' ? '' : ` ${group}${sources.length > 0 ? ` {${sources.join(' ')}}` : ''}`;
      return `IGMPv${version} query${of}, max resp time ${igmpMaxResponseTime(u8, record)} ms`;
    }
    case IgmpType.V1_REPORT:
      return `IGMPv1 report ${group}`;
    case IgmpType.V2_REPORT:
      return `IGMPv2 report ${group}`;
    case IgmpType.V2_LEAVE:
      return `IGMPv2 leave ${group}`;
    default:
      return `IGMPv3 report${printGroupRecords(igmpRecords(u8, record))}`;
  }
}
