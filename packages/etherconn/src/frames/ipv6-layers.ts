import { requireBytes } from '../options.ts';
import { EtherType } from '../wire/ethertype.ts';
import {
  emitIpv6,
  emitIpv6Extension,
  emitIpv6Fragment,
  IPV6_DESTINATION,
  IPV6_FRAGMENT_LENGTH,
  IPV6_HEADER_LENGTH,
  IPV6_HOP_LIMIT,
  IPV6_NEXT_HEADER,
  IPV6_PAYLOAD_LENGTH,
  IPV6_SOURCE,
  ipv6FragmentOffset,
  ipv6PayloadLength,
} from '../wire/ipv6.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { type Definition, type LayerFunction, layerFunction, type Place } from './definition.ts';
import { bits, FILLED, flag, ip, uint } from './field.ts';
import { isIpAnswer, replyIp } from './ipv4-layer.ts';

/** IPv6 header without extension headers (RFC 8200, 3). */
export interface Ipv6Layer {
  readonly layer: 'ipv6';
  /** Filled: 6. */
  readonly version?: number;
  /** DSCP and ECN; default 0. */
  readonly trafficClass?: number;
  /** Default 0. */
  readonly flowLabel?: number;
  /** Of what is behind the fixed header. Filled. */
  readonly payloadLength?: number;
  /** Filled: by the layer that follows. Before payload alone 59, no next header. */
  readonly nextHeader?: number;
  /** Default 64; 255 before neighbor discovery, 1 before MLD. */
  readonly hopLimit?: number;
  /** Default ::. */
  readonly source?: string;
  /** Default ::. */
  readonly destination?: string;
}

/** Hop-by-hop options and destination options. */
export interface Ipv6OptionsLayer<Name extends string> {
  readonly layer: Name;
  /** Filled, as that of `ipv6`. */
  readonly nextHeader?: number;
  /** Of the header, in bytes, less 8. Filled. */
  readonly length?: number;
  /** As they stand in the header; a padding option fills them up to 8 n + 6 bytes. Default none. */
  readonly options?: Uint8Array;
}

/** IPv6 routing header (RFC 8200, 4.4). */
export interface RoutingLayer {
  readonly layer: 'routing';
  /** Filled, as that of `ipv6`. */
  readonly nextHeader?: number;
  /** Of the header, in bytes, less 8. Filled. */
  readonly length?: number;
  /** Routing type; default 0. */
  readonly type?: number;
  /** Default 0. */
  readonly segmentsLeft?: number;
  /** What the type has behind its first 4 bytes; zeros fill it up to 8 n + 4. Default none. */
  readonly data?: Uint8Array;
}

/** IPv6 fragment header (RFC 8200, 4.5). */
export interface FragmentLayer {
  readonly layer: 'fragment';
  /** Filled, as that of `ipv6`. */
  readonly nextHeader?: number;
  /** Filled: 0. */
  readonly reserved?: number;
  /** Bytes, a multiple of 8; default 0. */
  readonly fragmentOffset?: number;
  /** Two bits. Filled: 0. */
  readonly reserved2?: number;
  /** Default false. */
  readonly moreFragments?: boolean;
  /** Default 0. */
  readonly identification?: number;
}

const ANY = new Uint8Array(16);
const next = { field: 'nextHeader', space: 'ipProtocol', none: IpProtocol.NO_NEXT_HEADER } as const;

export const ipv6Definition: Definition = {
  name: 'ipv6',
  length: IPV6_HEADER_LENGTH,
  fields: {
    version: bits(0, 4, FILLED),
    trafficClass: bits(4, 8),
    flowLabel: bits(12, 20, { hexDigits: 5 }),
    payloadLength: uint(IPV6_PAYLOAD_LENGTH, 2, FILLED),
    nextHeader: uint(IPV6_NEXT_HEADER, 1, FILLED),
    hopLimit: uint(IPV6_HOP_LIMIT, 1),
    source: ip(IPV6_SOURCE, 6),
    destination: ip(IPV6_DESTINATION, 6),
  },
  number: { etherType: EtherType.IPV6, ipProtocol: IpProtocol.IPV6 },
  next,
  contentMax: 0xffff,
  emit(u8, place) {
    emitIpv6(u8, place.at, {
      source: ANY,
      destination: ANY,
      nextHeader: 0,
      payloadLength: Math.min(place.end - place.content, 0xffff),
      hopLimit: hopLimitFor(place),
    });
  },
  contentEnd: (u8, at, content) => content + ipv6PayloadLength(u8, at),
  isAnswerTo: isIpAnswer,
  reply: replyIp,
};

const NEIGHBOR_DISCOVERY = /^(neighbor|router)|^redirect$/;

function hopLimitFor(place: Place): number {
  let at = place.next;
  while (at?.definition.over === 6 && at.definition.next === next) at = at.next;
  const name = at?.layer.layer ?? '';
  return NEIGHBOR_DISCOVERY.test(name) ? 255 : name.startsWith('mld') ? 1 : 64;
}

const UNIT = 8;

/** Headers that say their own length, of which `fixed` bytes have places of their own. */
function extension(
  name: string,
  number: number,
  fixed: number,
  fields: Definition['fields'],
  tail: { readonly name: string; fill(u8: Uint8Array, from: number): void },
): Definition {
  return {
    name,
    length: fixed,
    fields: {
      nextHeader: uint(0, 1, FILLED),
      length: uint(1, 1, { unit: UNIT, ...FILLED }),
      ...fields,
    },
    tail: {
      name: tail.name,
      end: (u8, at) => at + UNIT * (u8[at + 1] + 1),
      write(value, option) {
        const given = value ?? new Uint8Array(0);
        requireBytes(option, given, 0, 2048 - fixed);
        const length = (given as Uint8Array).length;
        const filled = new Uint8Array(Math.max(UNIT, (fixed + length + UNIT - 1) & ~(UNIT - 1)) - fixed);
        filled.set(given as Uint8Array);
        tail.fill(filled, length);
        return filled;
      },
    },
    number: { ipProtocol: number },
    over: 6,
    next,
    emit(u8, { at, content }) {
      emitIpv6Extension(u8, at, 0, new Uint8Array(content - at - 2));
    },
  };
}

/** Pad1, PadN: RFC 8200 §4.2. */
function fillOptions(u8: Uint8Array, from: number): void {
  if (u8.length - from < 2) return;
  u8[from] = 1;
  u8[from + 1] = u8.length - from - 2;
}

const options = { name: 'options', fill: fillOptions };

export const hopByHopDefinition: Definition = extension('hopByHop', IpProtocol.HOP_BY_HOP, 2, {}, options);
export const destinationOptionsDefinition: Definition = extension(
  'destinationOptions',
  IpProtocol.DESTINATION_OPTIONS,
  2,
  {},
  options,
);
export const routingDefinition: Definition = extension(
  'routing',
  IpProtocol.ROUTING,
  4,
  { type: uint(2, 1), segmentsLeft: uint(3, 1) },
  { name: 'data', fill() {} },
);

export const fragmentDefinition: Definition = {
  name: 'fragment',
  length: IPV6_FRAGMENT_LENGTH,
  fields: {
    nextHeader: uint(0, 1, FILLED),
    reserved: uint(1, 1, FILLED),
    fragmentOffset: bits(16, 13, { unit: UNIT }),
    reserved2: bits(29, 2, FILLED),
    moreFragments: flag(31),
    identification: uint(4, 4),
  },
  number: { ipProtocol: IpProtocol.FRAGMENT },
  over: 6,
  next,
  emit: (u8, { at }) => emitIpv6Fragment(u8, at, { nextHeader: 0, identification: 0 }),
  behind: (u8, at) => (ipv6FragmentOffset(u8, at) === 0 ? undefined : []),
};

/** An IPv6 header. `ipv6({ source: '2001:db8::1', destination: '2001:db8::2' })` */
export const ipv6: LayerFunction<Ipv6Layer> = layerFunction<Ipv6Layer>(ipv6Definition);

/** Hop-by-hop options. */
export const hopByHop: LayerFunction<Ipv6OptionsLayer<'hopByHop'>> =
  layerFunction<Ipv6OptionsLayer<'hopByHop'>>(hopByHopDefinition);

/** Destination options. */
export const destinationOptions: LayerFunction<Ipv6OptionsLayer<'destinationOptions'>> = layerFunction<
  Ipv6OptionsLayer<'destinationOptions'>
>(destinationOptionsDefinition);

/** A routing header. */
export const routing: LayerFunction<RoutingLayer> = layerFunction<RoutingLayer>(routingDefinition);

/** A fragment header of IPv6. IPv4 has its fields in `ipv4`. */
export const fragment: LayerFunction<FragmentLayer> = layerFunction<FragmentLayer>(fragmentDefinition);
