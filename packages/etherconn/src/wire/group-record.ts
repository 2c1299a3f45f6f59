import { checkBytes, checkRoom, readU16, writeU16 } from './bytes.ts';
import { formatIp } from './ip.ts';
import type { FrameRecord } from './record.ts';

/** What IGMPv3 (RFC 3376) and MLDv2 (RFC 3810) have in common: reports differ in the length of addresses alone. */

/** Types of the records in a version 3 (MLD: 2) report: RFC 3376 §4.2.12, RFC 3810 §5.2.12. */
export const GroupRecordType = {
  MODE_IS_INCLUDE: 1,
  MODE_IS_EXCLUDE: 2,
  CHANGE_TO_INCLUDE: 3,
  CHANGE_TO_EXCLUDE: 4,
  ALLOW_NEW_SOURCES: 5,
  BLOCK_OLD_SOURCES: 6,
} as const;

/** One record of a report. */
export interface GroupRecord {
  /** {@link GroupRecordType}. */
  readonly type: number;
  /** 4 or 16 bytes. */
  readonly group: Uint8Array;
  /** As many bytes each. */
  readonly sources: readonly Uint8Array[];
}

const RECORD_NAMES: readonly string[] = ['is_in', 'is_ex', 'to_in', 'to_ex', 'allow', 'block'];

/** Records as they are printed: `, to_ex 239.1.2.3 {}, allow 232.1.1.1 {10.0.0.1}`. */
export function printGroupRecords(records: readonly GroupRecord[]): string {
  return records
    .map(({ type, group, sources }) => {
      const list = sources.map((source) => formatIp(source)).join(' ');
      return `, ${RECORD_NAMES[type - 1] ?? `type-${type}`} ${formatIp(group)} {${list}}`;
    })
    .join('');
}

/** Bytes of a report before its records. Their number stands in its last two. */
export const GROUP_REPORT_LENGTH = 8;
const RECORD_COUNT = 6;
/** Type, length of auxiliary data, number of sources; the group and the sources follow. */
const RECORD_HEADER_LENGTH = 4;

/** Bytes of a record with so many sources, addresses of `addressLength` bytes (4 or 16), and no auxiliary data. */
export function groupRecordLength(sources: number, addressLength: number): number {
  return RECORD_HEADER_LENGTH + addressLength * (1 + sources);
}

/** Whether all records that the report of a parsed frame announces are there. */
export function areGroupRecordsWhole(u8: Uint8Array, record: FrameRecord, addressLength: number): boolean {
  let at = record.l4 + GROUP_REPORT_LENGTH;
  for (let left = readU16(u8, record.l4 + RECORD_COUNT); left > 0; left--) {
    if (at + groupRecordLength(0, addressLength) > record.l3End) return false;
    at += recordLengthAt(u8, at, addressLength);
  }
  return at <= record.l3End;
}

/** The records of the report of a parsed frame, copied. Only when they are whole. */
export function readGroupRecords(u8: Uint8Array, record: FrameRecord, addressLength: number): GroupRecord[] {
  const records: GroupRecord[] = [];
  let at = record.l4 + GROUP_REPORT_LENGTH;
  for (let left = readU16(u8, record.l4 + RECORD_COUNT); left > 0; left--) {
    const group = at + RECORD_HEADER_LENGTH;
    const sources = Array.from({ length: readU16(u8, at + 2) }, (_, index) => {
      const source = group + addressLength * (1 + index);
      return u8.slice(source, source + addressLength);
    });
    records.push({ type: u8[at], group: u8.slice(group, group + addressLength), sources });
    at += recordLengthAt(u8, at, addressLength);
  }
  return records;
}

/** Writes a report without checksum at `offset`; returns the offset after it. `name` is for the error without room. */
export function emitGroupReport(
  name: string,
  u8: Uint8Array,
  offset: number,
  type: number,
  records: readonly GroupRecord[],
  addressLength: number,
): number {
  let end = offset + GROUP_REPORT_LENGTH;
  for (const { sources } of records) end += groupRecordLength(sources.length, addressLength);
  checkRoom(name, u8, offset, end - offset);
  u8.fill(0, offset, offset + GROUP_REPORT_LENGTH);
  u8[offset] = type;
  writeU16(u8, offset + RECORD_COUNT, records.length);
  let at = offset + GROUP_REPORT_LENGTH;
  for (const { type, group, sources } of records) {
    u8[at] = type;
    u8[at + 1] = 0;
    writeU16(u8, at + 2, sources.length);
    at += RECORD_HEADER_LENGTH;
    u8.set(checkBytes('group', group, addressLength), at);
    at += addressLength;
    for (const source of sources) {
      u8.set(checkBytes('sources', source, addressLength), at);
      at += addressLength;
    }
  }
  return end;
}

function recordLengthAt(u8: Uint8Array, at: number, addressLength: number): number {
  return groupRecordLength(readU16(u8, at + 2), addressLength) + 4 * u8[at + 1];
}
