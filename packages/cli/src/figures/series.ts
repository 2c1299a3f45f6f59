import { Delta, type Second } from '../metrics/delta.ts';
import { type FleetRates, fleetRatesOf } from './fleet-rates.ts';
import { ratesOf, type SecondRates } from './rates.ts';

/** Points of a time series; of longer runs, neighbours become one. */
const POINTS_MAX = 4000;

/** A second of a run or a part, with what a fleet's clients did where there are some. */
export type PartRates = SecondRates & Partial<FleetRates>;

/** The seconds of a run, however long it is. */
export class SecondSeries {
  points: PartRates[] = [];
  /** Seconds in a point. */
  #width = 1;
  #pending: PartRates[] = [];
  #isFleet = false;

  add(second: Second): void {
    // What arrives behind the last packet sent would look like a fall of the rate.
    const isFirst = this.points.length === 0 && this.#pending.length === 0;
    if (!isFirst && second.length < 1000 && second.delta.get('sent') === 0) return;
    this.#isFleet ||= hasFleet(second);
    this.#pending.push(pointOf(second, this.#isFleet));
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

/** What only clients of a fleet count. */
const FLEET_COUNTERS = ['discover', 'request', 'ack', 'leases', 'bound'];

function hasFleet({ delta: { counters } }: Second): boolean {
  return FLEET_COUNTERS.some((name) => counters.has(name));
}

function pointOf(second: Second, isFleet: boolean): PartRates {
  return { ...ratesOf(second), ...(isFleet ? fleetRatesOf(second) : {}) };
}

/** Rates are means, counts are sums, latencies the worse ones. */
function joined(a: PartRates, b: PartRates): PartRates {
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
    p999: worse(a.p999, b.p999),
    max: worse(a.max, b.max),
    ...(a.leases === undefined && b.leases === undefined ? {} : joinedFleet(a, b)),
  };
}

/** Before its first message a fleet has no figures. */
function joinedFleet(a: Partial<FleetRates>, b: Partial<FleetRates>): FleetRates {
  const sum = (name: keyof FleetRates): number => (a[name] ?? 0) + (b[name] ?? 0);
  const worse = (name: 'offerP99' | 'ackP99'): number | null => {
    const values = [a[name] ?? null, b[name] ?? null].filter((value) => value !== null);
    return values.length === 0 ? null : Math.max(...values);
  };
  return {
    leases: sum('leases') / 2,
    bound: sum('bound'),
    renewed: sum('renewed'),
    retries: sum('retries'),
    naks: sum('naks'),
    failed: sum('failed'),
    offerP99: worse('offerP99'),
    ackP99: worse('ackP99'),
  };
}

/** The seconds of a run, and of each of its parts from its first to its last one. */
export class RunSeries {
  readonly total: SecondSeries = new SecondSeries();
  readonly parts: Map<string, SecondSeries> = new Map();
  /** Seconds in which nothing has happened to a part since something has. */
  readonly #silent = new Map<string, Second[]>();

  add(second: Second): void {
    this.total.add(second);
    const active = new Set(partsIn(second));
    for (const name of active) if (!this.parts.has(name)) this.parts.set(name, new SecondSeries());
    for (const [name, series] of this.parts) {
      const silent = this.#silent.get(name) ?? [];
      if (active.has(name)) {
        // It was no end, but a pause.
        for (const each of silent) series.add(each);
        series.add(partOf(second, name));
        this.#silent.delete(name);
      } else {
        silent.push({ ...second, delta: NOTHING });
        this.#silent.set(name, silent);
      }
    }
  }
}

const NOTHING = new Delta();

/** A second in which nothing happens. */
export function restingRates(second: number, isFleet: boolean): PartRates {
  return pointOf({ second, length: 1000, delta: NOTHING }, isFleet);
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

/** What a second says of each part. */
export function partRates(second: Second): Record<string, PartRates> {
  return Object.fromEntries(
    partsIn(second).map((name) => {
      const part = partOf(second, name);
      return [name, pointOf(part, hasFleet(part))];
    }),
  );
}
