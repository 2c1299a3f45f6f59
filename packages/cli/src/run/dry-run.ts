import type { Range } from '../scenario/range.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { payloadsOf } from '../udp/frames.ts';
import type { PartPlan } from './part-plan.ts';
import { planOf } from './plan.ts';

/** What a part would do, as `--dry-run` prints it. */
export interface PlannedPart {
  readonly name: string;
  readonly type: string;
  /** '0-49'. */
  readonly clients: string;
  /** Seconds from the start. Without an end, the part ends by itself. */
  readonly begin: number;
  readonly end: number | null;
  /** Names, and what is planned. */
  readonly details: readonly (readonly [name: string, text: string])[];
}

export interface DryRun {
  readonly name: string | null;
  readonly clients: number;
  readonly parts: readonly PlannedPart[];
  /** Seconds from the start, and what happens then. */
  readonly timeline: readonly { readonly at: number; readonly events: readonly string[] }[];
  readonly failIf: readonly string[];
}

/** What a scenario would do. Opens nothing. */
export function dryRunOf(scenario: Scenario, failIf: readonly string[]): DryRun {
  const plan = planOf(scenario);
  const parts = plan.parts.map(plannedOf);
  const events = new Map<number, string[]>();
  const note = (at: number, event: string): void => void events.set(at, [...(events.get(at) ?? []), event]);
  for (const { name, begin, end } of parts) {
    note(begin, `${name} begins`);
    if (end !== null) note(end, `${name} ends`);
  }
  for (const part of plan.parts)
    if (part.type === 'udp-send' && part.schedule.ramp !== undefined)
      note((part.begin + part.schedule.ramp) / 1000, `${part.name} is at its full rate`);
  return {
    name: scenario.name ?? null,
    clients: scenario.clients,
    parts,
    timeline: [...events].sort(([a], [b]) => a - b).map(([at, each]) => ({ at, events: each })),
    failIf,
  };
}

function plannedOf(part: PartPlan): PlannedPart {
  const { name, type, begin, clients } = part;
  const last = clients.first + clients.count - 1;
  return {
    name,
    type,
    clients: clients.count === 1 ? `${clients.first}` : `${clients.first}-${last}`,
    begin: begin / 1000,
    end: endOf(part),
    details: detailsOf(part),
  };
}

/** Seconds; null if it is not known before the run. */
function endOf(part: PartPlan): number | null {
  if (part.end !== undefined) return part.end / 1000;
  if (part.type === 'udp-send' && part.schedule.duration !== undefined)
    return (part.begin + part.schedule.duration) / 1000;
  if (part.type === 'ping' && part.ping.deadline !== undefined)
    return (part.begin + part.ping.deadline) / 1000;
  return null;
}

function detailsOf(part: PartPlan): [string, string][] {
  const { first, count } = part.clients;
  const ends = <T>(at: (n: number) => T): string => span(`${at(first)}`, `${at(first + count - 1)}`);
  const ofRange = <T>(range: Range<T> | undefined): string | null =>
    range === undefined ? null : ends((n) => [range.at(n)].flat().join('.'));
  const rows: [string, string | null][] = [];
  if (part.type === 'dhcp') {
    const { mac, vlan, rate, duration, renew, release, flap, decline } = part.fleet;
    const life = [
      ...(renew ? ['renew'] : []),
      ...(release ? ['release at the end'] : []),
      ...(flap === undefined ? [] : [`begin again after ${seconds(flap)}`]),
      ...(decline === 0 ? [] : [`${100 * decline} % decline their first address`]),
    ];
    rows.push(
      ['MAC', ofRange(mac)],
      ['VLAN', ofRange(vlan)],
      [
        'rate',
        rate === Number.POSITIVE_INFINITY ? 'all at once' : `${round(rate)} clients begin in a second`,
      ],
      ['life', life.join(', ') || null],
      ['ends', duration === undefined ? 'when each client has what it is to have' : null],
      ['leases', part.leases ?? null],
    );
  } else if (part.type === 'udp-send') {
    const { flows, sizes, gateway, roundTrip } = part.send;
    const at = (n: number) => flows.flow(n);
    const vlans = at(first).vlans.length;
    const frames = payloadsOf(sizes, flows.version, vlans);
    const bytes = frames.map(({ size }) => size);
    const [least, most] = [Math.min(...bytes), Math.max(...bytes)];
    const { rate, ramp, count: packets } = part.schedule;
    const text =
      rate.value === Number.POSITIVE_INFINITY ? 'as fast as it goes' : `${round(rate.value)} ${rate.unit}`;
    rows.push(
      ['flows', `${count}`],
      ['MAC', ends((n) => at(n).mac)],
      ['VLAN', vlans === 0 ? null : ends((n) => at(n).vlans.join('.'))],
      ['from', ends((n) => socket(at(n).address, at(n).port))],
      ['to', ends((n) => socket(at(n).toAddress, at(n).toPort))],
      ['gateway', gateway ?? null],
      ['rate', ramp === undefined ? text : `${text}, after a ramp of ${seconds(ramp)}`],
      ['frames', least === most ? `${least} bytes` : `${least} to ${most} bytes`],
      ['packets', packets === undefined ? null : `${packets}`],
      ['measured', roundTrip ? 'there and back' : null],
    );
  } else if (part.type === 'ping') {
    const { machines, interval, flood, count: requests, size } = part.ping;
    const at = (n: number) => machines.machine(n);
    rows.push(
      ['MAC', ends((n) => at(n).mac)],
      ['VLAN', at(first).vlans.length === 0 ? null : ends((n) => at(n).vlans.join('.'))],
      ['from', ends((n) => at(n).address)],
      ['to', ends((n) => at(n).toAddress)],
      [
        'requests',
        `${requests === undefined ? '' : `${requests} of each, `}${flood ? 'one for each reply' : `every ${seconds(interval)}`}, ${size} bytes`,
      ],
    );
  } else {
    const at = (n: number) => part.targets[n - first];
    rows.push(
      ['MAC', ends((n) => at(n).mac)],
      ['VLAN', at(first).vlans.length === 0 ? null : ends((n) => at(n).vlans.join('.'))],
      ['at', ends((n) => socket(at(n).address, at(n).port))],
    );
  }
  return rows.filter((row): row is [string, string] => row[1] !== null);
}

/** 'first … last', or a single value. */
function span(first: string, last: string): string {
  return first === last ? first : `${first} … ${last}`;
}

function socket(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function seconds(milliseconds: number): string {
  return `${round(milliseconds / 1000)} s`;
}

function round(value: number): string {
  return `${Number(value.toPrecision(6))}`;
}

/** For a terminal. */
export function dryRunLines({ name, clients, parts, timeline, failIf }: DryRun, network: string): string[] {
  const label = (text: string): string => text.padEnd(11);
  const lines = [
    ...(name === null ? [] : [`${label('scenario')}${name}`]),
    `${label('network')}${network}`,
    `${label('clients')}${clients}`,
  ];
  for (const part of parts) {
    lines.push(`${label('part')}${part.name}  ${part.type}, clients ${part.clients}`);
    for (const [key, text] of part.details) lines.push(`${label('')}${key.padEnd(9)} ${text}`);
  }
  for (const { at, events } of timeline) lines.push(`${label(`${round(at)} s`)}${events.join(', ')}`);
  for (const limit of failIf) lines.push(`${label('fail if')}${limit}`);
  return lines;
}
