import { EtherType } from '../wire/ethertype.ts';
import { isMulticastIp, parseIp } from '../wire/ip.ts';
import {
  emitIpv4,
  fillIpv4Checksum,
  IPV4_CHECKSUM,
  IPV4_DESTINATION,
  IPV4_HEADER_LENGTH,
  IPV4_ID,
  IPV4_LENGTH_MAX,
  IPV4_OPTIONS,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV4_TOS,
  IPV4_TOTAL_LENGTH,
  IPV4_TTL,
  ipv4FragmentOffset,
  ipv4HeaderLength,
  ipv4TotalLength,
} from '../wire/ipv4.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { type Definition, type LayerFunction, layerFunction } from './definition.ts';
import { bits, FILLED, FILLED_HEX, flag, ip, uint } from './field.ts';
import { optionBytes } from './payload-layers.ts';

/** IPv4 header with options (RFC 791, 3.1). */
export interface Ipv4Layer {
  readonly layer: 'ipv4';
  /** Filled: 4. */
  readonly version?: number;
  /** Bytes, with options. Filled. */
  readonly headerLength?: number;
  /** DSCP and ECN; default 0. */
  readonly tos?: number;
  /** Total length. Filled. */
  readonly length?: number;
  /** Default 0. */
  readonly identification?: number;
  /** The first of the flags. Filled: 0. */
  readonly reserved?: number;
  /** Default false. */
  readonly dontFragment?: boolean;
  /** Default false. */
  readonly moreFragments?: boolean;
  /** Bytes, a multiple of 8; default 0. */
  readonly fragmentOffset?: number;
  /** Default 64; 1 before `igmp`. */
  readonly ttl?: number;
  /** Filled: by the layer that follows. Before payload alone 253 (experimental). */
  readonly protocol?: number;
  /** Filled. */
  readonly checksum?: number;
  /** Default 0.0.0.0. */
  readonly source?: string;
  /** Default 0.0.0.0. */
  readonly destination?: string;
  /** As they stand in the header, up to 40 bytes; zeros fill them up to a multiple of 4. Default none. */
  readonly options?: Uint8Array;
}

const ANY = new Uint8Array(4);
/** RFC 3692, for experiments. */
export const EXPERIMENT = 253;

export const ipv4Definition: Definition = {
  name: 'ipv4',
  length: IPV4_HEADER_LENGTH,
  fields: {
    version: bits(0, 4, FILLED),
    headerLength: bits(4, 4, { unit: 4, ...FILLED }),
    tos: uint(IPV4_TOS, 1),
    length: uint(IPV4_TOTAL_LENGTH, 2, FILLED),
    identification: uint(IPV4_ID, 2),
    reserved: bits(48, 1, FILLED),
    dontFragment: flag(49),
    moreFragments: flag(50),
    fragmentOffset: bits(51, 13, { unit: 8 }),
    ttl: uint(IPV4_TTL, 1),
    protocol: uint(IPV4_PROTOCOL, 1, FILLED),
    checksum: uint(IPV4_CHECKSUM, 2, FILLED_HEX),
    source: ip(IPV4_SOURCE, 4),
    destination: ip(IPV4_DESTINATION, 4),
  },
  tail: optionBytes((u8, at, end) => {
    const options = at + ipv4HeaderLength(u8, at);
    return options < at + IPV4_OPTIONS || options > end ? at + IPV4_OPTIONS : options;
  }),
  number: { etherType: EtherType.IPV4, ipProtocol: IpProtocol.IPV4 },
  next: { field: 'protocol', space: 'ipProtocol', none: EXPERIMENT },
  contentMax: IPV4_LENGTH_MAX - IPV4_HEADER_LENGTH,
  emit(u8, place) {
    emitIpv4(u8, place.at, {
      source: ANY,
      destination: ANY,
      protocol: 0,
      payloadLength: Math.min(
        place.end - place.content,
        IPV4_LENGTH_MAX - IPV4_HEADER_LENGTH - place.tail.length,
      ),
      options: place.tail,
      ttl: place.next?.layer.layer.startsWith('igmp') ? 1 : 64,
    });
  },
  checksum: (u8, { at }) => fillIpv4Checksum(u8, at),
  behind: (u8, at) => (ipv4FragmentOffset(u8, at) === 0 ? undefined : []),
  contentEnd(u8, at, content) {
    const end = at + ipv4TotalLength(u8, at);
    return end < content ? Infinity : end;
  },
  isAnswerTo: isIpAnswer,
  reply: replyIp,
};

/** From the address that was asked, or from anybody where many were. */
export function isIpAnswer(
  answer: Readonly<Record<string, unknown>>,
  request: Readonly<Record<string, unknown>>,
): boolean {
  const toMany = isForMany(request.destination);
  const isBack = answer.destination === request.source || isForMany(answer.destination);
  return isBack && (toMany || answer.source === request.destination);
}

/** Back to the sender. An address of many is nobody's own, so the source is left open then. */
export function replyIp(request: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { source, destination } = request;
  return {
    source: isForMany(destination) ? undefined : destination,
    destination: source,
    options: undefined,
    ttl: undefined,
    hopLimit: undefined,
    identification: undefined,
    moreFragments: undefined,
  };
}

function isForMany(address: unknown): boolean {
  if (typeof address !== 'string') return false;
  const bytes = parseIp(address);
  return isMulticastIp(bytes, 0, bytes.length === 4 ? 4 : 6) || address === '255.255.255.255';
}

/** An IPv4 header. `ipv4({ source: '10.0.0.1', destination: '10.0.0.2', ttl: 3 })` */
export const ipv4: LayerFunction<Ipv4Layer> = layerFunction<Ipv4Layer>(ipv4Definition);
