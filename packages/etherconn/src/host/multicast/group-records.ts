import type { GroupRecord } from '../../wire/group-record.ts';

/**
 * Divides records among reports of at most `limit` bytes of records each, those with many sources as well
 * (RFC 3376 §4.2.16: a record of sources that are included may be split).
 */
export function packRecords(
  records: readonly GroupRecord[],
  lengthOf: (sources: number) => number,
  limit: number,
  send: (records: GroupRecord[], bytes: number) => void,
): void {
  let packed: GroupRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    let from = 0;
    do {
      let count = record.sources.length - from;
      while (lengthOf(count) > limit) count--;
      const length = lengthOf(count);
      if (bytes + length > limit) {
        send(packed, bytes);
        packed = [];
        bytes = 0;
      }
      packed.push({ ...record, sources: record.sources.slice(from, from + count) });
      bytes += length;
      from += count;
    } while (from < record.sources.length);
  }
  if (packed.length > 0) send(packed, bytes);
}
