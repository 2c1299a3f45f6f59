import { checkBoolean, checkInteger } from '../options.ts';
import { checkBytes, checkRoom, readU16, readU32, writeU16, writeU32 } from './bytes.ts';
import { formatDomainNames, parseDomainNames } from './domain-names.ts';
import { icmpv6Code, icmpv6Type } from './icmpv6.ts';
import { formatIp, isLinkLocalIpv6, isMulticastIp, isUnspecifiedIp } from './ip.ts';
import { ipv6HopLimit } from './ipv6.ts';
import { formatMac, MAC_LENGTH } from './mac.ts';
import { ParseError } from './parse-error.ts';
import { IpProtocol } from './protocol.ts';
import { Fragment, type FrameRecord } from './record.ts';

/**
 * Neighbor discovery for IPv6: RFC 4861 (messages in ICMPv6); router preferences and more specific routes: RFC 4191; DNS
 * servers and search list: RFC 8106. Offsets are from the start of the ICMPv6 header, those of options from the start of
 * the option.
 */

/** ICMPv6 types of neighbor discovery (RFC 4861, 4). */
export const NdType = {
  ROUTER_SOLICITATION: 133,
  ROUTER_ADVERTISEMENT: 134,
  NEIGHBOR_SOLICITATION: 135,
  NEIGHBOR_ADVERTISEMENT: 136,
  REDIRECT: 137,
} as const;

/** Types of options of neighbor discovery (RFC 4861, 4.6; RFC 4191; RFC 8106). */
export const NdOption = {
  SOURCE_LINK_LAYER: 1,
  TARGET_LINK_LAYER: 2,
  PREFIX_INFORMATION: 3,
  MTU: 5,
  /** RFC 4191. */
  ROUTE_INFORMATION: 24,
  RECURSIVE_DNS: 25,
  DNS_SEARCH: 31,
} as const;

/** Offset of the target address in neighbor solicitations, neighbor advertisements and redirects. */
export const ND_TARGET = 8;
/** Offset of the address in a link-layer address option. */
export const ND_LINK_LAYER_ADDRESS = 2;
/** Offset of the prefix in a prefix information option. */
export const ND_PREFIX = 16;
/** Offset of the prefix in a route information option, of which as much is there as its length needs. */
const ND_ROUTE_PREFIX = 8;
/** Offset of the first address in a recursive DNS server option, and of the names in a search list option. */
export const ND_DNS = 8;

/** Bits of byte 4 of a neighbor advertisement. */
export const NdNeighborFlag = { ROUTER: 0x80, SOLICITED: 0x40, OVERRIDE: 0x20 } as const;
/** Bits of byte 5 of a router advertisement. */
export const NdRouterFlag = { MANAGED: 0x80, OTHER: 0x40 } as const;
/** Values of router preferences, RFC 4191 §2.1; two bits, the fourth and fifth of their byte. */
export const NdPreference = { MEDIUM: 0, HIGH: 1, RESERVED: 2, LOW: 3 } as const;
/** Bits of byte 3 of a prefix information option. */
export const NdPrefixFlag = { ON_LINK: 0x80, AUTONOMOUS: 0x40 } as const;

/** Unit of an option's length. */
const UNIT = 8;
const ROUTER_SOLICITATION_LENGTH = 8;
const ROUTER_ADVERTISEMENT_LENGTH = 16;
const NEIGHBOR_LENGTH = 24;
const REDIRECT_LENGTH = 40;
const PREFIX_OPTION_LENGTH = 32;

/** Bytes of a message before its options, 0 for a type that is not neighbor discovery. */
function fixedLength(type: number): number {
  switch (type) {
    case NdType.ROUTER_SOLICITATION:
      return ROUTER_SOLICITATION_LENGTH;
    case NdType.ROUTER_ADVERTISEMENT:
      return ROUTER_ADVERTISEMENT_LENGTH;
    case NdType.NEIGHBOR_SOLICITATION:
    case NdType.NEIGHBOR_ADVERTISEMENT:
      return NEIGHBOR_LENGTH;
    case NdType.REDIRECT:
      return REDIRECT_LENGTH;
    default:
      return 0;
  }
}

/** Bytes that an option of `kind` must have for its accessors. */
function optionLengthMin(kind: number): number {
  if (kind === NdOption.PREFIX_INFORMATION) return PREFIX_OPTION_LENGTH;
  if (kind === NdOption.DNS_SEARCH) return 16;
  return kind === NdOption.RECURSIVE_DNS ? 24 : UNIT;
}

/**
 * Checks that a neighbor discovery message at `record.l4` is whole and that its options' lengths lead to its end
 * (RFC 4861 §4.6: a length of 0 is invalid). Other ICMPv6 messages and fragments are left alone.
 */
export function parseNd(u8: Uint8Array, record: FrameRecord): void {
  if (record.error !== 0 || record.fragment !== Fragment.NONE) return;
  const fixed = fixedLength(icmpv6Type(u8, record.l4));
  if (fixed === 0) return;
  const end = record.l3End;
  let option = record.l4 + fixed;
  if (option > end) {
    record.error = ParseError.ND_TRUNCATED;
    return;
  }
  while (option < end) {
    const length = option + 1 < end ? u8[option + 1] * UNIT : 0;
    if (length === 0 || length > end - option) {
      record.error = ParseError.ND_OPTION_LENGTH;
      return;
    }
    option += length;
  }
}

/** Whether a parsed frame is a whole neighbor discovery message: then the accessors below are in bounds. */
export function isNd(u8: Uint8Array, record: FrameRecord): boolean {
  return (
    record.error === 0 &&
    record.protocol === IpProtocol.ICMPV6 &&
    record.ipVersion === 6 &&
    record.fragment === Fragment.NONE &&
    fixedLength(icmpv6Type(u8, record.l4)) !== 0
  );
}

/**
 * Whether a message of the first four types passes what RFC 4861 §6.1.1, §6.1.2, §7.1.1 and §7.1.2 ask of a receiver,
 * but for the checksum: hop limit 255 (it was not forwarded), code 0, addresses that fit. False for redirects.
 */
export function isValidNd(u8: Uint8Array, record: FrameRecord): boolean {
  if (!isNd(u8, record) || ipv6HopLimit(u8, record.l3) !== 255 || icmpv6Code(u8, record.l4) !== 0)
    return false;
  const unspecifiedSource = isUnspecifiedIp(u8, record.ipSource, 6);
  const hasSourceMac = findNdOption(u8, record, NdOption.SOURCE_LINK_LAYER) >= 0;
  switch (icmpv6Type(u8, record.l4)) {
    case NdType.ROUTER_SOLICITATION:
      return !(unspecifiedSource && hasSourceMac);
    case NdType.ROUTER_ADVERTISEMENT:
      return isLinkLocalIpv6(u8, record.ipSource);
    case NdType.NEIGHBOR_SOLICITATION:
      if (isMulticastIp(u8, record.l4 + ND_TARGET, 6)) return false;
      return !unspecifiedSource || (!hasSourceMac && isSolicitedNode(u8, record.ipDestination));
    case NdType.NEIGHBOR_ADVERTISEMENT:
      if (isMulticastIp(u8, record.l4 + ND_TARGET, 6)) return false;
      return !(
        isMulticastIp(u8, record.ipDestination, 6) &&
        ndNeighborFlags(u8, record.l4) & NdNeighborFlag.SOLICITED
      );
    default:
      return false;
  }
}

/** ff02::1:ff00:0/104, RFC 4291 §2.7.1. */
function isSolicitedNode(u8: Uint8Array, offset: number): boolean {
  if (u8[offset] !== 0xff || u8[offset + 1] !== 0x02) return false;
  for (let i = 2; i < 11; i++) if (u8[offset + i] !== 0) return false;
  return u8[offset + 11] === 1 && u8[offset + 12] === 0xff;
}

/** {@link NdNeighborFlag} bits of the neighbor advertisement at `offset`. */
export function ndNeighborFlags(u8: Uint8Array, offset: number): number {
  return u8[offset + 4];
}

/** Hop limit that the router advertisement at `offset` proposes; 0 when it does not say. */
export function ndRouterHopLimit(u8: Uint8Array, offset: number): number {
  return u8[offset + 4];
}

/** {@link NdRouterFlag} bits of the router advertisement at `offset`. */
export function ndRouterFlags(u8: Uint8Array, offset: number): number {
  return u8[offset + 5];
}

/** {@link NdPreference} of the router advertisement at `offset`. */
export function ndRouterPreference(u8: Uint8Array, offset: number): number {
  return (u8[offset + 5] >> 3) & 3;
}

/** {@link NdPreference} of the route information option at `option`. */
export function ndRoutePreference(u8: Uint8Array, option: number): number {
  return (u8[option + 3] >> 3) & 3;
}

/** Seconds, 0xffffffff for ever: lifetime of the route information option at `option`. */
export function ndRouteLifetime(u8: Uint8Array, option: number): number {
  return readU32(u8, option + 4);
}

/** Prefix length of the route information option at `option`; may be over 128 in a malformed one. */
export function ndRoutePrefixLength(u8: Uint8Array, option: number): number {
  return u8[option + 2];
}

/**
 * The prefix of the route information option at `option`: 16 bytes, those that it leaves out zero. Undefined when the
 * option is too short for its prefix length (RFC 4191 §2.3).
 */
export function ndRoutePrefix(u8: Uint8Array, option: number): Uint8Array | undefined {
  const room = u8[option + 1] * UNIT - ND_ROUTE_PREFIX;
  const length = ndRoutePrefixLength(u8, option);
  if (length > 128 || room > 16 || room < (length === 0 ? 0 : length <= 64 ? 8 : 16)) return undefined;
  const prefix = new Uint8Array(16);
  prefix.set(u8.subarray(option + ND_ROUTE_PREFIX, option + ND_ROUTE_PREFIX + room));
  return prefix;
}

/** Seconds that the sender of the router advertisement at `offset` is a default router; 0: it is none. */
export function ndRouterLifetime(u8: Uint8Array, offset: number): number {
  return readU16(u8, offset + 6);
}

/** Milliseconds, of the router advertisement at `offset`; 0 when it does not say. */
export function ndReachableTime(u8: Uint8Array, offset: number): number {
  return readU32(u8, offset + 8);
}

/** Milliseconds between solicitations, of the router advertisement at `offset`; 0 when it does not say. */
export function ndRetransTimer(u8: Uint8Array, offset: number): number {
  return readU32(u8, offset + 12);
}

/**
 * Offset of the next option of `kind` from `from` on in a message for which {@link isNd} holds, -1 when there is
 * none. `from` is 0 for the first, then an offset that this function returned plus 1 for the one after. Options too
 * short for their kind are passed over.
 */
export function findNdOption(u8: Uint8Array, record: FrameRecord, kind: number, from = 0): number {
  let option = record.l4 + fixedLength(icmpv6Type(u8, record.l4));
  while (option < record.l3End) {
    const length = u8[option + 1] * UNIT;
    if (option >= from && u8[option] === kind && length >= optionLengthMin(kind)) return option;
    option += length;
  }
  return -1;
}

/** MTU of the MTU option at `option`. */
export function ndMtu(u8: Uint8Array, option: number): number {
  return readU32(u8, option + 4);
}

/** Prefix length of the prefix information option at `option`; may be over 128 in a malformed one. */
export function ndPrefixLength(u8: Uint8Array, option: number): number {
  return u8[option + 2];
}

/** {@link NdPrefixFlag} bits of the prefix information option at `option`. */
export function ndPrefixFlags(u8: Uint8Array, option: number): number {
  return u8[option + 3];
}

/** Seconds, 0xffffffff for ever: valid lifetime of the prefix information option at `option`. */
export function ndPrefixValidLifetime(u8: Uint8Array, option: number): number {
  return readU32(u8, option + 4);
}

/** Seconds, 0xffffffff for ever: preferred lifetime of the prefix information option at `option`. */
export function ndPrefixPreferredLifetime(u8: Uint8Array, option: number): number {
  return readU32(u8, option + 8);
}

/** Seconds, 0xffffffff for ever: lifetime of the DNS server or search list option at `option`. */
export function ndDnsLifetime(u8: Uint8Array, option: number): number {
  return readU32(u8, option + 4);
}

/** Number of servers in the recursive DNS server option at `option`, 16 bytes each from {@link ND_DNS} on. */
export function ndDnsServerCount(u8: Uint8Array, option: number): number {
  return (u8[option + 1] - 1) >> 1;
}

/** Domain names of the search list option at `option`; undefined when they are none. */
export function ndDomainSearch(u8: Uint8Array, option: number): string[] | undefined {
  return parseDomainNames(u8.subarray(option + ND_DNS, option + u8[option + 1] * UNIT));
}

/** Fields of a neighbor solicitation to write (RFC 4861, 4.3). */
export interface NeighborSolicitationFields {
  /** 16 bytes: whose MAC address is asked for. */
  readonly target: Uint8Array;
  /** 6 bytes: source link-layer address option; default none, as from the unspecified address. */
  readonly sourceMac?: Uint8Array;
}

/** Fields of a neighbor advertisement to write (RFC 4861, 4.4). */
export interface NeighborAdvertisementFields {
  /** 16 bytes. */
  readonly target: Uint8Array;
  /** 6 bytes: target link-layer address option; default none. */
  readonly targetMac?: Uint8Array;
  /** Default false. */
  readonly router?: boolean;
  /** Default false. */
  readonly solicited?: boolean;
  /** Default false. */
  readonly override?: boolean;
}

/** Fields of a router solicitation to write (RFC 4861, 4.1). */
export interface RouterSolicitationFields {
  /** 6 bytes: source link-layer address option; default none. */
  readonly sourceMac?: Uint8Array;
}

/** A prefix information option to write (RFC 4861, 4.6.2). */
export interface NdPrefixFields {
  /** 16 bytes. */
  readonly prefix: Uint8Array;
  /** Bits, 0 to 128. */
  readonly length: number;
  /** Default true. */
  readonly onLink?: boolean;
  /** For stateless address configuration, RFC 4862; default true. */
  readonly autonomous?: boolean;
  /** Seconds; default 0xffffffff, for ever. */
  readonly validLifetime?: number;
  /** Seconds; default 0xffffffff, for ever. */
  readonly preferredLifetime?: number;
}

/** Fields of a router advertisement to write (RFC 4861, 4.2). */
export interface RouterAdvertisementFields {
  /** Default 0: does not say. */
  readonly hopLimit?: number;
  /** Addresses by DHCPv6; default false. */
  readonly managed?: boolean;
  /** Other configuration by DHCPv6; default false. */
  readonly other?: boolean;
  /** Seconds; 0: not a default router. */
  readonly routerLifetime: number;
  /** Milliseconds; default 0: does not say. */
  readonly reachableTime?: number;
  /** Milliseconds; default 0: does not say. */
  readonly retransTimer?: number;
  /** 6 bytes: source link-layer address option; default none. */
  readonly sourceMac?: Uint8Array;
  /** MTU option; default none. */
  readonly mtu?: number;
  /** Default none. */
  readonly prefixes?: readonly NdPrefixFields[];
  /** Recursive DNS servers, 16 bytes each; default none. */
  readonly dnsServers?: readonly Uint8Array[];
  /** Domain names to search; default none. */
  readonly domainSearch?: readonly string[];
  /** Seconds, of both of them; default 0xffffffff, for ever. */
  readonly dnsLifetime?: number;
}

/** Writes the part all messages share, with checksum 0 and the rest of the fixed part zero. */
function emitFixed(u8: Uint8Array, offset: number, type: number): number {
  const length = fixedLength(type);
  checkRoom('neighbor discovery message', u8, offset, length);
  u8.fill(0, offset, offset + length);
  u8[offset] = type;
  return offset + length;
}

function emitLinkLayerOption(
  u8: Uint8Array,
  offset: number,
  kind: number,
  name: string,
  mac: Uint8Array | undefined,
): number {
  if (mac === undefined) return offset;
  checkRoom('link-layer address option', u8, offset, UNIT);
  u8[offset] = kind;
  u8[offset + 1] = 1;
  u8.set(checkBytes(name, mac, MAC_LENGTH), offset + ND_LINK_LAYER_ADDRESS);
  return offset + UNIT;
}

/**
 * Writes a neighbor solicitation with checksum 0 at `offset`; returns the offset after it, for
 * `fillIcmpv6Checksum`.
 */
export function emitNeighborSolicitation(
  u8: Uint8Array,
  offset: number,
  fields: NeighborSolicitationFields,
): number {
  const options = emitFixed(u8, offset, NdType.NEIGHBOR_SOLICITATION);
  u8.set(checkBytes('target', fields.target, 16), offset + ND_TARGET);
  return emitLinkLayerOption(u8, options, NdOption.SOURCE_LINK_LAYER, 'sourceMac', fields.sourceMac);
}

/** Writes a neighbor advertisement with checksum 0 at `offset`; returns the offset after it. */
export function emitNeighborAdvertisement(
  u8: Uint8Array,
  offset: number,
  fields: NeighborAdvertisementFields,
): number {
  const options = emitFixed(u8, offset, NdType.NEIGHBOR_ADVERTISEMENT);
  u8[offset + 4] =
    (checkBoolean('router', fields.router, false) ? NdNeighborFlag.ROUTER : 0) |
    (checkBoolean('solicited', fields.solicited, false) ? NdNeighborFlag.SOLICITED : 0) |
    (checkBoolean('override', fields.override, false) ? NdNeighborFlag.OVERRIDE : 0);
  u8.set(checkBytes('target', fields.target, 16), offset + ND_TARGET);
  return emitLinkLayerOption(u8, options, NdOption.TARGET_LINK_LAYER, 'targetMac', fields.targetMac);
}

/** Writes a router solicitation with checksum 0 at `offset`; returns the offset after it. */
export function emitRouterSolicitation(
  u8: Uint8Array,
  offset: number,
  fields: RouterSolicitationFields,
): number {
  const options = emitFixed(u8, offset, NdType.ROUTER_SOLICITATION);
  return emitLinkLayerOption(u8, options, NdOption.SOURCE_LINK_LAYER, 'sourceMac', fields.sourceMac);
}

/** Writes a router advertisement with checksum 0 at `offset`; returns the offset after it. */
export function emitRouterAdvertisement(
  u8: Uint8Array,
  offset: number,
  fields: RouterAdvertisementFields,
): number {
  const max = 0xffffffff;
  let at = emitFixed(u8, offset, NdType.ROUTER_ADVERTISEMENT);
  u8[offset + 4] = checkInteger('hopLimit', fields.hopLimit, 0, 255, 0);
  u8[offset + 5] =
    (checkBoolean('managed', fields.managed, false) ? NdRouterFlag.MANAGED : 0) |
    (checkBoolean('other', fields.other, false) ? NdRouterFlag.OTHER : 0);
  writeU16(u8, offset + 6, checkInteger('routerLifetime', fields.routerLifetime, 0, 0xffff, 0));
  writeU32(u8, offset + 8, checkInteger('reachableTime', fields.reachableTime, 0, max, 0));
  writeU32(u8, offset + 12, checkInteger('retransTimer', fields.retransTimer, 0, max, 0));
  at = emitLinkLayerOption(u8, at, NdOption.SOURCE_LINK_LAYER, 'sourceMac', fields.sourceMac);
  if (fields.mtu !== undefined) {
    checkRoom('mtu option', u8, at, UNIT);
    writeU32(u8, at, (NdOption.MTU << 24) | (1 << 16));
    writeU32(u8, at + 4, checkInteger('mtu', fields.mtu, 0, max, 0));
    at += UNIT;
  }
  for (const prefix of fields.prefixes ?? []) at = emitPrefixOption(u8, at, prefix);
  const lifetime = checkInteger('dnsLifetime', fields.dnsLifetime, 0, max, max);
  const servers = (fields.dnsServers ?? []).flatMap((server) => [...checkBytes('dnsServers', server, 16)]);
  at = emitDnsOption(u8, at, NdOption.RECURSIVE_DNS, lifetime, Uint8Array.from(servers));
  const names = formatDomainNames(fields.domainSearch ?? [], 'domainSearch');
  return emitDnsOption(u8, at, NdOption.DNS_SEARCH, lifetime, names);
}

/** Nothing when `body` is empty. */
function emitDnsOption(
  u8: Uint8Array,
  offset: number,
  kind: number,
  lifetime: number,
  body: Uint8Array,
): number {
  if (body.length === 0) return offset;
  const length = (ND_DNS + body.length + UNIT - 1) & ~(UNIT - 1);
  checkRoom('dns option', u8, offset, length);
  u8.fill(0, offset, offset + length);
  u8[offset] = kind;
  u8[offset + 1] = checkInteger('length', length / UNIT, 1, 255, 1);
  writeU32(u8, offset + 4, lifetime);
  u8.set(body, offset + ND_DNS);
  return offset + length;
}

function emitPrefixOption(u8: Uint8Array, offset: number, fields: NdPrefixFields): number {
  const max = 0xffffffff;
  checkRoom('prefix information option', u8, offset, PREFIX_OPTION_LENGTH);
  u8[offset] = NdOption.PREFIX_INFORMATION;
  u8[offset + 1] = PREFIX_OPTION_LENGTH / UNIT;
  u8[offset + 2] = checkInteger('length', fields.length, 0, 128, 0);
  u8[offset + 3] =
    (checkBoolean('onLink', fields.onLink, true) ? NdPrefixFlag.ON_LINK : 0) |
    (checkBoolean('autonomous', fields.autonomous, true) ? NdPrefixFlag.AUTONOMOUS : 0);
  writeU32(u8, offset + 4, checkInteger('validLifetime', fields.validLifetime, 0, max, max));
  writeU32(u8, offset + 8, checkInteger('preferredLifetime', fields.preferredLifetime, 0, max, max));
  writeU32(u8, offset + 12, 0);
  u8.set(checkBytes('prefix', fields.prefix, 16), offset + ND_PREFIX);
  return offset + PREFIX_OPTION_LENGTH;
}

/** One line: `ICMPv6 neighbor solicitation, who has fe80::2, source link-address 02:00:00:00:00:01`. */
export function printNd(u8: Uint8Array, record: FrameRecord): string {
  if (!isNd(u8, record)) return 'ICMPv6';
  const l4 = record.l4;
  switch (icmpv6Type(u8, l4)) {
    case NdType.ROUTER_SOLICITATION:
      return `ICMPv6 router solicitation${printMac(u8, record, NdOption.SOURCE_LINK_LAYER, 'source')}`;
    case NdType.ROUTER_ADVERTISEMENT: {
      const lifetime = `lifetime ${ndRouterLifetime(u8, l4)}s`;
      return `ICMPv6 router advertisement, ${lifetime}${printMac(u8, record, NdOption.SOURCE_LINK_LAYER, 'source')}`;
    }
    case NdType.NEIGHBOR_SOLICITATION: {
      const target = formatIp(u8, l4 + ND_TARGET, 6);
      return `ICMPv6 neighbor solicitation, who has ${target}${printMac(u8, record, NdOption.SOURCE_LINK_LAYER, 'source')}`;
    }
    case NdType.NEIGHBOR_ADVERTISEMENT: {
      const target = formatIp(u8, l4 + ND_TARGET, 6);
      return `ICMPv6 neighbor advertisement, tgt is ${target}${printMac(u8, record, NdOption.TARGET_LINK_LAYER, 'target')}`;
    }
    default:
      return `ICMPv6 redirect, ${formatIp(u8, l4 + ND_TARGET, 6)}`;
  }
}

function printMac(u8: Uint8Array, record: FrameRecord, kind: number, name: string): string {
  const option = findNdOption(u8, record, kind);
  return option < 0 ? '' : `, ${name} link-address ${formatMac(u8, option + ND_LINK_LAYER_ADDRESS)}`;
}
