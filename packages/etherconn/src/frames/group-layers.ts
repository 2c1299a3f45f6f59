import { requireArray, requireInteger } from '../options.ts';
import { fillChecksum } from '../wire/checksum.ts';
import {
  areGroupRecordsWhole,
  emitGroupReport,
  GROUP_REPORT_LENGTH,
  type GroupRecord,
  groupRecordLength,
  readGroupRecords,
} from '../wire/group-record.ts';
import { ICMPV6_CHECKSUM } from '../wire/icmpv6.ts';
import {
  emitIgmp,
  emitIgmpQuery,
  emitIgmpV3Report,
  IGMP_CHECKSUM,
  IGMP_GROUP,
  IGMP_LENGTH,
  IGMP_MAX_RESPONSE,
  IGMP_V3_QUERY_LENGTH,
  IgmpType,
} from '../wire/igmp.ts';
import { formatIp } from '../wire/ip.ts';
import {
  emitMld,
  emitMldQuery,
  emitMldV2Report,
  MLD_GROUP,
  MLD_LENGTH,
  MLD_MAX_RESPONSE,
  MLD_V2_QUERY_LENGTH,
  MldType,
} from '../wire/mld.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { FrameRecord } from '../wire/record.ts';
import { type Definition, type LayerFunction, layerFunction, type Tail } from './definition.ts';
import { bits, FILLED, FILLED_HEX, flag, floating, ip, ipBytes, uint } from './field.ts';
import { fillWithPseudoHeader } from './pseudo-header.ts';

/** IGMP and MLD, whole messages: which group has listeners. Addresses are all that they differ in. */

interface GroupFields {
  /** `IgmpType`, or `MldType`, of etherconn/wire. */
  readonly type?: number;
  /** Filled. */
  readonly checksum?: number;
  /** Filled: 0. */
  readonly reserved?: number;
  /** Default: the unspecified address, as in general queries. */
  readonly group?: string;
}

/** Versions 1 and 2: queries, reports and leaves. */
export interface IgmpLayer extends GroupFields {
  readonly layer: 'igmp';
  /** Milliseconds, a multiple of 100; default 0. */
  readonly maxResponseTime?: number;
}

interface QueryFields extends GroupFields {
  /** Milliseconds, rounded down to what can be said; default 10,000. */
  readonly maxResponseTime?: number;
  /** Default false. */
  readonly suppress?: boolean;
  /** Default 2. */
  readonly robustness?: number;
  /** Seconds, rounded down to what can be said; default 125. */
  readonly queryInterval?: number;
  /** Of MLD. Filled: 0. */
  readonly reserved2?: number;
  /** Number of sources. Filled. */
  readonly count?: number;
  /** Default none. */
  readonly sources?: readonly string[];
}

/** IGMPv3 membership query (RFC 3376, 4.1). */
export interface IgmpV3QueryLayer extends QueryFields {
  readonly layer: 'igmpV3Query';
}

/** One group in a report. */
export interface GroupRecordFields {
  /** `GroupRecordType` of etherconn/wire. */
  readonly type: number;
  readonly group: string;
  /** Default none. */
  readonly sources?: readonly string[];
}

interface ReportFields {
  /** Filled: that of the message. */
  readonly type?: number;
  /** Filled. */
  readonly checksum?: number;
  /** Filled: 0. */
  readonly reserved?: number;
  /** Filled: 0. */
  readonly reserved2?: number;
  /** Number of records. Filled. */
  readonly count?: number;
  /** Default none. */
  readonly records?: readonly GroupRecordFields[];
}

/** IGMPv3 membership report (RFC 3376, 4.2). */
export interface IgmpV3ReportLayer extends ReportFields {
  readonly layer: 'igmpV3Report';
}

/** Version 1: queries, reports and dones. */
export interface MldLayer extends GroupFields {
  readonly layer: 'mld';
  /** Default 0. */
  readonly code?: number;
  /** Milliseconds; default 0. */
  readonly maxResponseTime?: number;
}

/** MLDv2 query (RFC 3810, 5.1). */
export interface MldV2QueryLayer extends QueryFields {
  readonly layer: 'mldV2Query';
  /** Default 0. */
  readonly code?: number;
}

/** MLDv2 report (RFC 3810, 5.2). */
export interface MldV2ReportLayer extends ReportFields {
  readonly layer: 'mldV2Report';
}

type Version = 4 | 6;

const toEnd: Tail['end'] = (_u8, _at, end) => end;

function listOf(value: unknown, name: string): readonly unknown[] {
  if (value === undefined) return [];
  requireArray(name, value);
  return value as unknown[];
}

function sources(version: Version): Tail {
  const length = version === 4 ? 4 : 16;
  return {
    name: 'sources',
    end: toEnd,
    read(u8, start, end) {
      if ((end - start) % length !== 0) return undefined;
      const count = (end - start) / length;
      return Array.from({ length: count }, (_, index) => formatIp(u8, start + length * index, version));
    },
    write: (value, name) =>
      Uint8Array.from(listOf(value, name).flatMap((one) => [...ipBytes(one, version, name)])),
  };
}

function records(version: Version): Tail {
  const length = version === 4 ? 4 : 16;
  return {
    name: 'records',
    end: toEnd,
    read(u8, start, end) {
      const record = new FrameRecord();
      record.l4 = start - GROUP_REPORT_LENGTH;
      record.l3End = end;
      if (!areGroupRecordsWhole(u8, record, length)) return undefined;
      return readGroupRecords(u8, record, length).map(({ type, group, sources }) => ({
        type,
        group: formatIp(group),
        sources: sources.map((source) => formatIp(source)),
      }));
    },
    write(value, name) {
      const list = listOf(value, name).map((one) => groupRecord(one, version, name));
      const bytes = new Uint8Array(
        list.reduce(
          (sum, { sources }) => sum + groupRecordLength(sources.length, length),
          GROUP_REPORT_LENGTH,
        ),
      );
      emitGroupReport('report', bytes, 0, 0, list, length);
      return bytes.subarray(GROUP_REPORT_LENGTH);
    },
  };
}

function groupRecord(value: unknown, version: Version, name: string): GroupRecord {
  const { type, group, sources } = (value ?? {}) as Partial<GroupRecordFields>;
  return {
    type: requireInteger(`${name}.type`, type, 0, 255),
    group: ipBytes(group, version, `${name}.group`),
    sources: listOf(sources, `${name}.sources`).map((one) => ipBytes(one, version, `${name}.sources`)),
  };
}

/** What all messages of a version of IP have. */
function family(version: Version): Pick<Definition, 'number' | 'over' | 'checksum' | 'behind'> {
  return {
    number: { ipProtocol: version === 4 ? IpProtocol.IGMP : IpProtocol.ICMPV6 },
    over: version,
    checksum: (u8, place) =>
      version === 4
        ? fillChecksum(u8, place.at + IGMP_CHECKSUM, place.at, place.end)
        : fillWithPseudoHeader(u8, place, ICMPV6_CHECKSUM, IpProtocol.ICMPV6),
    behind: () => [],
  };
}

const checksum = uint(IGMP_CHECKSUM, 2, FILLED_HEX);

export const igmpDefinition: Definition = {
  ...family(4),
  name: 'igmp',
  length: IGMP_LENGTH,
  fields: {
    type: uint(0, 1, { hexDigits: 2 }),
    maxResponseTime: uint(IGMP_MAX_RESPONSE, 1, { unit: 100 }),
    checksum,
    group: ip(IGMP_GROUP, 4),
  },
  emit: (u8, { at }) => emitIgmp(u8, at, IgmpType.V2_REPORT, new Uint8Array(4)),
  isAnswerTo: (answer, request) =>
    (answer.type === IgmpType.V1_REPORT || answer.type === IgmpType.V2_REPORT) &&
    request.type === IgmpType.QUERY,
};

/** Bytes of robustness and interval, and the number of sources, from `at` on. */
function queryFields(at: number): Definition['fields'] {
  return {
    reserved: bits(8 * at, 4, FILLED),
    suppress: flag(8 * at + 4),
    robustness: bits(8 * at + 5, 3),
    queryInterval: floating(at + 1, 8, 1),
    count: uint(at + 2, 2, FILLED),
  };
}

export const igmpV3QueryDefinition: Definition = {
  ...family(4),
  name: 'igmpV3Query',
  length: IGMP_V3_QUERY_LENGTH,
  fields: {
    type: uint(0, 1, { ...FILLED, hexDigits: 2 }),
    maxResponseTime: floating(IGMP_MAX_RESPONSE, 8, 100),
    checksum,
    group: ip(IGMP_GROUP, 4),
    ...queryFields(8),
  },
  tail: sources(4),
  emit: (u8, { at, tail }) => emitIgmpQuery(u8, at, { sources: split(tail, 4) }),
  matches: (u8, at) => u8[at] === IgmpType.QUERY,
  answers: null,
};

const reportFields: Definition['fields'] = {
  type: uint(0, 1, { ...FILLED, hexDigits: 2 }),
  reserved: uint(1, 1, FILLED),
  checksum,
  reserved2: uint(4, 2, FILLED),
  count: uint(6, 2, FILLED),
};

export const igmpV3ReportDefinition: Definition = {
  ...family(4),
  name: 'igmpV3Report',
  length: GROUP_REPORT_LENGTH,
  fields: reportFields,
  tail: records(4),
  emit: (u8, { at, layer }) => emitReport(u8, at, layer.records, 4),
  matches: (u8, at) => u8[at] === IgmpType.V3_REPORT,
  answers: 'igmpV3Query',
};

export const mldDefinition: Definition = {
  ...family(6),
  name: 'mld',
  length: MLD_LENGTH,
  fields: {
    type: uint(0, 1),
    code: uint(1, 1),
    checksum,
    maxResponseTime: uint(MLD_MAX_RESPONSE, 2),
    reserved: uint(6, 2, FILLED),
    group: ip(MLD_GROUP, 6),
  },
  emit: (u8, { at }) => emitMld(u8, at, MldType.V1_REPORT, new Uint8Array(16)),
  matches: (u8, at) => u8[at] >= MldType.QUERY && u8[at] <= MldType.V1_DONE,
  isAnswerTo: (answer, request) => answer.type === MldType.V1_REPORT && request.type === MldType.QUERY,
};

export const mldV2QueryDefinition: Definition = {
  ...family(6),
  name: 'mldV2Query',
  length: MLD_V2_QUERY_LENGTH,
  fields: {
    type: uint(0, 1, FILLED),
    code: uint(1, 1),
    checksum,
    maxResponseTime: floating(MLD_MAX_RESPONSE, 16, 1),
    reserved2: uint(6, 2, FILLED),
    group: ip(MLD_GROUP, 6),
    ...queryFields(24),
  },
  tail: sources(6),
  emit: (u8, { at, tail }) => emitMldQuery(u8, at, { sources: split(tail, 16) }),
  matches: (u8, at) => u8[at] === MldType.QUERY,
  answers: null,
};

export const mldV2ReportDefinition: Definition = {
  ...family(6),
  name: 'mldV2Report',
  length: GROUP_REPORT_LENGTH,
  fields: reportFields,
  tail: records(6),
  emit: (u8, { at, layer }) => emitReport(u8, at, layer.records, 6),
  matches: (u8, at) => u8[at] === MldType.V2_REPORT,
  answers: 'mldV2Query',
};

function emitReport(u8: Uint8Array, at: number, value: unknown, version: Version): void {
  const list = listOf(value, 'records').map((one) => groupRecord(one, version, 'records'));
  if (version === 4) emitIgmpV3Report(u8, at, list);
  else emitMldV2Report(u8, at, list);
}

function split(bytes: Uint8Array, length: number): Uint8Array[] {
  return Array.from({ length: bytes.length / length }, (_, i) =>
    bytes.subarray(length * i, length * (i + 1)),
  );
}

/** An IGMP message of version 1 or 2; default a version 2 report. */
export const igmp: LayerFunction<IgmpLayer> = layerFunction<IgmpLayer>(igmpDefinition);

/** Makes an IGMPv3 query layer. Fields left out get their defaults. */
export const igmpV3Query: LayerFunction<IgmpV3QueryLayer> =
  layerFunction<IgmpV3QueryLayer>(igmpV3QueryDefinition);

/** Makes an IGMPv3 report layer. Fields left out get their defaults. */
export const igmpV3Report: LayerFunction<IgmpV3ReportLayer> =
  layerFunction<IgmpV3ReportLayer>(igmpV3ReportDefinition);

/** An MLD message of version 1; default a report. */
export const mld: LayerFunction<MldLayer> = layerFunction<MldLayer>(mldDefinition);

/** Makes an MLDv2 query layer. Fields left out get their defaults. */
export const mldV2Query: LayerFunction<MldV2QueryLayer> =
  layerFunction<MldV2QueryLayer>(mldV2QueryDefinition);

/** Makes an MLDv2 report layer. Fields left out get their defaults. */
export const mldV2Report: LayerFunction<MldV2ReportLayer> =
  layerFunction<MldV2ReportLayer>(mldV2ReportDefinition);
