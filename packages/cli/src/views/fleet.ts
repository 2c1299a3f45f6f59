import type { FleetRates } from '../figures/fleet-rates.ts';
import { counted, scaled, time, whole } from '../figures/format.ts';
import type { FleetResult } from '../metrics/fleet-result.ts';
import type { LatencyResult } from '../metrics/latency-result.ts';

/** A second in a few words. */
export function fleetParts(rates: FleetRates, bound: number): string[] {
  const parts = [`bound ${whole(bound)}`, `${scaled(rates.leases)} leases/s`];
  if (rates.renewed > 0) parts.push(`renewed ${whole(rates.renewed)}`);
  if (rates.retries > 0) parts.push(`retries ${whole(rates.retries)}`);
  if (rates.failed > 0) parts.push(`failed ${whole(rates.failed)}`);
  return parts;
}

/** The summary of a fleet's run: names and their texts. */
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
