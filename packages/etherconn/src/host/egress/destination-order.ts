import { OptionError } from '../../errors.ts';
import { show } from '../../options.ts';
import { parseIpWithZone, toIpv6Bytes } from '../../wire/ip.ts';
import { commonBits, policyOf, scopeOf } from '../ip/address-policy.ts';
import type { Addresses } from '../ip/addresses.ts';
import type { Output } from './output.ts';

/** An address to send to, and what the host would send from. All addresses have 16 bytes, IPv4 ones are mapped. */
interface Destination {
  readonly text: string;
  readonly version: 4 | 6;
  readonly address: Uint8Array;
  /** Null: it cannot be sent to. */
  readonly source: Uint8Array | null;
  /** That of the source's prefix. */
  readonly sourceLength: number;
  readonly isDeprecated: boolean;
}

/** Addresses (text, zones allowed) in the order in which they are to be tried: RFC 6724 §6. Throws an OptionError. */
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
 * The rules in their order; below 0 when `a` comes first. Rules 4 (home addresses) and 7 (tunnels) never decide here, and
 * what the rules leave open stays as it is.
 */
function compare(a: Destination, b: Destination): number {
  // 1: one that can be reached.
  if (a.source === null || b.source === null) return Number(a.source === null) - Number(b.source === null);
  return (
    // 2: of the scope of its source.
    prefer(scopeOf(a.address) === scopeOf(a.source), scopeOf(b.address) === scopeOf(b.source)) ||
    // 3: its source is not deprecated.
    prefer(!a.isDeprecated, !b.isDeprecated) ||
    // 5: its source has its label.
    prefer(hasLabelOf(a.address, a.source), hasLabelOf(b.address, b.source)) ||
    // 6: the higher precedence.
    policyOf(b.address).precedence - policyOf(a.address).precedence ||
    // 8: the smaller scope.
    scopeOf(a.address) - scopeOf(b.address) ||
    // 9: the longest prefix in common with its source, within an IP version.
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
