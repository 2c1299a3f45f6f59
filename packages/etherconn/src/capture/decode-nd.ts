import { icmpv6Type } from '../wire/icmpv6.ts';
import { formatIp } from '../wire/ip.ts';
import { formatMac } from '../wire/mac.ts';
import {
  findNdOption,
  isNd,
  ND_LINK_LAYER_ADDRESS,
  ND_PREFIX,
  ND_TARGET,
  NdNeighborFlag,
  NdOption,
  NdRouterFlag,
  NdType,
  ndMtu,
  ndNeighborFlags,
  ndPrefixLength,
  ndReachableTime,
  ndRetransTimer,
  ndRouterFlags,
  ndRouterHopLimit,
  ndRouterLifetime,
} from '../wire/nd.ts';
import type { FrameRecord } from '../wire/record.ts';

/** Fields of whole neighbor discovery messages. */
export interface DecodedNd {
  'icmpv6.nd.ns.target_address'?: string;
  'icmpv6.nd.na.target_address'?: string;
  'icmpv6.nd.na.flag.r'?: boolean;
  'icmpv6.nd.na.flag.s'?: boolean;
  'icmpv6.nd.na.flag.o'?: boolean;
  'icmpv6.nd.rd.target_address'?: string;
  'icmpv6.nd.ra.cur_hop_limit'?: number;
  'icmpv6.nd.ra.flag.m'?: boolean;
  'icmpv6.nd.ra.flag.o'?: boolean;
  /** Seconds. */
  'icmpv6.nd.ra.router_lifetime'?: number;
  /** Milliseconds. */
  'icmpv6.nd.ra.reachable_time'?: number;
  'icmpv6.nd.ra.retrans_timer'?: number;
  /** MAC address of the first source or target link-layer address option. */
  'icmpv6.opt.linkaddr'?: string;
  'icmpv6.opt.mtu'?: number;
  /** Of all prefix information options, as '2001:db8::/64'. */
  'icmpv6.opt.prefix'?: string[];
}

export function addNd(decoded: DecodedNd, u8: Uint8Array, record: FrameRecord): void {
  if (!isNd(u8, record)) return;
  const { l4 } = record;
  switch (icmpv6Type(u8, l4)) {
    case NdType.NEIGHBOR_SOLICITATION:
      decoded['icmpv6.nd.ns.target_address'] = formatIp(u8, l4 + ND_TARGET, 6);
      break;
    case NdType.NEIGHBOR_ADVERTISEMENT: {
      const flags = ndNeighborFlags(u8, l4);
      decoded['icmpv6.nd.na.target_address'] = formatIp(u8, l4 + ND_TARGET, 6);
      decoded['icmpv6.nd.na.flag.r'] = (flags & NdNeighborFlag.ROUTER) !== 0;
      decoded['icmpv6.nd.na.flag.s'] = (flags & NdNeighborFlag.SOLICITED) !== 0;
      decoded['icmpv6.nd.na.flag.o'] = (flags & NdNeighborFlag.OVERRIDE) !== 0;
      break;
    }
    case NdType.ROUTER_ADVERTISEMENT: {
      const flags = ndRouterFlags(u8, l4);
      decoded['icmpv6.nd.ra.cur_hop_limit'] = ndRouterHopLimit(u8, l4);
      decoded['icmpv6.nd.ra.flag.m'] = (flags & NdRouterFlag.MANAGED) !== 0;
      decoded['icmpv6.nd.ra.flag.o'] = (flags & NdRouterFlag.OTHER) !== 0;
      decoded['icmpv6.nd.ra.router_lifetime'] = ndRouterLifetime(u8, l4);
      decoded['icmpv6.nd.ra.reachable_time'] = ndReachableTime(u8, l4);
      decoded['icmpv6.nd.ra.retrans_timer'] = ndRetransTimer(u8, l4);
      break;
    }
    case NdType.REDIRECT:
      decoded['icmpv6.nd.rd.target_address'] = formatIp(u8, l4 + ND_TARGET, 6);
      break;
  }
  addOptions(decoded, u8, record);
}

function addOptions(decoded: DecodedNd, u8: Uint8Array, record: FrameRecord): void {
  const source = findNdOption(u8, record, NdOption.SOURCE_LINK_LAYER);
  const target = findNdOption(u8, record, NdOption.TARGET_LINK_LAYER);
  const first = source < 0 || (target >= 0 && target < source) ? target : source;
  if (first >= 0) decoded['icmpv6.opt.linkaddr'] = formatMac(u8, first + ND_LINK_LAYER_ADDRESS);
  const mtu = findNdOption(u8, record, NdOption.MTU);
  if (mtu >= 0) decoded['icmpv6.opt.mtu'] = ndMtu(u8, mtu);
  const prefixes: string[] = [];
  for (let at = 0; ; at++) {
    at = findNdOption(u8, record, NdOption.PREFIX_INFORMATION, at);
    if (at < 0) break;
    prefixes.push(`${formatIp(u8, at + ND_PREFIX, 6)}/${ndPrefixLength(u8, at)}`);
  }
  if (prefixes.length > 0) decoded['icmpv6.opt.prefix'] = prefixes;
}
