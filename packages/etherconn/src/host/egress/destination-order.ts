import { OptionError } from '../../errors.ts';
import { show } from '../../options.ts';
import { parseIpWithZone, toIpv6Bytes } from '../../wire/ip.ts';
import { commonBits, policyOf, scopeOf } from '../ip/address-policy.ts';
import type { Addresses } from '../ip/addresses.ts';
import type { Output } from './output.ts';

/**
 * A destination and the source address that the host would use. All addresses have 16 bytes; IPv4 addresses are
 * mapped.
 */
interface Destination {
  readonly text: string;
  readonly version: 4 | 6;
  readonly address: Uint8Array;
  /** Null if the destination is unreachable. */
  readonly source: Uint8Array | null;
  /** Prefix length of the source address. */
  readonly sourceLength: number;
  readonly isDeprecated: boolean;
}

/** Sorts addresses (text, zones allowed) into the order in which to try them: RFC 6724 §6. Throws an OptionError. */
export function orderDestinations(output: Output, addresses: Addresses, texts: readonly string[]): string[] {
  if (!Array.isArray(texts)) throw new OptionError('addresses', `must be an array, got ${show(texts)}`);
  return texts
    .map((text) => destinationOf(output, addresses, text))
    .sort(compare)
    .map(({ text }) => text);
}

function destinationOf(output: Output, addresses: Addresses, text: string): Destination {
  const { address } = parseIpWithZone(text);
  const version = address.length === 4 ? 4 : 6;
  const path = output.findPath(address);
  const isDead =
    typeof path === 'string' ||
    (path.nextHop !== null && output.neighbors.failedAt(path.nextHop) !== undefined);
  const own = isDead ? null : addresses.find(path.source, 0, version);
  return {
    text,
    version,
    address: toIpv6Bytes(address),
    source: isDead ? null : toIpv6Bytes(path.source),
    sourceLength: own === null ? 128 : own.length + (version === 4 ? 96 : 0),
    isDeprecated: own?.state === 'deprecated',
  };
}

/**
 * Applies the rules in order. Negative if `a` comes first. Rules 4 (home addresses) and 7 (tunnels) never apply here.
 * What the rules leave open keeps its order.
 */
function compare(a: Destination, b: Destination): number {
  // 1: prefer reachable destinations.
  if (a.source === null || b.source === null) return Number(a.source === null) - Number(b.source === null);
  return (
    // 2: prefer matching scopes.
    prefer(scopeOf(a.address) === scopeOf(a.source), scopeOf(b.address) === scopeOf(b.source)) ||
    // 3: avoid deprecated sources.
    prefer(!a.isDeprecated, !b.isDeprecated) ||
    // 5: prefer matching labels.
    prefer(hasLabelOf(a.address, a.source), hasLabelOf(b.address, b.source)) ||
    // 6: prefer the higher precedence.
    policyOf(b.address).precedence - policyOf(a.address).precedence ||
    // 8: prefer the smaller scope.
    scopeOf(a.address) - scopeOf(b.address) ||
    // 9: prefer the longest common prefix, within one IP version.
    (a.version === b.version ? commonPrefix(b) - commonPrefix(a) : 0)
  );
}

function prefer(isA: boolean, isB: boolean): number {
  return Number(isB) - Number(isA);
}

function hasLabelOf(address: Uint8Array, source: Uint8Array): boolean {
  return policyOf(address).label === policyOf(source).label;
}

function commonPrefix({ address, source, sourceLength }: Destination): number {
  return Math.min(commonBits(address, source!), sourceLength);
}
