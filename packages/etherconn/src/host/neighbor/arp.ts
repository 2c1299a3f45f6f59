import {
  ARP_LENGTH,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ArpOperation,
  arpOperation,
  emitArp,
  isArpIpv4,
} from '../../wire/arp.ts';
import { sameBytes } from '../../wire/bytes.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { isMulticastIp, isUnspecifiedIp } from '../../wire/ip.ts';
import { BROADCAST, isGroupMac } from '../../wire/mac.ts';
import type { FrameRecord } from '../../wire/record.ts';
import type { Addresses } from '../ip/addresses.ts';
import { NeighborState } from './neighbor.ts';
import type { NeighborCache } from './neighbor-cache.ts';

/** The output of ARP and neighbor discovery. */
export interface NeighborLink {
  /** Own MAC address, 6 bytes. */
  readonly macBytes: Uint8Array;
  /** Sends an Ethernet payload. Returns 1, or 0 if there is no room now. */
  trySendPacketTo(packet: Uint8Array, etherType: number, destMac: Uint8Array): number;
  /** The output for answers, if it differs from that for questions. */
  readonly answers?: AnswerLink;
}

/** The output for answers to neighbors' questions. Any station can ask any number of questions. */
export interface AnswerLink {
  /** Whether there is room for another answer. If not, the answer is counted as dropped and is not built. */
  hasRoom(): boolean;
  trySendPacketTo(packet: Uint8Array, etherType: number, destMac: Uint8Array): number;
}

/** Told that another station uses an own address. */
export interface ConflictListener {
  /** The address is in `u8` at `address`; `otherMac` is the other station's MAC address. */
  conflict(u8: Uint8Array, address: number, version: 4 | 6, otherMac: Uint8Array): void;
}

const UNSPECIFIED = new Uint8Array(4);

/**
 * ARP for one station: answers for its addresses, resolves others, reports conflicts. RFC 826, RFC 5227 (probes and
 * announcements), RFC 1122 §2.3.2.
 */
export class Arp {
  readonly #link: NeighborLink;
  readonly #addresses: Addresses;
  readonly #cache: NeighborCache;
  readonly #conflicts: ConflictListener;

  constructor(link: NeighborLink, addresses: Addresses, cache: NeighborCache, conflicts: ConflictListener) {
    this.#link = link;
    this.#addresses = addresses;
    this.#cache = cache;
    this.#conflicts = conflicts;
  }

  /** Takes a received packet. False if it is not ARP for IPv4 over Ethernet, or makes no sense. */
  input(u8: Uint8Array, record: FrameRecord): boolean {
    if (!isArpIpv4(u8, record)) return false;
    const arp = record.l3;
    const senderMac = arp + ARP_SENDER_MAC;
    const senderIp = arp + ARP_SENDER_IP;
    const targetIp = arp + ARP_TARGET_IP;
    if (isGroupMac(u8, senderMac) || isMulticastIp(u8, senderIp, 4)) return false;
    const own = this.#link.macBytes;
    if (sameBytes(own, 0, u8, senderMac, 6)) return true;
    const target = this.#addresses.find(u8, targetIp, 4);
    const isProbe = isUnspecifiedIp(u8, senderIp, 4);
    if (this.#addresses.find(u8, senderIp, 4) !== null) {
      this.#conflicts.conflict(u8, senderIp, 4, u8.slice(senderMac, senderMac + 6));
      return true;
    }
    if (isProbe && target !== null && !target.usable) {
      // Another station is about to take the address that this one is about to take.
      this.#conflicts.conflict(u8, targetIp, 4, u8.slice(senderMac, senderMac + 6));
      return true;
    }
    const forUs = target?.usable === true;
    const isRequest = arpOperation(u8, arp) === ArpOperation.REQUEST;
    if (!isProbe) this.#learn(u8, senderIp, senderMac, isRequest, forUs);
    if (isRequest && forUs && this.#link.answers?.hasRoom() !== false) {
      const mac = u8.slice(senderMac, senderMac + 6);
      this.#send(ArpOperation.REPLY, target.address, mac, u8.slice(senderIp, senderIp + 4), mac);
    }
    return true;
  }

  /**
   * Asks for the MAC address of `target`, from the own address `source`. Asks the station with `mac`, or all stations
   * if null.
   */
  request(target: Uint8Array, source: Uint8Array, mac: Uint8Array | null): void {
    this.#send(ArpOperation.REQUEST, source, undefined, target, mac ?? BROADCAST);
  }

  /** Asks whether any station has an address, without an own address: RFC 5227 §2.1.1. */
  probe(target: Uint8Array): void {
    this.request(target, UNSPECIFIED, null);
  }

  /** Announces an own address: RFC 5227 §2.3. */
  announce(address: Uint8Array): void {
    this.request(address, address, null);
  }

  /** Unsolicited messages do not create cache entries. */
  #learn(u8: Uint8Array, ip: number, mac: number, isRequest: boolean, forUs: boolean): void {
    const state = this.#cache.find(u8, ip, 4)?.state;
    const asked = state === NeighborState.INCOMPLETE || state === NeighborState.PROBE;
    this.#cache.learn(u8, ip, 4, mac, {
      solicited: !isRequest && forUs && asked,
      override: true,
      create: isRequest && forUs,
    });
  }

  #send(
    operation: number,
    senderIp: Uint8Array,
    targetMac: Uint8Array | undefined,
    targetIp: Uint8Array,
    destination: Uint8Array,
  ): void {
    const packet = new Uint8Array(ARP_LENGTH);
    const target = targetMac === undefined ? {} : { targetMac };
    emitArp(packet, 0, { operation, senderMac: this.#link.macBytes, senderIp, targetIp, ...target });
    const link = operation === ArpOperation.REPLY ? (this.#link.answers ?? this.#link) : this.#link;
    link.trySendPacketTo(packet, EtherType.ARP, destination);
  }
}
