import { sameBytes, writeU16 } from '../../wire/bytes.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { fillIcmpv6Checksum, icmpv6Type } from '../../wire/icmpv6.ts';
import { isUnspecifiedIp } from '../../wire/ip.ts';
import {
  emitIpv6,
  IPV6_DESTINATION,
  IPV6_HEADER_LENGTH,
  IPV6_PAYLOAD_LENGTH,
  IPV6_SOURCE,
} from '../../wire/ipv6.ts';
import { ipv6MulticastMac, isGroupMac, solicitedNodeAddress } from '../../wire/mac.ts';
import {
  emitNeighborAdvertisement,
  emitNeighborSolicitation,
  emitRouterSolicitation,
  findNdOption,
  isValidNd,
  ND_LINK_LAYER_ADDRESS,
  ND_TARGET,
  NdNeighborFlag,
  NdOption,
  NdType,
  ndNeighborFlags,
} from '../../wire/nd.ts';
import { IpProtocol } from '../../wire/protocol.ts';
import type { FrameRecord } from '../../wire/record.ts';
import type { Addresses } from '../ip/addresses.ts';
import type { ConflictListener, NeighborLink } from './arp.ts';
import type { NeighborCache } from './neighbor-cache.ts';

/** Longest message sent: a fixed part of 24 bytes and a link-layer address. */
const MESSAGE_MAX = 32;
/** Forwarded messages have a lower one: RFC 4861 §11.2. */
const HOP_LIMIT = 255;

const UNSPECIFIED = new Uint8Array(16);
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);

/**
 * Neighbor discovery for one station: answers for its addresses, resolves others, reports conflicts. RFC 4861 §7.2,
 * RFC 4862 §5.4 (duplicate address detection), RFC 4429 (optimistic addresses).
 */
export class Nd {
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

  /** Takes a received neighbor solicitation or advertisement. False if it is neither, or invalid. */
  input(u8: Uint8Array, record: FrameRecord): boolean {
    if (!isValidNd(u8, record)) return false;
    // An own message that a hub or a mirror has returned.
    if (sameBytes(this.#link.macBytes, 0, u8, record.start + 6, 6)) return true;
    switch (icmpv6Type(u8, record.l4)) {
      case NdType.NEIGHBOR_SOLICITATION:
        return this.#solicitation(u8, record);
      case NdType.NEIGHBOR_ADVERTISEMENT:
        return this.#advertisement(u8, record);
      default:
        return false;
    }
  }

  /**
   * Asks for the MAC address of `target`, from the own address `source`. Asks the station with `mac`, or all stations
   * if null.
   */
  solicit(target: Uint8Array, source: Uint8Array, mac: Uint8Array | null): void {
    const destination = mac === null ? solicitedNodeAddress(target) : target;
    const fields = { target, sourceMac: this.#link.macBytes };
    this.#send(source, destination, mac ?? ipv6MulticastMac(destination), (u8, at) =>
      emitNeighborSolicitation(u8, at, fields),
    );
  }

  /** Asks whether any station has an address, without an own address: RFC 4862 §5.4.2. */
  probe(target: Uint8Array): void {
    const group = solicitedNodeAddress(target);
    this.#send(UNSPECIFIED, group, ipv6MulticastMac(group), (u8, at) =>
      emitNeighborSolicitation(u8, at, { target }),
    );
  }

  /** Announces an own address: RFC 4861 §7.2.6. */
  announce(address: Uint8Array): void {
    this.#advertise(address, ALL_NODES, ipv6MulticastMac(ALL_NODES), false, true);
  }

  /** Asks routers to advertise themselves: RFC 4861 §6.3.7. The source is :: if `source` is null. */
  solicitRouters(source: Uint8Array | null): void {
    const fields = source === null ? {} : { sourceMac: this.#link.macBytes };
    this.#send(source ?? UNSPECIFIED, ALL_ROUTERS, ipv6MulticastMac(ALL_ROUTERS), (u8, at) =>
      emitRouterSolicitation(u8, at, fields),
    );
  }

  #solicitation(u8: Uint8Array, record: FrameRecord): boolean {
    const target = record.l4 + ND_TARGET;
    const own = this.#addresses.find(u8, target, 6);
    if (own === null) return false;
    if (isUnspecifiedIp(u8, record.ipSource, 6)) {
      // Another station checks whether the address is free.
      if (own.state === 'tentative' || own.state === 'optimistic')
        this.#conflict(u8, target, record.start + 6);
      else this.announce(own.address);
      return true;
    }
    if (!own.usable) return true;
    const option = findNdOption(u8, record, NdOption.SOURCE_LINK_LAYER);
    let mac = record.start + 6;
    if (option >= 0 && !isGroupMac(u8, option + ND_LINK_LAYER_ADDRESS)) {
      mac = option + ND_LINK_LAYER_ADDRESS;
      this.#cache.learn(u8, record.ipSource, 6, mac, { solicited: false, override: true, create: true });
    }
    if (this.#link.answers?.hasRoom() === false) return true;
    const source = u8.slice(record.ipSource, record.ipSource + 16);
    this.#advertise(own.address, source, u8.slice(mac, mac + 6), true, own.state !== 'optimistic');
    return true;
  }

  #advertisement(u8: Uint8Array, record: FrameRecord): boolean {
    const target = record.l4 + ND_TARGET;
    const option = findNdOption(u8, record, NdOption.TARGET_LINK_LAYER);
    if (this.#addresses.find(u8, target, 6) !== null) {
      this.#conflict(u8, target, record.start + 6);
      return true;
    }
    const mac = option < 0 ? -1 : option + ND_LINK_LAYER_ADDRESS;
    if (mac >= 0 && isGroupMac(u8, mac)) return false;
    const flags = ndNeighborFlags(u8, record.l4);
    this.#cache.learn(u8, target, 6, mac, {
      solicited: (flags & NdNeighborFlag.SOLICITED) !== 0,
      override: (flags & NdNeighborFlag.OVERRIDE) !== 0,
      create: false,
      noRouter: (flags & NdNeighborFlag.ROUTER) === 0,
    });
    return true;
  }

  #conflict(u8: Uint8Array, address: number, mac: number): void {
    this.#conflicts.conflict(u8, address, 6, u8.slice(mac, mac + 6));
  }

  #advertise(
    target: Uint8Array,
    destination: Uint8Array,
    mac: Uint8Array,
    solicited: boolean,
    override: boolean,
  ): void {
    const fields = { target, targetMac: this.#link.macBytes, solicited, override };
    const emit = (u8: Uint8Array, at: number) => emitNeighborAdvertisement(u8, at, fields);
    this.#send(target, destination, mac, emit, solicited);
  }

  #send(
    source: Uint8Array,
    destination: Uint8Array,
    mac: Uint8Array,
    emit: (u8: Uint8Array, at: number) => number,
    isAnswer = false,
  ): void {
    const u8 = new Uint8Array(IPV6_HEADER_LENGTH + MESSAGE_MAX);
    const fields = {
      source,
      destination,
      nextHeader: IpProtocol.ICMPV6,
      payloadLength: 0,
      hopLimit: HOP_LIMIT,
    };
    const message = emitIpv6(u8, 0, fields);
    const end = emit(u8, message);
    writeU16(u8, IPV6_PAYLOAD_LENGTH, end - message);
    fillIcmpv6Checksum(u8, message, end, IPV6_SOURCE, IPV6_DESTINATION);
    const link = isAnswer ? (this.#link.answers ?? this.#link) : this.#link;
    link.trySendPacketTo(u8.subarray(0, end), EtherType.IPV6, mac);
  }
}
