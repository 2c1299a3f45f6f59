import { OptionError } from '../../errors.ts';
import { show } from '../../options.ts';
import { readU32 } from '../../wire/bytes.ts';
import {
  formatIp,
  type IpPrefix,
  ipEquals,
  isIpv4Mapped,
  isLimitedBroadcast,
  isLinkLocalIpv6,
  isLoopbackIp,
  isMulticastIp,
  isUnspecifiedIp,
  parseIp,
  parsePrefix,
  prefixContains,
} from '../../wire/ip.ts';

import type { RouteEntry } from './routes.ts';

/**
 * Why an address (4 or 16 bytes) is not that of one machine on a link, or null. Such addresses are multicast,
 * unspecified, loopback (inside every host), 255.255.255.255, and IPv4-mapped (they are IPv4 addresses).
 */
export function whyNoStation(address: Uint8Array): string | null {
  const version = address.length === 4 ? 4 : 6;
  if (isMulticastIp(address, 0, version)) return 'a multicast address';
  if (isUnspecifiedIp(address, 0, version)) return 'the unspecified address';
  if (isLoopbackIp(address, 0, version)) return 'a loopback address';
  if (version === 6) return isIpv4Mapped(address) ? 'an IPv4-mapped address' : null;
  return isLimitedBroadcast(address) ? 'the broadcast address' : null;
}

/**
 * As {@link whyNoStation}; also refuses the two reserved addresses of an IPv4 network (RFC 3021: not for /31 and
 * /32).
 */
export function whyNoHostAddress({ address, length }: IpPrefix): string | null {
  const why = whyNoStation(address);
  if (why !== null || address.length === 16 || length >= 31) return why;
  const mask = 0xffffffff >>> length;
  const host = (readU32(address, 0) & mask) >>> 0;
  if (host === 0) return `the address of its network itself`;
  return host === mask ? `the broadcast address of its network` : null;
}

/**
 * Parses an address that a host can have, with its prefix length; of IP version `only`, if given. Throws an
 * OptionError.
 */
export function parseHostAddress(text: string, option = 'addresses', only?: 4 | 6): IpPrefix {
  const prefix = parsePrefix(text, option);
  checkVersion(prefix.address, option, only);
  const why = whyNoHostAddress(prefix);
  if (why !== null) {
    throw new OptionError(option, `must be the address of one host, got ${show(text)}: ${why}`);
  }
  return prefix;
}

/** Parses a router's address; of IP version `only`, if given. Throws an OptionError. */
export function parseGateway(text: string, option: string, only?: 4 | 6): Uint8Array {
  const gateway = parseIp(text, option);
  checkVersion(gateway, option, only);
  const why = whyNoStation(gateway);
  if (why !== null)
    throw new OptionError(option, `must be the address of a router, got ${show(text)}: ${why}`);
  return gateway;
}

/**
 * Whether a router (4 or 16 bytes) is on the link, as Linux requires of gateways: in the network of an address or of
 * a route without a gateway. Link-local addresses always are. Without an address of that IP version the answer is
 * unknown, and the router is accepted.
 */
export function isReachableGateway(
  gateway: Uint8Array,
  own: readonly IpPrefix[],
  routes: readonly RouteEntry[],
): boolean {
  const isSix = gateway.length === 16;
  if (isSix && isLinkLocalIpv6(gateway)) return true;
  const told = own.filter(
    ({ address }) => address.length === gateway.length && !(isSix && isLinkLocalIpv6(address)),
  );
  if (told.length === 0) return true;
  const isIn = (prefix: IpPrefix) =>
    prefix.address.length === gateway.length && prefixContains(prefix, gateway);
  return told.some(isIn) || routes.some((route) => route.gateway === null && isIn(route.prefix));
}

/** Returns the first address that occurs twice, or null. */
export function duplicateOf(prefixes: readonly IpPrefix[]): Uint8Array | null {
  for (const [i, { address }] of prefixes.entries()) {
    if (prefixes.slice(0, i).some((before) => ipEquals(before.address, address))) return address;
  }
  return null;
}

function checkVersion(address: Uint8Array, option: string, only: 4 | 6 | undefined): 4 | 6 {
  const version = address.length === 4 ? 4 : 6;
  if (only === undefined || version === only) return version;
  throw new OptionError(option, `must be an IPv${only} address, got ${formatIp(address)}`);
}
