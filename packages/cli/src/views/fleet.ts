import type { Second } from '../metrics/delta.ts';
import type { FleetResult } from '../metrics/fleet-result.ts';
import type { LatencyResult } from '../metrics/latency-result.ts';
import { counted, scaled, time, whole } from './format.ts';

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

/** A second in a few words. */
export function fleetParts(rates: FleetRates, bound: number): string[] {
  const parts = [`bound ${whole(bound)}`, `${scaled(rates.leases)} leases/s`];
  if (rates.renewed > 0) parts.push(`renewed ${whole(rates.renewed)}`);
  if (rates.retries > 0) parts.push(`retries ${whole(rates.retries)}`);
  if (rates.failed > 0) parts.push(`failed ${whole(rates.failed)}`);
  return parts;
}

/** The end of a fleet's run: names, and what to say of them. */
export function fleetRows(fleet: FleetResult): [name: string, text: string][] {
  const rows: [string, string][] = [
    [
      'leases',
      `${whole(fleet.leases)} of ${counted(fleet.clients, 'client')}, ${scaled(fleet.leasesPerSecond)} leases/s, ${whole(fleet.bound)} held at the end`,
    ],
  ];
  const { renewed, rebound, expired } = fleet;
  if (renewed + rebound + expired > 0)
    rows.push(['renewed', `${whole(renewed)}   rebound ${whole(rebound)}   expired ${whole(expired)}`]);
  const failures = Object.entries(fleet.failures).map(([reason, count]) => `${reason} ${whole(count)}`);
  if (failures.length > 0) rows.push(['failed', failures.join('   ')]);
  rows.push(['retries', whole(fleet.retries)]);
  for (const [phase, latency] of Object.entries(fleet.phases))
    if (latency !== null) rows.push([phase, percentilesOf(latency)]);
  return rows;
}

export function percentilesOf({ min, p50, p90, p99, p999, max }: LatencyResult): string {
  const parts = { min, p50, p90, p99, 'p99.9': p999, max };
  return Object.entries(parts)
    .map(([name, value]) => `${name} ${time(value)}`)
    .join('   ');
}
