import type { NextHopResolver } from '../../conn/next-hop.ts';
import { ClosedError } from '../../errors.ts';
import { checkInteger } from '../../options.ts';
import type { Relay } from '../../relay/relay.ts';
import { formatIp, type IpPrefix, parseIp, prefixContains } from '../../wire/ip.ts';
import { BROADCAST, ipv4MulticastMac, ipv6MulticastMac } from '../../wire/mac.ts';
import { Addresses, AddressKind, OwnAddress } from '../ip/addresses.ts';
import { parseGateway, parseHostAddress } from '../ip/host-address.ts';
import type { Neighbor } from './neighbor.ts';
import { NeighborCache } from './neighbor-cache.ts';

/** Options of all resolvers. */
export interface ResolverOptions {
  /** Own address with its prefix length, '10.0.0.5/24'. The resolver asks from it and answers for it. */
  address: string;
  /** Router for addresses outside of that network. Without it, they have no next hop. */
  gateway?: string;
  /** Maximum number of neighbor cache entries. 16 to 65,536, default 1024. */
  neighbors?: number;
}

/** Names of {@link ResolverOptions}. */
export const RESOLVER_OPTIONS: readonly string[] = ['address', 'gateway', 'neighbors'];

/** State and counters of a resolver. */
export interface ResolverStats {
  /** Neighbors that are known or being resolved now. */
  readonly neighbors: number;
  readonly neighborsEvicted: number;
  /** Packets of other machines that use the own address. */
  readonly conflicts: number;
}

/** The common part of ArpResolver and NdResolver: one address and its neighbors. */
export abstract class NeighborResolver implements AsyncDisposable {
  /**
   * For the option `resolveNextHop` of conns. Returns the MAC address of the next hop if it is known, otherwise a
   * promise of it, or of null if there is no answer within three seconds.
   */
  readonly resolve: NextHopResolver;
  protected readonly own: OwnAddress;
  protected readonly addresses: Addresses = new Addresses();
  protected readonly cache: NeighborCache;
  readonly #gateway: Uint8Array | null;
  #conflicts = 0;
  #closed = false;

  /** @internal */
  constructor(relay: Relay, options: CheckedResolverOptions) {
    const { address, gateway, neighbors } = options;
    this.own = new OwnAddress(address.address, address.length, 'preferred');
    this.addresses.add(this.own);
    this.#gateway = gateway;
    this.cache = new NeighborCache(relay.clock, this, neighbors);
    this.resolve = (destination) => this.#resolve(parseIp(destination));
  }

  stats(): ResolverStats {
    return { neighbors: this.cache.size, neighborsEvicted: this.cache.evicted, conflicts: this.#conflicts };
  }

  /** Stops answering and asking. Pending calls of `resolve` resolve with null. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.cache.clear();
    await this.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  toString(): string {
    return `${this.constructor.name}(${formatIp(this.own.address)}/${this.own.length})`;
  }

  /** @internal */
  abstract solicit(neighbor: Neighbor, mac: Uint8Array | null): boolean;

  /** @internal Nothing is queued here: the conns wait themselves. */
  sendWaiting(): void {}

  /** @internal There is one router, whether it answers or not. */
  reachabilityChanged(): void {}

  /** @internal */
  isNoRouter(): void {}

  /** @internal */
  conflict(): void {
    this.#conflicts++;
  }

  /** Gives back what the resolver holds below it. */
  protected abstract release(): Promise<void> | void;

  #resolve(destination: Uint8Array): ReturnType<NextHopResolver> {
    if (this.#closed) throw new ClosedError('resolver');
    // An address of the other IP version has no next hop that could be found here.
    if (destination.length !== this.own.address.length) return null;
    const version = this.own.version;
    const kind = this.addresses.kindOf(destination, 0, version);
    if (kind === AddressKind.BROADCAST) return BROADCAST;
    if (kind === AddressKind.MULTICAST) {
      return version === 4 ? ipv4MulticastMac(destination) : ipv6MulticastMac(destination);
    }
    const nextHop = prefixContains(this.own, destination) ? destination : this.#gateway;
    return nextHop === null ? null : this.cache.resolve(nextHop);
  }
}

/** {@link ResolverOptions}, checked. */
export interface CheckedResolverOptions {
  readonly address: IpPrefix;
  readonly gateway: Uint8Array | null;
  readonly neighbors: number;
}

/** Checks the options of a resolver for IP `version`; throws an OptionError. */
export function checkResolverOptions(options: ResolverOptions, version: 4 | 6): CheckedResolverOptions {
  const { gateway } = options;
  return {
    address: parseHostAddress(options.address, 'address', version),
    gateway: gateway === undefined ? null : parseGateway(gateway, 'gateway', version),
    neighbors: checkInteger('neighbors', options.neighbors, 16, 65_536, 1024),
  };
}
