import { macRangeOf } from '../scenario/default-mac.ts';
import {
  parseAddressRange,
  parseMacRange,
  parsePortRange,
  parseVlanRange,
  type Range,
  type Spans,
} from '../scenario/range.ts';
import type { ClientRange, Part, PartType } from '../scenario/scenario.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';

/** Parts with more clients than this are compared only as ranges. */
const COMPARED_MAX = 2 ** 20;

/** The addresses and ports of a part's clients on the wire, as functions of their numbers. */
export interface Claim {
  readonly name: string;
  readonly type: PartType;
  readonly own: ClientRange;
  readonly mac: Range<string>;
  readonly vlan: Range<readonly number[]> | null;
  /** Null for parts without ports. */
  readonly port: Range<number> | null;
}

/**
 * @param own all clients of the part
 * @param macStart MAC address of client 0 of a fleet, and how many there are: '02:00:00:00:00:01+100'
 */
export function claimOf(name: string, part: Part, own: ClientRange, macStart: string, port: number): Claim {
  const vlan = part.vlan === undefined ? null : parseVlanRange('vlan', `${part.vlan}`);
  const claim = { name, type: part.type, own, vlan };
  if (part.type === 'dhcp') return { ...claim, mac: parseMacRange('macStart', macStart), port: null };
  if (part.type === 'ping') return { ...claim, mac: macs(part.from, part.fromMac), port: null };
  const isSender = part.type === 'udp-send';
  return {
    ...claim,
    mac: isSender ? macs(part.from, part.fromMac) : macs(part.address, part.mac),
    port: parsePortRange('', `${(isSender ? part.fromPort : part.port) ?? port}`),
  };
}

function macs(address: string, mac: string | undefined): Range<string> {
  return mac === undefined ? macRangeOf(parseAddressRange('', address)) : parseMacRange('', mac);
}

/**
 * Finds parts that cannot share a network: a machine is a DHCP client of one fleet or has addresses of its own, and each of
 * its ports either sends or receives. Clients are compared only if the ranges overlap.
 */
export function conflicts(claims: readonly Claim[]): ScenarioError[] {
  const found = new Map<string, ScenarioError>();
  for (const [i, later] of claims.entries()) {
    for (const earlier of claims.slice(0, i)) {
      const isFleet = [earlier, later].some(({ type }) => type === 'dhcp');
      if (!isFleet && !portsMatter(earlier, later)) continue;
      if (areApart(earlier, later, !isFleet)) continue;
      // Between a fleet and another part, the error names the other one.
      const [told, other] =
        later.type === 'dhcp' && earlier.type !== 'dhcp' ? [earlier, later] : [later, earlier];
      const why = isFleet ? sameMachine(told, other) : samePort(told, other);
      if (why !== null && !found.has(told.name))
        found.set(told.name, new ScenarioError(`parts.${told.name}`, why));
    }
  }
  return [...found.values()];
}

function portsMatter(a: Claim, b: Claim): boolean {
  return a.port !== null && b.port !== null && (a.type !== 'udp-send' || b.type !== 'udp-send');
}

/** Whether the ranges alone show that the two have nothing in common. */
function areApart(a: Claim, b: Claim, withPorts: boolean): boolean {
  if (disjoint(a.mac, a.own, b.mac, b.own)) return true;
  if (withPorts && disjoint(a.port!, a.own, b.port!, b.own)) return true;
  const [vlans, others] = [levelsOf(a), levelsOf(b)];
  return vlans.length !== others.length || vlans.some((level, i) => apart(level, others[i]));
}

function levelsOf({ vlan, own }: Claim): readonly Spans[] {
  return vlan === null ? [] : vlan.spans(own.first, own.count);
}

function disjoint<T>(a: Range<T>, ofA: ClientRange, b: Range<T>, ofB: ClientRange): boolean {
  return apart(a.spans(ofA.first, ofA.count)[0], b.spans(ofB.first, ofB.count)[0]);
}

function apart(a: Spans, b: Spans): boolean {
  return a.every(([first, last]) => b.every(([from, to]) => last < from || to < first));
}

function sameMachine(told: Claim, other: Claim): string | null {
  const advice = told.type === 'dhcp' ? 'another macStart' : 'other MAC addresses';
  const who = firstInCommon(told, other, machineOf);
  if (who === null) return null;
  if (who === undefined) return `${tooMany(other)}; give one of them ${advice}, or other VLANs`;
  return told.type === 'dhcp'
    ? `has ${who}, as ${other.name}; give one of them ${advice}`
    : `has ${who}, which is a DHCP client of ${other.name}; give one of them ${advice}`;
}

function samePort(told: Claim, other: Claim): string | null {
  const key = firstInCommon(told, other, (claim, n) => `port ${claim.port!.at(n)} of ${machineOf(claim, n)}`);
  if (key === null) return null;
  return key === undefined
    ? `${tooMany(other)}; give one of them another port, or other MAC addresses`
    : `has ${key}, as ${other.name}; give one of them another port`;
}

function tooMany({ name }: Claim): string {
  return `has machines in the same ranges as ${name}, and with more than ${COMPARED_MAX} clients ranges must be apart`;
}

/** What clients of both have in common; null for nothing, undefined if there are too many clients to compare. */
function firstInCommon(
  told: Claim,
  other: Claim,
  keyOf: (claim: Claim, n: number) => string,
): string | null | undefined {
  if (told.own.count + other.own.count > 2 * COMPARED_MAX) return undefined;
  const keys = new Set<string>();
  for (let n = other.own.first; n < other.own.first + other.own.count; n++) keys.add(keyOf(other, n));
  for (let n = told.own.first; n < told.own.first + told.own.count; n++) {
    const key = keyOf(told, n);
    if (keys.has(key)) return key;
  }
  return null;
}

function machineOf({ mac, vlan }: Claim, n: number): string {
  const vlans = vlan?.at(n) ?? [];
  return vlans.length === 0 ? mac.at(n) : `${mac.at(n)} in VLAN ${vlans.join('.')}`;
}
