import { L4HashKey } from '../../conn/l4-hash-key.ts';
import { SharedEtherConn } from '../../conn/shared-ether-conn.ts';
import { OptionError } from '../../errors.ts';
import { checkKnown, show } from '../../options.ts';
import type { BatchStore } from '../../relay/batch-store.ts';
import { ChecksumState } from '../../wire/checksum.ts';
import { solicitedNodeAddress } from '../../wire/mac.ts';
import { IpProtocol } from '../../wire/protocol.ts';
import type { FrameRecord } from '../../wire/record.ts';
import { transportChecksumState } from '../../wire/transport-checksum.ts';
import { Nd } from './nd.ts';
import type { Neighbor } from './neighbor.ts';
import {
  checkResolverOptions,
  NeighborResolver,
  RESOLVER_OPTIONS,
  type ResolverOptions,
} from './resolver.ts';

/**
 * Finds next hops by neighbor discovery for conns on a SharedEtherConn, and answers solicitations for their
 * address. ICMPv6 has the same EtherType as the datagrams of the conns, so the resolver shares their
 * SharedEtherConn. That needs `receiveMulticast: true` to receive solicitations:
 *
 * ```ts
 * const shared = new SharedEtherConn(mac, relay, [], { receiveMulticast: true });
 * const nd = new NdResolver(shared, { address: '2001:db8::5/64' });
 * const conn = new SharedRUDPConn({ address: '2001:db8::5', port: 7 }, shared, { resolveNextHop: nd.resolve });
 * ```
 */
export class NdResolver extends NeighborResolver {
  readonly #conn: SharedEtherConn;
  readonly #nd: Nd;
  readonly #keys: readonly L4HashKey[];

  /** Throws an OptionError, or InUseError if ICMPv6 of this address has an owner on the conn. */
  constructor(conn: SharedEtherConn, options: ResolverOptions) {
    if (!(conn instanceof SharedEtherConn)) {
      throw new OptionError('conn', `must be a SharedEtherConn, got ${show(conn)}`);
    }
    checkKnown(options, RESOLVER_OPTIONS);
    const checked = checkResolverOptions(options, 6);
    super(conn.relay, checked);
    this.#conn = conn;
    this.#nd = new Nd(conn, this.addresses, this.cache, this);
    this.#keys = [this.own.address, solicitedNodeAddress(this.own.address)].map(
      (one) => new L4HashKey(one, IpProtocol.ICMPV6, 0),
    );
    try {
      for (const key of this.#keys) conn.claim(key, this);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** @internal */
  solicit(neighbor: Neighbor, mac: Uint8Array | null): boolean {
    this.#nd.solicit(neighbor.address, this.own.address, mac);
    return true;
  }

  /** @internal */
  frame(store: BatchStore, record: FrameRecord): void {
    const { u8 } = store.memory!;
    if (record.error === 0 && transportChecksumState(u8, record) === ChecksumState.GOOD) {
      this.#nd.input(u8, record);
    }
  }

  /** @internal */
  keyReplaced(): void {}

  /** @internal */
  relayStopped(): void {
    void this.close();
  }

  protected release(): void {
    for (const key of this.#keys) this.#conn.release(key, this);
  }
}
