import { EthernetEndpoint, type EthernetOptions } from '../conn/ethernet-endpoint.ts';
import type { BatchStore } from '../relay/batch-store.ts';
import type { L2EndpointKey, MacAddress } from '../relay/l2-endpoint.ts';
import type { PacketRelay } from '../relay/packet-relay.ts';
import type { FrameRecord } from '../wire/record.ts';

/** Takes frames that a host receives. */
export interface HostReceiver {
  frame(store: BatchStore, record: FrameRecord, flags: number): void;
  /** Takes a frame that the host has sent to itself. */
  localFrame(store: BatchStore, record: FrameRecord, flags: number): void;
}

/** Told of what happens to a host's Ethernet side. */
export interface HostEthernetOwner {
  keyReplaced(key: L2EndpointKey): void;
  ethernetClosed(error: Error): void;
}

/** The Ethernet side of a host: its MAC address and VLANs, registered for ARP and IP, with the group frames it selects. */
export class HostEthernet extends EthernetEndpoint {
  receiver: HostReceiver | null = null;
  owner: HostEthernetOwner | null = null;

  constructor(mac: MacAddress, relay: PacketRelay, options: Pick<EthernetOptions, 'vlans' | 'exclusive'>) {
    super(mac, relay, { ...options, receiveMulticast: true }, undefined, undefined, true);
  }

  /** @internal */
  frame(store: BatchStore, record: FrameRecord, flags: number): void {
    this.receiver?.frame(store, record, flags);
  }

  /** @internal */
  override keyReplaced(key: L2EndpointKey): void {
    this.owner?.keyReplaced(key);
  }

  protected override shutdown(error: Error): void {
    super.shutdown(error);
    this.owner?.ethernetClosed(error);
  }
}
