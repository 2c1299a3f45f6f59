import type { Second } from '../metrics/delta.ts';

/** What a second of a fleet says, besides the rates of its messages. */
export interface FleetRates {
  /** Leases acquired per second. */
  readonly leases: number;
  /** Leases more, or less, than a second before. */
  readonly bound: number;
  readonly renewed: number;
  readonly retries: number;
  readonly naks: number;
  readonly failed: number;
  /** Milliseconds from a discover to its offer, and from a request to its ack; null where there was none. */
  readonly offerP99: number | null;
  readonly ackP99: number | null;
}

export function fleetRatesOf({ length, delta }: Second): FleetRates {
  const p99 = (phase: string): number | null => {
    const histogram = delta.histograms.get(phase);
    return histogram === undefined || histogram.count === 0 ? null : histogram.quantile(0.99) / 1000;
  };
  return {
    leases: length === 0 ? 0 : delta.get('leases') / (length / 1000),
    bound: delta.get('bound'),
    renewed: delta.get('renewed') + delta.get('rebound'),
    retries: delta.get('retries'),
    naks: delta.get('nak'),
    failed: delta.get('failed'),
    offerP99: p99('offer'),
    ackP99: p99('ack'),
  };
}
