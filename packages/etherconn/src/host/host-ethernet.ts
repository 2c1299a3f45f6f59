import { type EthernetOptions, EthernetPort } from '../conn/ethernet-port.ts';
import type { BatchStore } from '../relay/batch-store.ts';
import type { MacAddress } from '../relay/l2-endpoint.ts';
import type { PacketRelay } from '../relay/packet-relay.ts';
import { EtherType } from '../wire/ethertype.ts';
import type { FrameRecord } from '../wire/record.ts';

/** Takes what a host receives. */
export interface HostReceiver {
  frame(store: BatchStore, record: FrameRecord, flags: number): void;
  /** Takes a frame that the host has sent to itself. */
  localFrame(store: BatchStore, record: FrameRecord, flags: number): void;
}

/** Told when a host's Ethernet side has been closed. */
export interface HostEthernetOwner {
  ethernetClosed(error: Error): void;
}

const ETHER_TYPES = [EtherType.ARP, EtherType.IPV4, EtherType.IPV6];

/** The Ethernet side of a host: its MAC address and VLANs, registered for ARP and IP with group frames. */
export class HostEthernet extends EthernetPort {
  receiver: HostReceiver | null = null;
  owner: HostEthernetOwner | null = null;

  constructor(mac: MacAddress, relay: PacketRelay, options: Pick<EthernetOptions, 'vlans' | 'exclusive'>) {
    super(mac, relay, ETHER_TYPES, { ...options, receiveMulticast: true });
  }

  /** @internal */
  frame(store: BatchStore, record: FrameRecord, flags: number): void {
    this.receiver?.frame(store, record, flags);
  }

  protected override shutdown(error: Error): void {
    super.shutdown(error);
    this.owner?.ethernetClosed(error);
  }
}
