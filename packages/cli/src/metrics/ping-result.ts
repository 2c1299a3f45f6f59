import type { Delta } from './delta.ts';

/** Counters of ICMP errors have this before their names. */
export const ERROR_PREFIX = 'error: ';

/** What became of pings besides replies. */
export interface PingResult {
  /** ICMP errors, and next hops that did not answer; in all, and by name. */
  readonly errors: number;
  readonly errorsByName: Readonly<Record<string, number>>;
  /** Replies whose data is not that of the request. */
  readonly corrupted: number;
  /** Milliseconds: standard deviation of the round-trip times. */
  readonly mdev: number | null;
}

export function pingResultOf(total: Delta): PingResult {
  const errorsByName: Record<string, number> = {};
  for (const [name, count] of total.counters)
    if (name.startsWith(ERROR_PREFIX)) errorsByName[name.slice(ERROR_PREFIX.length)] = count;
  return {
    errors: Object.values(errorsByName).reduce((sum, count) => sum + count, 0),
    errorsByName,
    corrupted: total.get('corrupted'),
    mdev: mdevOf(total),
  };
}

function mdevOf(total: Delta): number | null {
  const rtt = total.histograms.get('latency');
  if (rtt === undefined || rtt.count === 0) return null;
  return Math.sqrt(Math.max(0, total.get('rttSquares') / rtt.count - (rtt.mean / 1000) ** 2));
}
