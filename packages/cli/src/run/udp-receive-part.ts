import { macOf } from '../scenario/default-mac.ts';
import { prefixOf } from '../scenario/quantity.ts';
import { parseAddressRange, parseMacRange, parsePortRange, parseVlanRange } from '../scenario/range.ts';
import type { ClientRange, UdpReceivePart } from '../scenario/scenario.ts';
import type { AnyPartPlan, UdpReceivePartPlan } from './part-plan.ts';
import { countOf, DEFAULT_PORT, optionalOf } from './part-values.ts';

/** As many clients as the ranges of a receiver have values. */
export function receiversOf({ address, port, mac, vlan }: UdpReceivePart): ClientRange {
  const ranges = [
    parseAddressRange('address', address),
    ...(port === undefined ? [] : [parsePortRange('port', `${port}`)]),
    ...(mac === undefined ? [] : [parseMacRange('mac', mac)]),
    ...(vlan === undefined ? [] : [parseVlanRange('vlan', `${vlan}`)]),
  ];
  return { first: 0, count: Math.max(...ranges.map(({ count }) => count)) };
}

export function receiveOf(part: UdpReceivePart, shared: AnyPartPlan): UdpReceivePartPlan {
  const address = parseAddressRange('address', part.address);
  const port = parsePortRange('port', `${part.port ?? DEFAULT_PORT}`);
  const mac = optionalOf('mac', part.mac, parseMacRange);
  const vlan = optionalOf('vlan', part.vlan, parseVlanRange);
  const { first, count } = shared.clients;
  return {
    ...shared,
    type: part.type,
    targets: Array.from({ length: count }, (_, i) => {
      const n = first + i;
      const own = address.at(n);
      return { address: own, mac: mac?.at(n) ?? macOf(own), vlans: vlan?.at(n) ?? [], port: port.at(n) };
    }),
    version: address.version,
    prefix: prefixOf('prefix', part.prefix, address.version),
    gateway: part.gateway,
    maxFlows: countOf('maxFlows', part.maxFlows, 65_536),
  };
}
