import type { Clock } from '../clock.ts';
import type { CallOptions } from '../pending.ts';
import type { BatchStore } from '../relay/batch-store.ts';
import type { FrameReceiver } from '../relay/frame-receiver.ts';
import type { MacAddress } from '../relay/l2-endpoint.ts';
import type { PacketRelay } from '../relay/packet-relay.ts';
import type { UdpEntry } from '../relay/udp-entries.ts';
import type { UdpEntryOptions } from '../relay/udp-front.ts';
import { EtherType } from '../wire/ethertype.ts';
import type { FrameRecord } from '../wire/record.ts';
import { ClaimedEndpoint, Claims } from './claims.ts';
import { EthernetEndpoint, type EthernetOptions } from './ethernet-endpoint.ts';
import type { L4HashKey } from './l4-hash-key.ts';
import type { L4Registration, SharedEthernetConn } from './shared-ethernet.ts';

/** Counters of a SharedEtherConn. */
export interface SharedEtherConnStats {
  /** Frames passed to the owner of their address, protocol and port. */
  claimed: number;
  /** Dropped frames: their address, protocol and port have no owner. */
  unclaimed: number;
  /** Number of keys that are claimed now. */
  registrations: number;
  /** Packets sent by this conn itself. Conns on it have their own counters. */
  sent: number;
  /** Payload bytes. */
  sentBytes: number;
  /** Attempts to send that found no room. */
  noRoom: number;
}

/** EtherTypes of a SharedEtherConn when none are given: it shares IP; ARP is for a conn of its own. */
const DEFAULT_SHARED_ETHER_TYPES: readonly number[] = Object.freeze([EtherType.IPV4, EtherType.IPV6]);

/**
 * One MAC address, with its VLANs, shared by many conns. Frames are passed on by destination IP address, protocol
 * and port. A key with the address 0.0.0.0 or :: receives what no other key receives.
 */
export class SharedEtherConn extends EthernetEndpoint implements SharedEthernetConn {
  readonly #claims = new Claims();
  #claimed = 0;
  #unclaimed = 0;

  constructor(
    mac: MacAddress,
    relay: PacketRelay,
    etherTypes?: readonly number[] | EthernetOptions,
    options?: EthernetOptions,
  ) {
    super(mac, relay, etherTypes, options, DEFAULT_SHARED_ETHER_TYPES);
  }

  register(key: L4HashKey): L4Registration {
    return new ClaimedEndpoint(this, key, this.relay.ethernetTypes);
  }

  /** Releases a key, whoever owns it. A key without an owner is ignored. */
  unregister(key: L4HashKey): void {
    this.release(key, undefined);
  }

  /** @internal Frees a key if `receiver` (or anybody, when undefined) has it. */
  release(key: L4HashKey, receiver: FrameReceiver | undefined): void {
    this.#claims.release(key, receiver);
  }

  get clock(): Clock {
    return this.relay.clock;
  }

  writeIPPktTo(packet: Uint8Array, destMac: MacAddress, options: CallOptions = {}): Promise<number> {
    return this.writeIPData(packet, destMac, options);
  }

  /** @internal */
  override openUdp(address: Uint8Array, port: number, options: UdpEntryOptions): UdpEntry | null {
    return super.openUdp(address, port, { ...options, counted: true });
  }

  /** @internal Claims a key for a conn above. */
  claim(key: L4HashKey, receiver: FrameReceiver): void {
    this.writer.checkOpen('register');
    this.#claims.claim(key, receiver);
  }

  stats(): SharedEtherConnStats {
    const { sent, sentBytes, noRoom } = this.writer;
    return {
      claimed: this.#claimed + this.takenByFront,
      unclaimed: this.#unclaimed,
      registrations: this.#claims.size,
      sent,
      sentBytes,
      noRoom,
    };
  }

  /** @internal */
  frame(store: BatchStore, record: FrameRecord, flags: number): void {
    if (record.ipVersion !== 0 && this.#claims.frame(store, record, flags)) this.#claimed++;
    else this.#unclaimed++;
  }

  protected override shutdown(error: Error): void {
    super.shutdown(error);
    this.#claims.close(error);
  }
}
