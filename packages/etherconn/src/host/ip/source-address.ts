import { ipEquals, prefixContains } from '../../wire/ip.ts';
import { commonBits, policyOf, scopeOf } from './address-policy.ts';
import type { OwnAddress } from './addresses.ts';

/**
 * The address of ours to send from towards `destination` over `nextHop` (4 or 16 bytes), or null. IPv6: RFC 6724 §5. IPv4:
 * as Linux does, that of the network on the link, or the first in the router's network, or the first.
 */
export function sourceAddress(
  own: readonly OwnAddress[],
  destination: Uint8Array,
  nextHop: Uint8Array,
): OwnAddress | null {
  return destination.length === 4
    ? sourceAddress4(own, destination, nextHop)
    : sourceAddress6(own, destination, nextHop);
}

/** The address to send from to an own one: itself, or as on Linux, of several in one IPv4 network the first. */
export function localSource(own: readonly OwnAddress[], destination: Uint8Array): Uint8Array {
  if (destination.length === 16) return destination;
  const itself = own.find(({ address, usable }) => usable && ipEquals(address, destination));
  if (itself === undefined) return destination;
  const isBeside = (one: OwnAddress) =>
    one.version === 4 && one.usable && one.length === itself.length && prefixContains(one, destination);
  return own.find(isBeside)!.address;
}

function sourceAddress4(
  own: readonly OwnAddress[],
  destination: Uint8Array,
  nextHop: Uint8Array,
): OwnAddress | null {
  const isOnLink = ipEquals(destination, nextHop);
  let first: OwnAddress | null = null;
  let near: OwnAddress | null = null;
  for (const one of own) {
    if (one.version !== 4 || !one.usable) continue;
    first ??= one;
    if (!prefixContains(one, nextHop)) continue;
    if (near === null || (isOnLink && one.length > near.length)) near = one;
  }
  return near ?? first;
}

function sourceAddress6(
  own: readonly OwnAddress[],
  destination: Uint8Array,
  nextHop: Uint8Array,
): OwnAddress | null {
  let best: OwnAddress | null = null;
  for (const one of own) {
    if (one.version !== 6 || !one.usable) continue;
    if (best === null || isBetter(one, best, destination, nextHop)) best = one;
  }
  return best;
}

/**
 * The rules in their order. Rules 4 (home addresses), 5 (there is one interface) and 7 (temporary addresses, of which
 * there are none) never decide. What the rules leave open goes to the address that came first, so that none that
 * comes later takes over; Linux's goes to the last.
 */
function isBetter(a: OwnAddress, b: OwnAddress, destination: Uint8Array, nextHop: Uint8Array): boolean {
  // 1: the destination itself.
  if (ipEquals(a.address, destination)) return true;
  if (ipEquals(b.address, destination)) return false;
  // 2: a scope that reaches as far, but no farther.
  const scope = scopeOf(destination);
  const scopeA = scopeOf(a.address);
  const scopeB = scopeOf(b.address);
  if (scopeA !== scopeB) return scopeA < scopeB ? scopeA >= scope : scopeB < scope;
  // 3: not deprecated; nor (RFC 4429 §3.1) one that may turn out to be somebody else's.
  const isFirmA = a.state === 'preferred';
  if (isFirmA !== (b.state === 'preferred')) return isFirmA;
  // 5.5: of a prefix that the next hop has told of.
  const isItsA = isAdvertisedBy(a, nextHop);
  if (isItsA !== isAdvertisedBy(b, nextHop)) return isItsA;
  // 6: the label of the destination.
  const { label } = policyOf(destination);
  const isAlikeA = policyOf(a.address).label === label;
  if (isAlikeA !== (policyOf(b.address).label === label)) return isAlikeA;
  // 8: the longest prefix in common.
  return commonPrefix(a, destination) > commonPrefix(b, destination);
}

/** RFC 6724 §2.2: no more than the address's own prefix. */
function commonPrefix(own: OwnAddress, destination: Uint8Array): number {
  return Math.min(commonBits(own.address, destination), own.length);
}

function isAdvertisedBy(own: OwnAddress, router: Uint8Array): boolean {
  return own.advertisers.some((one) => ipEquals(one, router));
}
