import { type EthernetOptions, EthernetPort } from '../conn/ethernet-port.ts';
import type { BatchStore } from '../relay/batch-store.ts';
import type { MacAddress } from '../relay/l2-endpoint.ts';
import type { PacketRelay } from '../relay/packet-relay.ts';
import { EtherType } from '../wire/ethertype.ts';
import type { FrameRecord } from '../wire/record.ts';

/** What becomes of what a host's Ethernet side receives. */
export interface HostEthernetUser {
  frame(store: BatchStore, record: FrameRecord, flags: number): void;
  ethernetClosed(error: Error): void;
}

const ETHER_TYPES = [EtherType.ARP, EtherType.IPV4, EtherType.IPV6];

/** The Ethernet side of a host: its MAC address and VLANs, registered for ARP and IP with group frames. */
export class HostEthernet extends EthernetPort {
  user: HostEthernetUser | null = null;

  constructor(mac: MacAddress, relay: PacketRelay, options: Pick<EthernetOptions, 'vlans' | 'exclusive'>) {
    super(mac, relay, ETHER_TYPES, { ...options, receiveMulticast: true });
  }

  /** @internal */
  frame(store: BatchStore, record: FrameRecord, flags: number): void {
    this.user?.frame(store, record, flags);
  }

  protected override shutdown(error: Error): void {
    super.shutdown(error);
    this.user?.ethernetClosed(error);
  }
}
