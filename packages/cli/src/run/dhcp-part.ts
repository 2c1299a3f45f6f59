import { parseClientOption } from '../dhcp/client-options.ts';
import { DEFAULT_IN_FLIGHT } from '../dhcp/fleet-plan.ts';
import { parseRatio } from '../scenario/quantity.ts';
import { parseMacRange, parseVlanRange } from '../scenario/range.ts';
import type { ClientRange, DhcpPart, Part } from '../scenario/scenario.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import type { AnyPartPlan, DhcpPartPlan, Whole } from './part-plan.ts';
import { durationOf, optionalOf, shareOf, startsOf } from './part-values.ts';

const DEFAULT_MAC = '02:ec:00:00:00:01';

/** The range of a fleet's MAC addresses. */
export function macsOf(part: Part, { count }: ClientRange): string {
  return `${(part as DhcpPart).macStart ?? DEFAULT_MAC}+${count}`;
}

export function dhcpOf(part: DhcpPart, shared: AnyPartPlan, { all, seed }: Whole): DhcpPartPlan {
  const { begin, end, clients, ofAll } = shared;
  const rate = startsOf('rate', part.rate, 100);
  const inFlight = startsOf(
    'inFlight',
    part.inFlight,
    Number.isFinite(rate) ? Number.POSITIVE_INFINITY : DEFAULT_IN_FLIGHT,
  );
  const flap = durationOf('flap', part.flap);
  if (flap !== undefined && end !== undefined && flap >= end - begin)
    throw new ScenarioError('flap', 'must be less than the time from begin to end');
  return {
    ...shared,
    type: 'dhcp',
    leases: part.leases,
    fleet: {
      clients: clients.count,
      first: clients.first,
      rate: (rate * clients.count) / ofAll,
      inFlight: Number.isFinite(inFlight) ? Math.max(1, shareOf(inFlight, shared)) : inFlight,
      mac: parseMacRange('macStart', macsOf(part, all)),
      vlan: optionalOf('vlan', part.vlan, parseVlanRange),
      options: (part.options ?? []).map((text, i) => parseClientOption(`options.${i}`, text)),
      broadcast: part.broadcast === true,
      renew: part.renew === true,
      release: part.release === true,
      flap,
      decline: part.decline === undefined ? 0 : parseRatio('decline', part.decline),
      duration: end === undefined ? undefined : end - begin,
      timeout: durationOf('timeout', part.timeout) ?? 4000,
      retries: part.retries ?? 4,
      seed,
    },
  };
}
