import { formatIp } from './ip.ts';

/** What IGMPv3 (RFC 3376) and MLDv2 (RFC 3810) have in common. */

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
