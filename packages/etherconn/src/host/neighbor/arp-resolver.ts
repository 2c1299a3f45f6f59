import { EtherConn } from '../../conn/ether-conn.ts';
import type { EthernetOptions } from '../../conn/ethernet-endpoint.ts';
import { checkKnown } from '../../options.ts';
import type { BatchStore } from '../../relay/batch-store.ts';
import type { MacAddress } from '../../relay/l2-endpoint.ts';
import type { PacketRelay } from '../../relay/packet-relay.ts';
import { EtherType } from '../../wire/ethertype.ts';
import type { FrameRecord } from '../../wire/record.ts';
import { Arp } from './arp.ts';
import type { Neighbor } from './neighbor.ts';
import {
  checkResolverOptions,
  NeighborResolver,
  RESOLVER_OPTIONS,
  type ResolverOptions,
} from './resolver.ts';

/** Options of an {@link ArpResolver}. */
export interface ArpResolverOptions extends ResolverOptions {
  /** Own MAC address: that of the conns that use the resolver. */
  mac: MacAddress;
  /** VLAN tags of those conns. Default none. */
  vlans?: EthernetOptions['vlans'];
}

/**
 * Finds next hops by ARP for conns without a Host, and answers requests for their address. It registers the MAC
 * address for ARP, and the EtherConn of the conns registers IPv4:
 *
 * ```ts
 * const arp = new ArpResolver(relay, { mac, address: '10.0.0.5/24', gateway: '10.0.0.1' });
 * const conn = new RUDPConn({ address: '10.0.0.5', port: 7 }, new EtherConn(mac, relay, [0x0800]), {
 *   resolveNextHop: arp.resolve,
 * });
 * ```
 */
export class ArpResolver extends NeighborResolver {
  readonly #conn: EtherConn;
  readonly #arp: Arp;

  /** Throws an OptionError. */
  constructor(relay: PacketRelay, options: ArpResolverOptions) {
    checkKnown(options, [...RESOLVER_OPTIONS, 'mac', 'vlans']);
    const checked = checkResolverOptions(options, 4);
    const vlans = options.vlans === undefined ? {} : { vlans: options.vlans };
    const conn = new EtherConn(options.mac, relay, [EtherType.ARP], { ...vlans, receiveMulticast: true });
    super(conn.relay, checked);
    this.#conn = conn;
    this.#arp = new Arp(conn, this.addresses, this.cache, this);
    conn.attach(this);
  }

  /** @internal */
  solicit(neighbor: Neighbor, mac: Uint8Array | null): boolean {
    this.#arp.request(neighbor.address, this.own.address, mac);
    return true;
  }

  /** @internal */
  frame(store: BatchStore, record: FrameRecord): void {
    this.#arp.input(store.memory!.u8, record);
  }

  /** @internal */
  keyReplaced(): void {}

  /** @internal */
  relayStopped(): void {
    void this.close();
  }

  protected release(): Promise<void> {
    return this.#conn.close();
  }
}
