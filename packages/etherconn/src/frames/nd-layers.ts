import { OptionError } from '../errors.ts';
import { requireArray, requireBytes, requireInteger, show } from '../options.ts';
import { ICMPV6_CHECKSUM, icmpv6Type } from '../wire/icmpv6.ts';
import {
  emitNeighborAdvertisement,
  emitNeighborSolicitation,
  emitRouterAdvertisement,
  emitRouterSolicitation,
  ND_LINK_LAYER_ADDRESS,
  ND_PREFIX,
  ND_TARGET,
  NdOption,
  NdType,
} from '../wire/nd.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { type Definition, type LayerFunction, layerFunction, type Tail } from './definition.ts';
import { bits, FILLED, FILLED_HEX, type Field, flag, ip, mac, uint } from './field.ts';
import { fillWithPseudoHeader } from './pseudo-header.ts';

/** Neighbor discovery, whole messages with their ICMPv6 header: RFC 4861. */

/** An option: with the fields of its type where they are known here, else with the bytes behind type and length. */
export type NdOptionFields =
  | { readonly type: 1 | 2; readonly mac: string }
  | {
      readonly type: 3;
      readonly prefix: string;
      readonly prefixLength: number;
      /** Default true. */
      readonly onLink?: boolean;
      /** Default true. */
      readonly autonomous?: boolean;
      /** Seconds; default 0xffffffff, for ever. */
      readonly validLifetime?: number;
      /** Seconds; default 0xffffffff, for ever. */
      readonly preferredLifetime?: number;
    }
  | { readonly type: 5; readonly mtu: number }
  | { readonly type: number; readonly data: Uint8Array };

interface NdFields {
  /** Filled: that of the message. */
  readonly type?: number;
  /** Default 0. */
  readonly code?: number;
  /** Filled. */
  readonly checksum?: number;
  /** Bits that mean nothing yet. Filled: 0. */
  readonly reserved?: number;
  /** `type` is one of `NdOption` of etherconn/wire. Default none. */
  readonly options?: readonly NdOptionFields[];
}

/** Router solicitation (RFC 4861, 4.1): an ICMPv6 message of type 133. */
export interface RouterSolicitationLayer extends NdFields {
  readonly layer: 'routerSolicitation';
}

/** Router advertisement (RFC 4861, 4.2): an ICMPv6 message of type 134. */
export interface RouterAdvertisementLayer extends NdFields {
  readonly layer: 'routerAdvertisement';
  /** Default 0: does not say. */
  readonly hopLimit?: number;
  /** Default false. */
  readonly managed?: boolean;
  /** Default false. */
  readonly other?: boolean;
  /** RFC 6275; default false. */
  readonly homeAgent?: boolean;
  /** `NdPreference` of etherconn/wire; default 0, medium. */
  readonly preference?: number;
  /** Seconds; default 0, not a default router. */
  readonly routerLifetime?: number;
  /** Milliseconds; default 0: does not say. */
  readonly reachableTime?: number;
  /** Milliseconds; default 0: does not say. */
  readonly retransTimer?: number;
}

/** Neighbor solicitation (RFC 4861, 4.3): an ICMPv6 message of type 135. */
export interface NeighborSolicitationLayer extends NdFields {
  readonly layer: 'neighborSolicitation';
  /** Default ::. */
  readonly target?: string;
}

/** Neighbor advertisement (RFC 4861, 4.4): an ICMPv6 message of type 136. */
export interface NeighborAdvertisementLayer extends NdFields {
  readonly layer: 'neighborAdvertisement';
  /** Default false. */
  readonly router?: boolean;
  /** Default false. */
  readonly solicited?: boolean;
  /** Default false. */
  readonly override?: boolean;
  /** Default ::. */
  readonly target?: string;
}

/** Redirect (RFC 4861, 4.5): an ICMPv6 message of type 137. */
export interface RedirectLayer extends NdFields {
  readonly layer: 'redirect';
  /** Default ::. */
  readonly target?: string;
  /** Default ::. */
  readonly destination?: string;
}

const UNIT = 8;

/** An option of a fixed form. */
interface OptionForm {
  readonly length: number;
  readonly fields: Readonly<Record<string, Field>>;
  /** Sets defaults that are not zero. */
  defaults?(u8: Uint8Array, at: number): void;
}

const linkLayer: OptionForm = { length: UNIT, fields: { mac: mac(ND_LINK_LAYER_ADDRESS) } };

const FORMS: ReadonlyMap<number, OptionForm> = new Map<number, OptionForm>([
  [NdOption.SOURCE_LINK_LAYER, linkLayer],
  [NdOption.TARGET_LINK_LAYER, linkLayer],
  [
    NdOption.PREFIX_INFORMATION,
    {
      length: 32,
      fields: {
        prefix: ip(ND_PREFIX, 6),
        prefixLength: uint(2, 1),
        onLink: flag(24),
        autonomous: flag(25),
        validLifetime: uint(4, 4),
        preferredLifetime: uint(8, 4),
      },
      defaults: (u8, at) => u8.fill(0xff, at + 4, at + 12).fill(0xc0, at + 3, at + 4),
    },
  ],
  [NdOption.MTU, { length: UNIT, fields: { mtu: uint(4, 4) } }],
]);

/** Undefined when a length leads past the end. */
function readOptions(u8: Uint8Array, start: number, end: number): NdOptionFields[] | undefined {
  const options: NdOptionFields[] = [];
  for (let at = start; at < end; ) {
    const length = at + 1 < end ? u8[at + 1] * UNIT : 0;
    if (length === 0 || length > end - at) return undefined;
    options.push(readOption(u8.subarray(at, at + length)));
    at += length;
  }
  return options;
}

function readOption(bytes: Uint8Array): NdOptionFields {
  const type = bytes[0];
  const form = FORMS.get(type);
  const data: NdOptionFields = { type, data: bytes.slice(2) };
  if (form === undefined || form.length !== bytes.length) return data;
  const values = Object.entries(form.fields).map(([name, field]) => [name, field.read(bytes, 0)]);
  const option = { type, ...Object.fromEntries(values) } as NdOptionFields;
  // Bits that no field has would be lost.
  const same = writeOption(option, 'options').every((byte, i) => byte === bytes[i]);
  return same ? option : data;
}

function writeOption(option: unknown, name: string): Uint8Array {
  if (typeof option !== 'object' || option === null)
    throw new OptionError(name, `must be an option like { type: 5, mtu: 1500 }, got ${show(option)}`);
  const values = option as Readonly<Record<string, unknown>>;
  const type = requireInteger(`${name}.type`, values.type, 0, 255);
  const form = FORMS.get(type);
  if (form === undefined || 'data' in values) {
    requireBytes(`${name}.data`, values.data, 0, 255 * UNIT - 2);
    const data = values.data as Uint8Array;
    const bytes = new Uint8Array(Math.max(UNIT, (2 + data.length + UNIT - 1) & ~(UNIT - 1)));
    bytes.set([type, bytes.length / UNIT]);
    bytes.set(data, 2);
    return bytes;
  }
  const bytes = new Uint8Array(form.length);
  form.defaults?.(bytes, 0);
  bytes.set([type, form.length / UNIT]);
  for (const [key, field] of Object.entries(form.fields))
    if (values[key] !== undefined) field.write(bytes, 0, values[key], `${name}.${key}`);
  return bytes;
}

const options: Tail = {
  name: 'options',
  end: (_u8, _at, end) => end,
  read: readOptions,
  write(value, name) {
    if (value === undefined) return new Uint8Array(0);
    requireArray(name, value);
    const parts = (value as unknown[]).map((option, index) => writeOption(option, `${name}[${index}]`));
    return Uint8Array.from(parts.flatMap((part) => [...part]));
  },
};

const ANY = new Uint8Array(16);

/** A message of one type; `fields` are those behind the checksum. */
function message(
  name: string,
  type: number,
  length: number,
  fields: Definition['fields'],
  emit: (u8: Uint8Array, at: number) => void,
): Definition {
  return {
    name,
    length,
    fields: {
      type: uint(0, 1, FILLED),
      code: uint(1, 1),
      checksum: uint(ICMPV6_CHECKSUM, 2, FILLED_HEX),
      ...fields,
    },
    tail: options,
    number: { ipProtocol: IpProtocol.ICMPV6 },
    over: 6,
    emit: (u8, { at }) => emit(u8, at),
    checksum: (u8, place) => fillWithPseudoHeader(u8, place, ICMPV6_CHECKSUM, IpProtocol.ICMPV6),
    matches: (u8, at) => icmpv6Type(u8, at) === type,
    behind: () => [],
  };
}

const reserved = bits(32, 32, FILLED);

export const routerSolicitationDefinition: Definition = {
  ...message('routerSolicitation', NdType.ROUTER_SOLICITATION, 8, { reserved }, (u8, at) =>
    emitRouterSolicitation(u8, at, {}),
  ),
  answers: null,
  reply: () => ({ layer: 'routerAdvertisement', options: undefined }),
};

export const routerAdvertisementDefinition: Definition = {
  ...message(
    'routerAdvertisement',
    NdType.ROUTER_ADVERTISEMENT,
    16,
    {
      hopLimit: uint(4, 1),
      managed: flag(40),
      other: flag(41),
      homeAgent: flag(42),
      preference: bits(43, 2),
      reserved: bits(45, 3, FILLED),
      routerLifetime: uint(6, 2),
      reachableTime: uint(8, 4),
      retransTimer: uint(12, 4),
    },
    (u8, at) => emitRouterAdvertisement(u8, at, { routerLifetime: 0 }),
  ),
  answers: 'routerSolicitation',
};

export const neighborSolicitationDefinition: Definition = {
  ...message(
    'neighborSolicitation',
    NdType.NEIGHBOR_SOLICITATION,
    24,
    { reserved, target: ip(ND_TARGET, 6) },
    (u8, at) => emitNeighborSolicitation(u8, at, { target: ANY }),
  ),
  answers: null,
  reply: () => ({ layer: 'neighborAdvertisement', solicited: true, options: undefined }),
};

export const neighborAdvertisementDefinition: Definition = {
  ...message(
    'neighborAdvertisement',
    NdType.NEIGHBOR_ADVERTISEMENT,
    24,
    {
      router: flag(32),
      solicited: flag(33),
      override: flag(34),
      reserved: bits(35, 29, FILLED),
      target: ip(ND_TARGET, 6),
    },
    (u8, at) => emitNeighborAdvertisement(u8, at, { target: ANY }),
  ),
  answers: 'neighborSolicitation',
  isAnswerTo: (answer, request) => answer.target === request.target,
};

export const redirectDefinition: Definition = {
  ...message(
    'redirect',
    NdType.REDIRECT,
    40,
    { reserved, target: ip(ND_TARGET, 6), destination: ip(24, 6) },
    (u8, at) => {
      u8[at] = NdType.REDIRECT;
    },
  ),
  answers: null,
};

/** Makes a router solicitation layer. Fields left out get their defaults. */
export const routerSolicitation: LayerFunction<RouterSolicitationLayer> =
  layerFunction<RouterSolicitationLayer>(routerSolicitationDefinition);

/** Makes a router advertisement layer. Fields left out get their defaults. */
export const routerAdvertisement: LayerFunction<RouterAdvertisementLayer> =
  layerFunction<RouterAdvertisementLayer>(routerAdvertisementDefinition);

/** A neighbor solicitation. `neighborSolicitation({ target, options: [{ type: 1, mac }] })` */
export const neighborSolicitation: LayerFunction<NeighborSolicitationLayer> =
  layerFunction<NeighborSolicitationLayer>(neighborSolicitationDefinition);

/** Makes a neighbor advertisement layer. Fields left out get their defaults. */
export const neighborAdvertisement: LayerFunction<NeighborAdvertisementLayer> =
  layerFunction<NeighborAdvertisementLayer>(neighborAdvertisementDefinition);

/** Makes a redirect layer. Fields left out get their defaults. */
export const redirect: LayerFunction<RedirectLayer> = layerFunction<RedirectLayer>(redirectDefinition);
