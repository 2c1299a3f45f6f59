import type { PartRates } from '../figures/series.ts';
import { blocksOf } from './blocks.ts';
import { holm, mannWhitney } from './mann-whitney.ts';
import type { Found, RunFile } from './run-file.ts';

export type Unit = 'pps' | 'ms' | 'ratio' | 'count';

/** Whether a difference is more than noise; null where there are no seconds to tell it by. */
export type Significance = 'differs' | 'noise' | 'cannot tell' | null;

export interface Row {
  /** 'p99', or 'voice.p99' of a part. */
  readonly metric: string;
  readonly unit: Unit;
  readonly a: number | null;
  readonly b: number | null;
  /** (b - a) / a; null when it cannot be said, Infinity from nothing to something. */
  readonly change: number | null;
  readonly significance: Significance;
  /** Probability of such a difference between runs that are alike, corrected for the number of rows; null untested. */
  readonly p: number | null;
}

/** A difference with a probability below this is more than noise. */
export const LEVEL = 0.01;

interface Metric {
  readonly name: string;
  readonly unit: Unit;
  readonly of: (found: Found) => number | null;
  /** Its value in each second. */
  readonly second?: keyof PartRates;
}

const METRICS: readonly Metric[] = [
  { name: 'sent', unit: 'pps', of: ({ sent }) => sent?.pps ?? null, second: 'sent' },
  { name: 'received', unit: 'pps', of: ({ received }) => received?.pps ?? null, second: 'received' },
  { name: 'loss', unit: 'ratio', of: ({ received }) => received?.loss ?? null, second: 'lost' },
  {
    name: 'duplicates',
    unit: 'count',
    of: ({ received }) => received?.duplicates ?? null,
    second: 'duplicates',
  },
  {
    name: 'reordered',
    unit: 'count',
    of: ({ received }) => received?.reordered ?? null,
    second: 'reordered',
  },
  { name: 'p50', unit: 'ms', of: ({ latency }) => latency?.p50 ?? null, second: 'p50' },
  { name: 'p90', unit: 'ms', of: ({ latency }) => latency?.p90 ?? null, second: 'p90' },
  { name: 'p99', unit: 'ms', of: ({ latency }) => latency?.p99 ?? null, second: 'p99' },
  { name: 'p99.9', unit: 'ms', of: ({ latency }) => latency?.p999 ?? null, second: 'p999' },
  { name: 'max', unit: 'ms', of: ({ latency }) => latency?.max ?? null, second: 'max' },
  { name: 'jitter', unit: 'ms', of: ({ jitter }) => jitter },
  { name: 'leases', unit: 'count', of: ({ fleet }) => fleet?.leases ?? null, second: 'leases' },
  { name: 'failed', unit: 'ratio', of: ({ fleet }) => fleet?.failed ?? null, second: 'failed' },
  { name: 'retries', unit: 'count', of: ({ fleet }) => fleet?.retries ?? null, second: 'retries' },
  { name: 'naks', unit: 'count', of: ({ fleet }) => fleet?.naks ?? null, second: 'naks' },
  { name: 'offer-p99', unit: 'ms', of: ({ fleet }) => fleet?.phases.offer?.p99 ?? null, second: 'offerP99' },
  { name: 'ack-p99', unit: 'ms', of: ({ fleet }) => fleet?.phases.ack?.p99 ?? null, second: 'ackP99' },
];

/** Two runs, metric by metric; and those of their parts that both have. */
export function compare(a: RunFile, b: RunFile): Row[] {
  const pairs: [string, Found, Found][] = [['', a.whole, b.whole]];
  for (const [name, part] of Object.entries(a.parts))
    if (b.parts[name] !== undefined) pairs.push([`${name}.`, part, b.parts[name]]);
  const rows = pairs.flatMap(([prefix, x, y]) =>
    METRICS.flatMap((metric) => {
      const [before, after] = [metric.of(x), metric.of(y)];
      if (before === null && after === null) return [];
      const tested = testOf(metric, x, y);
      return [{ metric: prefix + metric.name, unit: metric.unit, a: before, b: after, tested }];
    }),
  );
  const adjusted = holm(rows.map(({ tested }) => (typeof tested === 'number' ? tested : Number.NaN)));
  return rows.map(({ tested, ...row }, i) => ({
    ...row,
    change: changeOf(row.a, row.b),
    significance: typeof tested !== 'number' ? tested : adjusted[i] < LEVEL ? 'differs' : 'noise',
    p: typeof tested === 'number' ? adjusted[i] : null,
  }));
}

/** The probability, or why there is none. */
function testOf({ second }: Metric, x: Found, y: Found): number | 'cannot tell' | null {
  if (second === undefined) return null;
  const values = ({ seconds }: Found): number[] => seconds.flatMap((each) => each[second] ?? []);
  const blocks = blocksOf(values(x), values(y));
  return blocks === null ? 'cannot tell' : mannWhitney(blocks.a, blocks.b, blocks.correlation);
}

function changeOf(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return null;
  if (a === 0) return b === 0 ? 0 : Number.POSITIVE_INFINITY;
  return (b - a) / a;
}
