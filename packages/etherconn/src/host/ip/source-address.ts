import { ipEquals, prefixContains } from '../../wire/ip.ts';
import { commonBits, policyOf, scopeOf } from './address-policy.ts';
import type { OwnAddress } from './addresses.ts';

/**
 * Chooses the own address to send from to `destination` over `nextHop` (4 or 16 bytes), or null. IPv6: RFC 6724 §5.
 * IPv4, as Linux: the address in the network of a destination on the link, otherwise the first in the router's
 * network, otherwise the first.
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

/**
 * The source for an own address as destination: the address itself or, as on Linux, the first of several in one IPv4
 * network.
 */
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
 * Applies the rules in order. Rules 4 (home addresses), 5 (there is one interface) and 7 (there are no temporary
 * addresses) never apply. What the rules leave open goes to the first address, so a later one never takes over; with
 * Linux it goes to the last.
 */
function isBetter(a: OwnAddress, b: OwnAddress, destination: Uint8Array, nextHop: Uint8Array): boolean {
  // 1: prefer the destination itself.
  if (ipEquals(a.address, destination)) return true;
  if (ipEquals(b.address, destination)) return false;
  // 2: prefer the smallest scope that suffices.
  const scope = scopeOf(destination);
  const scopeA = scopeOf(a.address);
  const scopeB = scopeOf(b.address);
  if (scopeA !== scopeB) return scopeA < scopeB ? scopeA >= scope : scopeB < scope;
  // 3: avoid deprecated addresses and (RFC 4429 §3.1) optimistic ones.
  const isFirmA = a.state === 'preferred';
  if (isFirmA !== (b.state === 'preferred')) return isFirmA;
  // 5.5: prefer a prefix that the next hop has advertised.
  const isItsA = isAdvertisedBy(a, nextHop);
  if (isItsA !== isAdvertisedBy(b, nextHop)) return isItsA;
  // 6: prefer the label of the destination.
  const { label } = policyOf(destination);
  const isAlikeA = policyOf(a.address).label === label;
  if (isAlikeA !== (policyOf(b.address).label === label)) return isAlikeA;
  // 8: prefer the longest common prefix.
  return commonPrefix(a, destination) > commonPrefix(b, destination);
}

/** RFC 6724 §2.2: at most the address's own prefix counts. */
function commonPrefix(own: OwnAddress, destination: Uint8Array): number {
  return Math.min(commonBits(own.address, destination), own.length);
}

function isAdvertisedBy(own: OwnAddress, router: Uint8Array): boolean {
  return own.advertisers.some((one) => ipEquals(one, router));
}
