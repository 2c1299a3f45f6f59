import { checkReachable, PingMachines, type PingPlan } from '../ping/ping-plan.ts';
import { parseCount, prefixOf } from '../scenario/quantity.ts';
import { parseAddressRange, parseMacRange, parseVlanRange } from '../scenario/range.ts';
import type { PingPart } from '../scenario/scenario.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import type { AnyPartPlan, PingPartPlan } from './part-plan.ts';
import { DEFAULT_DURATION, durationOf, optionalOf } from './part-values.ts';

export function pingOf(part: PingPart, shared: AnyPartPlan): PingPartPlan {
  const { begin, end, clients } = shared;
  const ranges = {
    from: parseAddressRange('from', part.from),
    fromMac: optionalOf('fromMac', part.fromMac, parseMacRange),
    to: parseAddressRange('to', part.to),
    vlan: optionalOf('vlan', part.vlan, parseVlanRange),
  };
  // Without clients in this run, the part is only checked.
  const machines = new PingMachines(ranges, Math.max(1, clients.count), clients.first);
  if (part.flood === true && part.interval !== undefined)
    throw new ScenarioError('interval', 'does not go with flood');
  const count = optionalOf('count', part.count, parseCount);
  const ping: PingPlan = {
    machines,
    prefix: prefixOf('prefix', part.prefix, machines.version),
    gateway: part.gateway,
    interval: durationOf('interval', part.interval) ?? 1000,
    flood: part.flood === true,
    count,
    timeout: durationOf('timeout', part.timeout) ?? 10_000,
    deadline: end === undefined ? (count === undefined ? DEFAULT_DURATION : undefined) : end - begin,
    size: part.size ?? 56,
    ttl: part.ttl ?? 64,
    tos: part.tos ?? 0,
    fragments: part.pmtudisc ?? 'want',
  };
  checkReachable(ping);
  return { ...shared, type: 'ping', ping };
}
