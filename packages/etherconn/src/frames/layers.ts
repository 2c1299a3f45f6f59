import { type ArpLayer, arpDefinition } from './arp-layer.ts';
import { type Definition, fieldNames, type Space } from './definition.ts';
import { type Dhcpv4Layer, dhcpv4Definition } from './dhcpv4-layer.ts';
import {
  type EtherLayer,
  etherDefinition,
  type ITagLayer,
  iTagDefinition,
  type LlcLayer,
  llcDefinition,
  type VlanLayer,
  vlanDefinition,
} from './ethernet-layers.ts';
import {
  type IgmpLayer,
  type IgmpV3QueryLayer,
  type IgmpV3ReportLayer,
  igmpDefinition,
  igmpV3QueryDefinition,
  igmpV3ReportDefinition,
  type MldLayer,
  type MldV2QueryLayer,
  type MldV2ReportLayer,
  mldDefinition,
  mldV2QueryDefinition,
  mldV2ReportDefinition,
} from './group-layers.ts';
import { type Icmpv4Layer, type Icmpv6Layer, icmpv4Definition, icmpv6Definition } from './icmp-layers.ts';
import { type Ipv4Layer, ipv4Definition } from './ipv4-layer.ts';
import {
  destinationOptionsDefinition,
  type FragmentLayer,
  fragmentDefinition,
  hopByHopDefinition,
  type Ipv6Layer,
  type Ipv6OptionsLayer,
  ipv6Definition,
  type RoutingLayer,
  routingDefinition,
} from './ipv6-layers.ts';
import {
  type NeighborAdvertisementLayer,
  type NeighborSolicitationLayer,
  neighborAdvertisementDefinition,
  neighborSolicitationDefinition,
  type RedirectLayer,
  type RouterAdvertisementLayer,
  type RouterSolicitationLayer,
  redirectDefinition,
  routerAdvertisementDefinition,
  routerSolicitationDefinition,
} from './nd-layers.ts';
import {
  type PaddingLayer,
  type PayloadLayer,
  paddingDefinition,
  payloadDefinition,
} from './payload-layers.ts';
import {
  type SctpLayer,
  sctpDefinition,
  type TcpLayer,
  tcpDefinition,
  type UdpLayer,
  udpDefinition,
} from './transport-layers.ts';

/** The table of all layers. */

/** A layer of a frame: data. `layer` says which. */
export type Layer =
  | EtherLayer
  | VlanLayer
  | ITagLayer
  | LlcLayer
  | ArpLayer
  | Ipv4Layer
  | Ipv6Layer
  | Ipv6OptionsLayer<'hopByHop'>
  | RoutingLayer
  | FragmentLayer
  | Ipv6OptionsLayer<'destinationOptions'>
  | Icmpv4Layer
  | Icmpv6Layer
  | RouterSolicitationLayer
  | RouterAdvertisementLayer
  | NeighborSolicitationLayer
  | NeighborAdvertisementLayer
  | RedirectLayer
  | IgmpLayer
  | IgmpV3QueryLayer
  | IgmpV3ReportLayer
  | MldLayer
  | MldV2QueryLayer
  | MldV2ReportLayer
  | UdpLayer
  | TcpLayer
  | SctpLayer
  | Dhcpv4Layer
  | PayloadLayer
  | PaddingLayer;

/** The name of a kind of layer, for example `'ipv4'`. */
export type LayerName = Layer['layer'];

/** The layer of a name. */
export type LayerOf<Name extends LayerName> = Extract<Layer, { readonly layer: Name }>;

/** Of those with the same number, the first that fits is taken. */
const ALL: readonly Definition[] = [
  etherDefinition,
  vlanDefinition,
  iTagDefinition,
  llcDefinition,
  arpDefinition,
  ipv4Definition,
  ipv6Definition,
  hopByHopDefinition,
  routingDefinition,
  fragmentDefinition,
  destinationOptionsDefinition,
  icmpv4Definition,
  routerSolicitationDefinition,
  routerAdvertisementDefinition,
  neighborSolicitationDefinition,
  neighborAdvertisementDefinition,
  redirectDefinition,
  mldV2QueryDefinition,
  mldV2ReportDefinition,
  mldDefinition,
  icmpv6Definition,
  igmpV3QueryDefinition,
  igmpV3ReportDefinition,
  igmpDefinition,
  udpDefinition,
  tcpDefinition,
  sctpDefinition,
  dhcpv4Definition,
  payloadDefinition,
  paddingDefinition,
];

const BY_NAME: ReadonlyMap<string, Definition> = new Map(ALL.map((one) => [one.name, one]));

/** Undefined when there is no layer of the name. */
export function definitionOf(name: string): Definition | undefined {
  return BY_NAME.get(name);
}

const KNOWN: ReadonlyMap<string, readonly string[]> = new Map(
  ALL.map((one) => [one.name, ['layer', ...fieldNames(one)]]),
);

/** The names that a layer's fields may have. */
export function namesIn(layer: string): readonly string[] {
  return KNOWN.get(layer) ?? [];
}

/** The names of all layers. */
export const LAYER_NAMES: readonly LayerName[] = ALL.map(({ name }) => name as LayerName);

/** Names of the layers that a number announces. A tag's number is a choice of two. */
export function layersBehind(space: Space, number: number): readonly string[] {
  return ALL.filter((one) => numbersOf(one, space).includes(number)).map(({ name }) => name);
}

function numbersOf(definition: Definition, space: Space): readonly number[] {
  const number = definition.number?.[space];
  if (typeof number === 'number') return [number];
  return number === undefined ? [] : (definition.numbers ?? []);
}
