import type { GroupRecord } from '../wire/group-record.ts';
import { icmpv6Type } from '../wire/icmpv6.ts';
import {
  IGMP_GROUP,
  IgmpType,
  igmpMaxResponseTime,
  igmpQueryVersion,
  igmpRecords,
  igmpSource,
  igmpSourceCount,
  igmpType,
  isIgmp,
} from '../wire/igmp.ts';
import { formatIp } from '../wire/ip.ts';
import {
  isMld,
  MLD_GROUP,
  MldType,
  mldMaxResponseTime,
  mldQueryVersion,
  mldRecords,
  mldSource,
  mldSourceCount,
} from '../wire/mld.ts';
import type { FrameRecord } from '../wire/record.ts';

/** One record of an IGMPv3 or MLDv2 report. */
export interface DecodedGroupRecord {
  /** 1 is_in, 2 is_ex, 3 to_in, 4 to_ex, 5 allow, 6 block. */
  type: number;
  group: string;
  sources: string[];
}

/** Fields of whole IGMP (with a good checksum) and MLD messages. */
export interface DecodedGroups {
  /** 17 query, 18, 22 and 34 reports of versions 1 to 3, 23 leave. */
  'igmp.type'?: number;
  'igmp.version'?: number;
  /** Group of queries (0.0.0.0: all), version 1 and 2 reports and leaves. */
  'igmp.maddr'?: string;
  /** Milliseconds, of queries. */
  'igmp.maxResponseTime'?: number;
  /** Sources of a version 3 query that has some. */
  'igmp.saddr'?: string[];
  'igmp.records'?: DecodedGroupRecord[];
  /** 1 or 2; the type is icmpv6.type. */
  'icmpv6.mld.version'?: number;
  'icmpv6.mld.multicast_address'?: string;
  /** Milliseconds, of queries. */
  'icmpv6.mld.maximum_response_delay'?: number;
  'icmpv6.mld.source_address'?: string[];
  'icmpv6.mldr.records'?: DecodedGroupRecord[];
}

export function addIgmp(decoded: DecodedGroups, u8: Uint8Array, record: FrameRecord): void {
  if (!isIgmp(u8, record)) return;
  const { l4 } = record;
  const type = igmpType(u8, l4);
  decoded['igmp.type'] = type;
  if (type === IgmpType.V3_REPORT) {
    decoded['igmp.version'] = 3;
    decoded['igmp.records'] = igmpRecords(u8, record).map(toText);
    return;
  }
  decoded['igmp.version'] = type === IgmpType.V1_REPORT ? 1 : 2;
  decoded['igmp.maddr'] = formatIp(u8, l4 + IGMP_GROUP, 4);
  if (type !== IgmpType.QUERY) return;
  const version = igmpQueryVersion(u8, record);
  decoded['igmp.version'] = version;
  decoded['igmp.maxResponseTime'] = igmpMaxResponseTime(u8, record);
  const count = version === 3 ? igmpSourceCount(u8, l4) : 0;
  if (count > 0) decoded['igmp.saddr'] = addresses(u8, count, 4, (index) => igmpSource(l4, index));
}

export function addMld(decoded: DecodedGroups, u8: Uint8Array, record: FrameRecord): void {
  if (!isMld(u8, record)) return;
  const { l4 } = record;
  const type = icmpv6Type(u8, l4);
  if (type === MldType.V2_REPORT) {
    decoded['icmpv6.mld.version'] = 2;
    decoded['icmpv6.mldr.records'] = mldRecords(u8, record).map(toText);
    return;
  }
  decoded['icmpv6.mld.version'] = 1;
  decoded['icmpv6.mld.multicast_address'] = formatIp(u8, l4 + MLD_GROUP, 6);
  if (type !== MldType.QUERY) return;
  const version = mldQueryVersion(record);
  decoded['icmpv6.mld.version'] = version;
  decoded['icmpv6.mld.maximum_response_delay'] = mldMaxResponseTime(u8, record);
  const count = version === 2 ? mldSourceCount(u8, l4) : 0;
  if (count > 0)
    decoded['icmpv6.mld.source_address'] = addresses(u8, count, 6, (index) => mldSource(l4, index));
}

function addresses(u8: Uint8Array, count: number, version: 4 | 6, at: (index: number) => number): string[] {
  return Array.from({ length: count }, (_, index) => formatIp(u8, at(index), version));
}

function toText({ type, group, sources }: GroupRecord): DecodedGroupRecord {
  return { type, group: formatIp(group), sources: sources.map((source) => formatIp(source)) };
}
