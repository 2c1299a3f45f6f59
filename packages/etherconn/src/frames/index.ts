/**
 * Frames of any kind, put together from layers in one expression, and taken apart into the same layers:
 *
 * ```ts
 * build([
 *   ether({ source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' }),
 *   vlan(100),
 *   ipv4({ source: '10.0.0.1', destination: '10.0.0.2', ttl: 3 }),
 *   udp({ sourcePort: 1000, destinationPort: 53 }),
 *   'hello',
 * ]);
 * ```
 *
 * For tests and tools, over etherconn/wire. Not for the hot path.
 */
export { isAnswerTo, reply } from './answer.ts';
export { type ArpLayer, arp } from './arp-layer.ts';
export { build } from './build.ts';
export type { FieldsOf, LayerFunction } from './definition.ts';
export { type Dhcpv4Layer, dhcpv4 } from './dhcpv4-layer.ts';
export {
  type EtherLayer,
  ether,
  type ITagLayer,
  iTag,
  type LlcLayer,
  llc,
  type VlanLayer,
  vlan,
} from './ethernet-layers.ts';
export { type Frame, type FrameParts, find, replace } from './frame.ts';
export {
  type GroupRecordFields,
  type IgmpLayer,
  type IgmpV3QueryLayer,
  type IgmpV3ReportLayer,
  igmp,
  igmpV3Query,
  igmpV3Report,
  type MldLayer,
  type MldV2QueryLayer,
  type MldV2ReportLayer,
  mld,
  mldV2Query,
  mldV2Report,
} from './group-layers.ts';
export { type Icmpv4Layer, type Icmpv6Layer, icmpv4, icmpv6 } from './icmp-layers.ts';
export { type Ipv4Layer, ipv4 } from './ipv4-layer.ts';
export {
  destinationOptions,
  type FragmentLayer,
  fragment,
  hopByHop,
  type Ipv6Layer,
  type Ipv6OptionsLayer,
  ipv6,
  type RoutingLayer,
  routing,
} from './ipv6-layers.ts';
export { LAYER_NAMES, type Layer, type LayerName, type LayerOf } from './layers.ts';
export {
  type NdOptionFields,
  type NeighborAdvertisementLayer,
  type NeighborSolicitationLayer,
  neighborAdvertisement,
  neighborSolicitation,
  type RedirectLayer,
  type RouterAdvertisementLayer,
  type RouterSolicitationLayer,
  redirect,
  routerAdvertisement,
  routerSolicitation,
} from './nd-layers.ts';
export { complete, parse } from './parse.ts';
export { type PaddingLayer, type PayloadLayer, padding, payload } from './payload-layers.ts';
export { show, summary } from './show.ts';
export {
  type SctpLayer,
  sctp,
  type TcpLayer,
  tcp,
  type UdpLayer,
  udp,
} from './transport-layers.ts';
