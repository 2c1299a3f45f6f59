import { FlowPlan } from '../scenario/flow-plan.ts';
import { parseFrameSizes } from '../scenario/frame-sizes.ts';
import { parseCount, parseRate, prefixOf } from '../scenario/quantity.ts';
import { parseAddressRange, parseMacRange, parsePortRange, parseVlanRange } from '../scenario/range.ts';
import type { UdpSendPart } from '../scenario/scenario.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { payloadsOf } from '../udp/frames.ts';
import type { AnyPartPlan, UdpSendPartPlan, Whole } from './part-plan.ts';
import { DEFAULT_DURATION, DEFAULT_PORT, durationOf, optionalOf, shareOf } from './part-values.ts';

export function sendOf(part: UdpSendPart, shared: AnyPartPlan, { seed }: Whole): UdpSendPartPlan {
  const { begin, end, clients, ofAll } = shared;
  const ranges = {
    from: parseAddressRange('from', part.from),
    fromPort: parsePortRange('fromPort', `${part.fromPort ?? DEFAULT_PORT}`),
    fromMac: optionalOf('fromMac', part.fromMac, parseMacRange),
    to: parseAddressRange('to', part.to),
    toPort: parsePortRange('toPort', `${part.toPort ?? DEFAULT_PORT}`),
    toMac: optionalOf('toMac', part.toMac, parseMacRange),
    vlan: optionalOf('vlan', part.vlan, parseVlanRange),
  };
  // Without clients in this run, the part is only checked.
  const flows = new FlowPlan(ranges, Math.max(1, clients.count), clients.first);
  const rate = parseRate('rate', part.rate ?? '1kpps');
  const rampFrom = optionalOf('rampFrom', part.rampFrom, parseRate);
  const ramp = durationOf('ramp', part.ramp);
  if (rampFrom !== undefined && ramp === undefined) throw new ScenarioError('rampFrom', 'needs ramp');
  if (rampFrom !== undefined && rampFrom.unit !== rate.unit)
    throw new ScenarioError('rampFrom', `must be in ${rate.unit} as rate is`);
  if (ramp !== undefined && rate.value === Number.POSITIVE_INFINITY)
    throw new ScenarioError('ramp', 'needs a rate to climb to');
  const sizes = optionalOf('size', part.size, parseFrameSizes);
  payloadsOf(sizes, flows.version, flows.flow(flows.first).vlans.length, 'size');
  const share = clients.count / ofAll;
  const of = (value: number): number => (share === 0 ? 0 : value * share);
  const total = optionalOf('count', part.count, parseCount);
  const duration = end !== undefined ? end - begin : total === undefined ? DEFAULT_DURATION : undefined;
  return {
    ...shared,
    type: 'udp-send',
    send: {
      flows,
      prefix: prefixOf('prefix', part.prefix, flows.version),
      gateway: part.gateway,
      sizes,
      sizeOption: `parts.${shared.name}.size`,
      roundTrip: part.roundTrip === true,
      seed,
    },
    schedule: {
      rate: { value: of(rate.value), unit: rate.unit },
      ...(ramp === undefined ? {} : { ramp, rampFrom: of(rampFrom?.value ?? 0) }),
      ...(duration === undefined ? {} : { duration }),
      ...(total === undefined ? {} : { count: shareOf(total, shared) }),
    },
  };
}
