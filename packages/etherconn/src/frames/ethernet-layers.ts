import { readU16 } from '../wire/bytes.ts';
import {
  ETHERNET_DESTINATION,
  ETHERNET_HEADER_LENGTH,
  ETHERNET_SOURCE,
  ETHERNET_TYPE,
  emitEthernet,
} from '../wire/ethernet.ts';
import { ETHERTYPE_MIN, EtherType } from '../wire/ethertype.ts';
import { emitITag, I_TAG_LENGTH } from '../wire/i-tag.ts';
import { isMulticastIp, parseIp } from '../wire/ip.ts';
import { BROADCAST, ipv4MulticastMac, ipv6MulticastMac, isGroupMac, parseMac } from '../wire/mac.ts';
import { VLAN_TAG_LENGTH } from '../wire/vlan.ts';
import {
  type Definition,
  type Fields,
  type FieldsOf,
  type LayerFunction,
  layerFunction,
  type Place,
} from './definition.ts';
import { bits, FILLED, FILLED_HEX, flag, mac, uint } from './field.ts';

/** Ethernet II and 802.3, VLAN tags, service instance tags, LLC. */

/** Ethernet header: Ethernet II, or IEEE 802.3 with a length in place of the type. */
export interface EtherLayer {
  readonly layer: 'ether';
  /** Default: the group address of an IP multicast destination, else broadcast. */
  readonly destination?: string;
  /** Default 00:00:00:00:00:00. */
  readonly source?: string;
  /** Filled: by the layer that follows; before `llc`, the 802.3 length. Before payload alone 0x88b5 (experimental). */
  readonly etherType?: number;
}

/** VLAN tag (IEEE 802.1Q): a customer tag, or a service tag with `tpid: 0x88a8`. */
export interface VlanLayer {
  readonly layer: 'vlan';
  /** Default 0. */
  readonly pcp?: number;
  /** Default false. */
  readonly dei?: boolean;
  /** VID, 0 to 4095; default 0. */
  readonly id?: number;
  /** Filled, as that of `ether`. */
  readonly etherType?: number;
  /** Type in the header before: 0x8100 (default) or 0x88a8. */
  readonly tpid?: number;
}

/** 802.1ah: the customer's frame follows, from `ether` on. */
export interface ITagLayer {
  readonly layer: 'iTag';
  /** 0 to 7; default 0. */
  readonly priority?: number;
  /** Default false. */
  readonly dropEligible?: boolean;
  /** Filled: 0. */
  readonly reserved?: number;
  /** I-SID; default 0. */
  readonly serviceId?: number;
}

/** LLC of an 802.3 frame, IEEE 802.2, with one byte of control: what is behind it is payload. */
export interface LlcLayer {
  readonly layer: 'llc';
  /** Default 0xaa, SNAP. */
  readonly dsap?: number;
  /** Default 0xaa, SNAP. */
  readonly ssap?: number;
  /** Default 3, unnumbered information. */
  readonly control?: number;
}

const next = { field: 'etherType', space: 'etherType', none: EtherType.EXPERIMENTAL_1 } as const;
const NO_MAC = new Uint8Array(6);

/** Under a length, LLC follows. */
function llcBehind(type: number): readonly string[] | undefined {
  return type < ETHERTYPE_MIN ? ['llc'] : undefined;
}

/** A length that is over what is there says nothing. */
function lengthEnd(type: number, content: number): number {
  return type < ETHERTYPE_MIN ? content + type : Infinity;
}

export const etherDefinition: Definition = {
  name: 'ether',
  length: ETHERNET_HEADER_LENGTH,
  fields: {
    destination: mac(ETHERNET_DESTINATION),
    source: mac(ETHERNET_SOURCE),
    etherType: uint(ETHERNET_TYPE, 2, FILLED_HEX),
  },
  next,
  emit(u8, place) {
    emitEthernet(u8, place.at, { destination: destinationFor(place), source: NO_MAC, etherType: 0 });
  },
  behind: (u8, at) => llcBehind(readU16(u8, at + ETHERNET_TYPE)),
  contentEnd: (u8, at, content) => lengthEnd(readU16(u8, at + ETHERNET_TYPE), content),
  isAnswerTo: ({ destination }, { source }) => destination === source || isGroup(destination),
  reply: ({ source, destination }) => ({
    destination: source,
    source: isGroup(destination) ? undefined : destination,
  }),
};

function isGroup(address: unknown): boolean {
  return typeof address === 'string' && isGroupMac(parseMac(address));
}

function destinationFor({ next: behind }: Place): Uint8Array {
  let at = behind;
  while (at?.layer.layer === 'vlan') at = at.next;
  const name = at?.layer.layer;
  const address = at?.layer.destination;
  if ((name !== 'ipv4' && name !== 'ipv6') || typeof address !== 'string') return BROADCAST;
  const ip = parseIp(address, `${name}.destination`);
  if (!isMulticastIp(ip, 0, ip.length === 4 ? 4 : 6)) return BROADCAST;
  return ip.length === 4 ? ipv4MulticastMac(ip) : ipv6MulticastMac(ip);
}

export const vlanDefinition: Definition = {
  name: 'vlan',
  length: VLAN_TAG_LENGTH,
  fields: { pcp: bits(0, 3), dei: flag(3), id: bits(4, 12), etherType: uint(2, 2, FILLED_HEX) },
  others: ['tpid'],
  number: { etherType: ({ layer }) => (layer.tpid as number | undefined) ?? EtherType.VLAN },
  numbers: [EtherType.VLAN, EtherType.S_VLAN],
  next,
  // Zeros are a priority tag.
  emit() {},
  behind: (u8, at) => llcBehind(readU16(u8, at + 2)),
  contentEnd: (u8, at, content) => lengthEnd(readU16(u8, at + 2), content),
  named: (tpid) => (tpid === EtherType.VLAN ? {} : { tpid }),
  isAnswerTo: (answer, request) => answer.id === request.id,
};

export const iTagDefinition: Definition = {
  name: 'iTag',
  length: I_TAG_LENGTH,
  fields: {
    priority: bits(0, 3),
    dropEligible: flag(3),
    reserved: bits(4, 4, FILLED),
    serviceId: uint(1, 3),
  },
  number: { etherType: EtherType.I_TAG },
  emit: (u8, { at }) => emitITag(u8, at, { serviceId: 0 }),
  behind: () => ['ether'],
  isAnswerTo: (answer, request) => answer.serviceId === request.serviceId,
};

export const llcDefinition: Definition = {
  name: 'llc',
  length: 3,
  fields: { dsap: uint(0, 1, { hexDigits: 2 }), ssap: uint(1, 1, { hexDigits: 2 }), control: uint(2, 1) },
  number: { etherType: ({ at, end }) => end - at },
  emit: (u8, { at }) => u8.set([0xaa, 0xaa, 3], at),
  reply: ({ dsap, ssap }: Fields) => ({ dsap: ssap, ssap: dsap }),
};

/** An Ethernet header. `ether({ destination: '02:00:00:00:00:02' })` */
export const ether: LayerFunction<EtherLayer> = layerFunction<EtherLayer>(etherDefinition);

const makeVlan = layerFunction<VlanLayer>(vlanDefinition);

/** A VLAN tag: `vlan(100)`, or with more fields `vlan({ id: 100, pcp: 5 })`. */
export function vlan(fields: number | FieldsOf<VlanLayer> = {}): VlanLayer {
  return makeVlan(typeof fields === 'number' ? { id: fields } : fields);
}

/** An 802.1ah tag, between two `ether` layers. */
export const iTag: LayerFunction<ITagLayer> = layerFunction<ITagLayer>(iTagDefinition);

/** LLC: makes the Ethernet header before it one of 802.3, with a length. */
export const llc: LayerFunction<LlcLayer> = layerFunction<LlcLayer>(llcDefinition);
