import type { Delta } from './delta.ts';
import { type LatencyResult, latencyOf } from './latency-result.ts';

/** Exchanges of a DHCP client whose time is taken; 'latency' is the whole from the first discover to the lease. */
const PHASES = ['offer', 'ack', 'renew', 'rebind'] as const;
/** Counters of a fleet, as its clients count them. */
const MESSAGES = ['discover', 'offer', 'request', 'ack', 'nak', 'decline', 'release'] as const;
const FAILURE = 'failed: ';

/** What a fleet of DHCP clients has got. */
export interface FleetResult {
  readonly clients: number;
  /** Leases acquired, renewals not included; per second of the run. */
  readonly leases: number;
  readonly leasesPerSecond: number;
  /** Leases that are held at the end. */
  readonly bound: number;
  readonly renewed: number;
  readonly rebound: number;
  readonly expired: number;
  readonly retries: number;
  readonly naks: number;
  /** Part of the attempts to get a lease that failed, 0 to 1; null when none has ended. */
  readonly failed: number | null;
  /** Failed attempts by reason. */
  readonly failures: Readonly<Record<string, number>>;
  /** Messages sent and accepted, by type. */
  readonly messages: Readonly<Record<(typeof MESSAGES)[number], number>>;
  /** Answers that were not waited for any more, or of no use. */
  readonly late: number;
  readonly malformed: number;
  readonly foreign: number;
  /** Milliseconds. */
  readonly phases: Readonly<Record<(typeof PHASES)[number], LatencyResult | null>>;
}

export function fleetResultOf(total: Delta, clients: number, seconds: number): FleetResult {
  const leases = total.get('leases');
  const failed = total.get('failed');
  const failures: Record<string, number> = {};
  for (const [name, count] of total.counters)
    if (name.startsWith(FAILURE)) failures[name.slice(FAILURE.length)] = count;
  const all = <Name extends string, T>(names: readonly Name[], value: (name: Name) => T): Record<Name, T> =>
    Object.fromEntries(names.map((name) => [name, value(name)])) as Record<Name, T>;
  return {
    clients,
    leases,
    leasesPerSecond: seconds === 0 ? 0 : leases / seconds,
    bound: total.get('bound'),
    renewed: total.get('renewed'),
    rebound: total.get('rebound'),
    expired: total.get('expired'),
    retries: total.get('retries'),
    naks: total.get('nak'),
    failed: leases + failed === 0 ? null : failed / (leases + failed),
    failures,
    messages: all(MESSAGES, (name) => total.get(name)),
    late: total.get('late'),
    malformed: total.get('malformed'),
    foreign: total.get('foreign'),
    phases: all(PHASES, (name) => latencyOf(total.histograms.get(name))),
  };
}
