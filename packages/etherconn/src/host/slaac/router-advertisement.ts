import { formatIp } from '../../wire/ip.ts';
import {
  findNdOption,
  ND_DNS,
  ND_PREFIX,
  NdOption,
  NdPreference,
  NdPrefixFlag,
  NdRouterFlag,
  ndDnsLifetime,
  ndDnsServerCount,
  ndDomainSearch,
  ndMtu,
  ndPrefixFlags,
  ndPrefixLength,
  ndPrefixPreferredLifetime,
  ndPrefixValidLifetime,
  ndReachableTime,
  ndRetransTimer,
  ndRouteLifetime,
  ndRoutePreference,
  ndRoutePrefix,
  ndRoutePrefixLength,
  ndRouterFlags,
  ndRouterHopLimit,
  ndRouterLifetime,
  ndRouterPreference,
} from '../../wire/nd.ts';
import type { FrameRecord } from '../../wire/record.ts';

/** A network that a router advertises. */
export interface AdvertisedPrefix {
  /** 16 bytes; the bits after the prefix are zero. */
  readonly prefix: Uint8Array;
  readonly length: number;
  readonly onLink: boolean;
  /** Hosts may derive addresses from it. */
  readonly autonomous: boolean;
  /** Seconds, Infinity for ever. */
  readonly validLifetime: number;
  readonly preferredLifetime: number;
}

/** RFC 4191 §2.1. */
export type RouterPreference = 'low' | 'medium' | 'high';

/** A route that a router offers (RFC 4191 §2.3). */
export interface AdvertisedRoute {
  /** 16 bytes, those behind the prefix zero. */
  readonly prefix: Uint8Array;
  readonly length: number;
  readonly preference: RouterPreference;
  /** Seconds, Infinity for ever. */
  readonly lifetime: number;
}

/**
 * The content of a router advertisement (RFC 4861 §4.2, RFC 4191, RFC 8106). Lifetimes are in seconds; Infinity is
 * unlimited.
 */
export interface RouterAdvertisement {
  /** 16 bytes, link-local. */
  readonly router: Uint8Array;
  /** Seconds for which it is a default router; 0 if it is none. */
  readonly lifetime: number;
  /** Its preference as a default router. */
  readonly preference: RouterPreference;
  /** 0 if it does not say. The same applies to the next two, in milliseconds, and to the MTU. */
  readonly hopLimit: number;
  readonly reachableTime: number;
  readonly retransTimer: number;
  readonly mtu: number;
  /** Whether DHCPv6 provides addresses, and other information. */
  readonly managed: boolean;
  readonly other: boolean;
  readonly prefixes: readonly AdvertisedPrefix[];
  readonly routes: readonly AdvertisedRoute[];
  /** Text. */
  readonly dnsServers: readonly { readonly address: string; readonly lifetime: number }[];
  readonly domainSearch: readonly { readonly name: string; readonly lifetime: number }[];
}

/** Of each kind of option at most so many count: more is nobody's network. */
const OPTIONS_MAX = 32;
const FOREVER = 0xffffffff;

/** By {@link NdPreference}; the reserved one has none. */
const PREFERENCES: Readonly<Record<number, RouterPreference>> = {
  [NdPreference.LOW]: 'low',
  [NdPreference.MEDIUM]: 'medium',
  [NdPreference.HIGH]: 'high',
};

/** Copies what a valid advertisement (`isValidNd`) says. Malformed prefixes are left out. */
export function readRouterAdvertisement(u8: Uint8Array, record: FrameRecord): RouterAdvertisement {
  const message = record.l4;
  const flags = ndRouterFlags(u8, message);
  const mtu = findNdOption(u8, record, NdOption.MTU);
  return {
    router: u8.slice(record.ipSource, record.ipSource + 16),
    lifetime: ndRouterLifetime(u8, message),
    // RFC 4191 §2.2: the reserved value is as good as none.
    preference: PREFERENCES[ndRouterPreference(u8, message)] ?? 'medium',
    hopLimit: ndRouterHopLimit(u8, message),
    reachableTime: ndReachableTime(u8, message),
    retransTimer: ndRetransTimer(u8, message),
    mtu: mtu < 0 ? 0 : ndMtu(u8, mtu),
    managed: (flags & NdRouterFlag.MANAGED) !== 0,
    other: (flags & NdRouterFlag.OTHER) !== 0,
    prefixes: options(u8, record, NdOption.PREFIX_INFORMATION, (option) => readPrefix(u8, option)),
    routes: options(u8, record, NdOption.ROUTE_INFORMATION, (option) => readRoute(u8, option)),
    dnsServers: options(u8, record, NdOption.RECURSIVE_DNS, (option) =>
      Array.from({ length: ndDnsServerCount(u8, option) }, (_, index) => ({
        address: formatIp(u8, option + ND_DNS + 16 * index, 6),
        lifetime: seconds(ndDnsLifetime(u8, option)),
      })),
    ),
    domainSearch: options(u8, record, NdOption.DNS_SEARCH, (option) => {
      const lifetime = seconds(ndDnsLifetime(u8, option));
      return (ndDomainSearch(u8, option) ?? []).map((name) => ({ name, lifetime }));
    }),
  };
}

function options<T>(
  u8: Uint8Array,
  record: FrameRecord,
  kind: number,
  read: (option: number) => readonly T[],
): T[] {
  const found: T[] = [];
  let option = findNdOption(u8, record, kind);
  while (option >= 0 && found.length < OPTIONS_MAX) {
    found.push(...read(option));
    option = findNdOption(u8, record, kind, option + 1);
  }
  return found.slice(0, OPTIONS_MAX);
}

function readPrefix(u8: Uint8Array, option: number): AdvertisedPrefix[] {
  const length = ndPrefixLength(u8, option);
  if (length > 128) return [];
  const prefix = cut(u8.slice(option + ND_PREFIX, option + ND_PREFIX + 16), length);
  const flags = ndPrefixFlags(u8, option);
  return [
    {
      prefix,
      length,
      onLink: (flags & NdPrefixFlag.ON_LINK) !== 0,
      autonomous: (flags & NdPrefixFlag.AUTONOMOUS) !== 0,
      validLifetime: seconds(ndPrefixValidLifetime(u8, option)),
      preferredLifetime: seconds(ndPrefixPreferredLifetime(u8, option)),
    },
  ];
}

function readRoute(u8: Uint8Array, option: number): AdvertisedRoute[] {
  const prefix = ndRoutePrefix(u8, option);
  const preference: RouterPreference | undefined = PREFERENCES[ndRoutePreference(u8, option)];
  // RFC 4191 §2.3: with the reserved preference the option does not count.
  if (prefix === undefined || preference === undefined) return [];
  const length = ndRoutePrefixLength(u8, option);
  return [
    { prefix: cut(prefix, length), length, preference, lifetime: seconds(ndRouteLifetime(u8, option)) },
  ];
}

/** Makes the bits behind a prefix zero. */
function cut(prefix: Uint8Array, length: number): Uint8Array {
  for (let bit = length; bit < 128; bit++) prefix[bit >> 3] &= ~(0x80 >> (bit & 7));
  return prefix;
}

function seconds(lifetime: number): number {
  return lifetime === FOREVER ? Infinity : lifetime;
}
