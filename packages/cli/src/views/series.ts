import type { Second } from '../metrics/delta.ts';
import { type FleetRates, fleetRatesOf } from './fleet.ts';
import { ratesOf, type SecondRates } from './rates.ts';

/** Points of a time series; of longer runs, neighbours become one. */
const POINTS_MAX = 4000;

/** The seconds of a run, however long it is. */
export class SecondSeries {
  points: SecondRates[] = [];
  /** Seconds in a point. */
  #width = 1;
  #pending: SecondRates[] = [];

  add(second: Second): void {
    // What arrives behind the last packet sent would look like a fall of the rate.
    const isFirst = this.points.length === 0 && this.#pending.length === 0;
    if (!isFirst && second.length < 1000 && second.delta.get('sent') === 0) return;
    this.#pending.push(ratesOf(second));
    if (this.#pending.length < this.#width) return;
    this.points.push(this.#pending.reduce(joined));
    this.#pending = [];
    if (this.points.length < POINTS_MAX) return;
    this.points = Array.from({ length: POINTS_MAX / 2 }, (_, i) =>
      joined(this.points[2 * i], this.points[2 * i + 1]),
    );
    this.#width *= 2;
  }
}

/** Rates are means, counts are sums, latencies the worse ones. */
function joined(a: SecondRates, b: SecondRates): SecondRates {
  const worse = (x: number | null, y: number | null): number | null =>
    x === null || y === null ? (x ?? y) : Math.max(x, y);
  return {
    second: a.second,
    sent: (a.sent + b.sent) / 2,
    sentBits: (a.sentBits + b.sentBits) / 2,
    received: (a.received + b.received) / 2,
    receivedBits: (a.receivedBits + b.receivedBits) / 2,
    lost: a.lost + b.lost,
    duplicates: a.duplicates + b.duplicates,
    reordered: a.reordered + b.reordered,
    p50: worse(a.p50, b.p50),
    p90: worse(a.p90, b.p90),
    p99: worse(a.p99, b.p99),
    max: worse(a.max, b.max),
  };
}

/** The seconds of a run, and of each of its parts. */
export class RunSeries {
  readonly total: SecondSeries = new SecondSeries();
  readonly parts: Map<string, SecondSeries> = new Map();

  add(second: Second): void {
    this.total.add(second);
    for (const name of partsIn(second)) {
      const series = this.parts.get(name) ?? new SecondSeries();
      this.parts.set(name, series);
      series.add(partOf(second, name));
    }
  }
}

/** Parts of a scenario that something has happened to. */
export function partsIn({ delta }: Second): string[] {
  const names = new Set<string>();
  for (const name of delta.counters.keys()) {
    const end = name.indexOf('/');
    if (end > 0) names.add(name.slice(0, end));
  }
  return [...names];
}

function partOf({ second, length, delta }: Second, name: string): Second {
  return { second, length, delta: delta.part(name) };
}

export type PartRates = SecondRates & Partial<FleetRates>;

/** What a second says of each part. */
export function partRates(second: Second): Record<string, PartRates> {
  return Object.fromEntries(
    partsIn(second).map((name) => {
      const part = partOf(second, name);
      const { counters } = part.delta;
      const isFleet = counters.has('discover') || counters.has('leases') || counters.has('bound');
      return [name, { ...ratesOf(part), ...(isFleet ? fleetRatesOf(part) : {}) }];
    }),
  );
}
