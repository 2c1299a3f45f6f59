import {
  ARP_OPERATION,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ArpOperation,
  arpOperation,
  ChecksumState,
  EtherType,
  emitNeighborAdvertisement,
  Fragment,
  FrameRecord,
  fillIpv4Checksum,
  fillTransportChecksum,
  ICMPV4_CHECKSUM,
  ICMPV6_CHECKSUM,
  Icmpv4Type,
  Icmpv6Type,
  IPV4_TTL,
  IpProtocol,
  icmpv4Type,
  icmpv6Type,
  isArpIpv4,
  isValidNd,
  ND_TARGET,
  NdType,
  parseFrame,
  transportChecksumState,
  updateChecksum,
} from 'etherconn/wire';
import type { AddressSet } from './address-set.ts';

/** What an answer was to; 'ignored' had none. */
export type EchoKind = 'arp' | 'nd' | 'ping' | 'udp' | 'ignored';

const HOP_LIMIT = 64;
const IPV6_HOP_LIMIT = 7;
const IPV6_HEADER = 40;
/** Neighbor advertisement with the option that has our MAC address. */
const ADVERTISEMENT = 32;

/**
 * A machine of many addresses that answers ARP, neighbor discovery and ping, and sends every datagram back to where it
 * came from, whatever the port. Answers are made in place of the request.
 */
export class EchoMachine {
  readonly #mac: Uint8Array;
  readonly #addresses: AddressSet;
  /** Whether datagrams are sent back, too. */
  readonly #datagrams: boolean;
  readonly #record = new FrameRecord();
  /** What the last frame was. */
  kind: EchoKind = 'ignored';

  constructor(mac: Uint8Array, addresses: AddressSet, datagrams: boolean) {
    this.#mac = mac;
    this.#addresses = addresses;
    this.#datagrams = datagrams;
  }

  /** The answer to a frame, whose bytes it may change; null for none. {@link kind} says what it was. */
  answer(frame: Uint8Array): Uint8Array | null {
    const record = this.#record;
    this.kind = 'ignored';
    parseFrame(frame, 0, frame.length, record);
    // What comes from a group is of nobody.
    if (record.l3 === 0 || (frame[6] & 1) === 1) return null;
    if (record.etherType === EtherType.ARP) return this.#arp(frame);
    if (record.error !== 0) return null;
    if (record.ipVersion === 4) return this.#ipv4(frame);
    return record.ipVersion === 6 ? this.#ipv6(frame) : null;
  }

  #arp(frame: Uint8Array): Uint8Array | null {
    const { l3 } = this.#record;
    if (!isArpIpv4(frame, this.#record) || arpOperation(frame, l3) !== ArpOperation.REQUEST) return null;
    const sender = frame.slice(l3 + ARP_SENDER_MAC, l3 + ARP_SENDER_IP + 4);
    const target = frame.slice(l3 + ARP_TARGET_IP, l3 + ARP_TARGET_IP + 4);
    // Who announces an address of ours has it, and asks for nothing.
    if (!this.#addresses.hasV4(target, 0) || sender.subarray(6).every((byte, i) => byte === target[i]))
      return null;
    this.#turn(frame);
    frame[l3 + ARP_OPERATION + 1] = ArpOperation.REPLY;
    frame.set(this.#mac, l3 + ARP_SENDER_MAC);
    frame.set(target, l3 + ARP_SENDER_IP);
    frame.set(sender, l3 + ARP_SENDER_IP + 4);
    this.kind = 'arp';
    return frame;
  }

  #ipv4(frame: Uint8Array): Uint8Array | null {
    const { l3, l4, ipSource, ipDestination, protocol, fragment } = this.#record;
    // An answer to an address of ours would be answered, too.
    if (!this.#addresses.hasV4(frame, ipDestination) || this.#addresses.hasV4(frame, ipSource)) return null;
    if (frame[ipSource] >= 224 || frame[ipSource] === 0) return null;
    const first = fragment !== Fragment.LATER;
    if (protocol === IpProtocol.ICMP) {
      if (first && (l4 === 0 || icmpv4Type(frame, l4) !== Icmpv4Type.ECHO_REQUEST)) return null;
      if (first) changeType(frame, l4, ICMPV4_CHECKSUM, Icmpv4Type.ECHO_REPLY);
      this.kind = 'ping';
    } else if (!this.#datagram(frame)) return null;
    swap(frame, ipSource, ipDestination, 4);
    frame[l3 + IPV4_TTL] = HOP_LIMIT;
    fillIpv4Checksum(frame, l3);
    this.#turn(frame);
    return frame;
  }

  #ipv6(frame: Uint8Array): Uint8Array | null {
    const { l3, l4, ipSource, ipDestination, protocol, fragment } = this.#record;
    const first = fragment !== Fragment.LATER;
    if (
      protocol === IpProtocol.ICMPV6 &&
      first &&
      l4 !== 0 &&
      icmpv6Type(frame, l4) === NdType.NEIGHBOR_SOLICITATION
    )
      return this.#advertise(frame);
    if (!this.#addresses.hasV6(frame, ipDestination) || this.#addresses.hasV6(frame, ipSource)) return null;
    if (frame[ipSource] === 0xff) return null;
    if (protocol === IpProtocol.ICMPV6) {
      if (first && (l4 === 0 || icmpv6Type(frame, l4) !== Icmpv6Type.ECHO_REQUEST)) return null;
      if (first) changeType(frame, l4, ICMPV6_CHECKSUM, Icmpv6Type.ECHO_REPLY);
      this.kind = 'ping';
    } else if (!this.#datagram(frame)) return null;
    swap(frame, ipSource, ipDestination, 16);
    frame[l3 + IPV6_HOP_LIMIT] = HOP_LIMIT;
    this.#turn(frame);
    return frame;
  }

  /** Swaps the ports; false when it is no datagram, or none that is sent back. Its checksum stays as it is. */
  #datagram(frame: Uint8Array): boolean {
    const { l4, protocol, fragment, payload } = this.#record;
    if (!this.#datagrams || protocol !== IpProtocol.UDP) return false;
    this.kind = 'udp';
    if (fragment === Fragment.LATER) return true;
    if (payload === 0) {
      this.kind = 'ignored';
      return false;
    }
    // A local sender leaves the checksum to hardware that is not there.
    if (transportChecksumState(frame, this.#record) === ChecksumState.PARTIAL)
      fillTransportChecksum(frame, this.#record);
    swap(frame, l4, l4 + 2, 2);
    return true;
  }

  #advertise(frame: Uint8Array): Uint8Array | null {
    const record = this.#record;
    const { l3, l4, ipSource } = record;
    if (!isValidNd(frame, record) || !this.#addresses.hasV6(frame, l4 + ND_TARGET)) return null;
    const target = frame.slice(l4 + ND_TARGET, l4 + ND_TARGET + 16);
    const asker = frame.slice(ipSource, ipSource + 16);
    // Who has no address yet checks whether one is free; all are told that it is not.
    const checks = asker.every((byte) => byte === 0);
    const answer = new Uint8Array(l3 + IPV6_HEADER + ADVERTISEMENT);
    answer.set(frame.subarray(0, l3 + IPV6_HEADER));
    answer.set(checks ? ALL_NODES_MAC : frame.subarray(6, 12), 0);
    answer.set(this.#mac, 6);
    answer.set([0, ADVERTISEMENT, IpProtocol.ICMPV6, 255], l3 + 4);
    answer.set(target, l3 + 8);
    answer.set(checks ? ALL_NODES : asker, l3 + 24);
    const at = l3 + IPV6_HEADER;
    emitNeighborAdvertisement(answer, at, {
      target,
      targetMac: this.#mac,
      solicited: !checks,
      override: true,
    });
    parseFrame(answer, 0, answer.length, record);
    fillTransportChecksum(answer, record);
    this.kind = 'nd';
    return answer;
  }

  /** Back to where it came from, from our MAC address. */
  #turn(frame: Uint8Array): void {
    frame.copyWithin(0, 6, 12);
    frame.set(this.#mac, 6);
  }
}

const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);

function changeType(frame: Uint8Array, at: number, field: number, type: number): void {
  const before = (frame[at] << 8) | frame[at + 1];
  frame[at] = type;
  const checksum = (frame[at + field] << 8) | frame[at + field + 1];
  const updated = updateChecksum(checksum, before, (type << 8) | frame[at + 1]);
  frame[at + field] = updated >>> 8;
  frame[at + field + 1] = updated;
}

function swap(frame: Uint8Array, a: number, b: number, length: number): void {
  for (let i = 0; i < length; i++) {
    const byte = frame[a + i];
    frame[a + i] = frame[b + i];
    frame[b + i] = byte;
  }
}
