import { allocateFrameMemory } from '../../link/frame-memory.ts';
import type { FrameMemory } from '../../link/link.ts';
import type { FrameSender } from '../../relay/transmit.ts';
import { emitEthernet } from '../../wire/ethernet.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { BROADCAST, ipv4MulticastMac, ipv6MulticastMac, macHigh, macLow } from '../../wire/mac.ts';
import { type HostCall, type HostErrorCode, hostError } from '../host-error.ts';
import { AddressKind, isLinkLocal, LOOPBACK6 } from '../ip/addresses.ts';
import { FragmentResult, sendFragments } from '../ip/fragment.ts';
import { localSource, sourceAddress } from '../ip/source-address.ts';
import type { AnswerLink, NeighborLink } from '../neighbor/arp.ts';
import type { PacketSender } from '../neighbor/neighbor-cache.ts';
import type { Stack } from '../stack.ts';
import { SendLine } from './send-line.ts';

/** The way to a destination. */
export interface Path {
  /** {@link AddressKind}: OWN for all that stays on the host, MULTICAST, BROADCAST, or OTHER. */
  readonly kind: number;
  /** 4 or 16 bytes. "Any" has become the loopback address. */
  readonly destination: Uint8Array;
  /** Own address to send from, unless a port has one. */
  readonly source: Uint8Array;
  /** Station that takes it; null for groups, broadcasts and what stays here. */
  readonly nextHop: Uint8Array | null;
  /** Where a group or broadcast goes. */
  readonly mac: Uint8Array | null;
  /** Longest IP packet. */
  readonly mtu: number;
}

const ANY4 = new Uint8Array(4);
const LOOPBACK4 = Uint8Array.of(127, 0, 0, 1);

/** Longest IP packets: what their length fields can say. */
const MTU4_LOCAL = 0xffff;
const MTU6_LOCAL = 0xffff + 40;

/** Where a packet stands as a frame before it is cut or copied to a slot. One for all hosts: it is used at once. */
let scratch: FrameMemory | null = null;

/** The sending side of a host: which way a packet goes, and whole IP packets on that way. */
export class Output implements NeighborLink {
  readonly #stack: Stack;
  #identification: number;
  #identification6 = 0;
  #line: SendLine | null = null;

  constructor(stack: Stack) {
    this.#stack = stack;
    // Begins anywhere, so that hosts that start together do not use the same ones (RFC 6864 §4).
    this.#identification = (Math.random() * 0x10000) | 0;
    this.#identification6 = (Math.random() * 2 ** 32) >>> 0;
  }

  /** The next IPv4 identification. */
  nextIdentification(): number {
    const identification = this.#identification;
    this.skipIdentifications(1);
    return identification;
  }

  /** That of the next packet. */
  get identification(): number {
    return this.#identification;
  }

  /** The next ones have been used. */
  skipIdentifications(count: number): void {
    this.#identification = (this.#identification + count) & 0xffff;
  }

  /** The way to a destination (4 or 16 bytes). Throws a SystemError when there is none. */
  path(destination: Uint8Array, call: HostCall): Path {
    const path = this.findPath(destination);
    if (typeof path !== 'string') return path;
    const why = path === 'ENETUNREACH' ? 'no route to this address' : 'no address of ours suits this one';
    throw hostError(path, call, why);
  }

  /** As {@link path}; the error's code when there is no way. */
  findPath(destination: Uint8Array): Path | HostErrorCode {
    const { addresses, mtu } = this.#stack;
    const version = destination.length === 4 ? 4 : 6;
    const kind = addresses.kindOf(destination, 0, version);
    if (kind === AddressKind.OWN) return localPath(destination, localSource(addresses.list, destination));
    if (kind === AddressKind.LOOPBACK || kind === AddressKind.UNSPECIFIED) {
      const loopback = version === 4 ? LOOPBACK4 : LOOPBACK6;
      return localPath(kind === AddressKind.LOOPBACK ? destination : loopback, loopback);
    }
    if (kind === AddressKind.OTHER) return this.#unicast(destination);
    const source =
      sourceAddress(addresses.list, destination, destination)?.address ?? (version === 4 ? ANY4 : null);
    if (source === null) return 'EADDRNOTAVAIL';
    let mac = BROADCAST;
    if (kind === AddressKind.MULTICAST) {
      mac = version === 4 ? ipv4MulticastMac(destination) : ipv6MulticastMac(destination);
    }
    return { kind, destination, source, nextHop: null, mac, mtu };
  }

  /**
   * Sends a whole IP packet, in memory that is from now on ours. 1 when it is on its way or waits for its next hop,
   * 0 when there is no room now.
   */
  send(packet: Uint8Array, path: Path, sender: PacketSender | null): 0 | 1 {
    if (path.kind === AddressKind.OWN) return this.#sendLocally(packet, path.mac);
    if (path.mac !== null) return this.sendTo(packet, path.mac, path.mtu);
    const { neighbors } = this.#stack;
    const neighbor = neighbors.want(path.nextHop!);
    if (neighbors.use(neighbor)) return this.sendTo(packet, neighbor.mac!, path.mtu);
    neighbors.enqueue(neighbor, packet, sender);
    return 1;
  }

  /** Sends a whole IP packet to a MAC address, in fragments where it is longer than `mtu`. 0 when there is no room. */
  sendTo(packet: Uint8Array, mac: Uint8Array, mtu: number): 0 | 1 {
    const { counters } = this.#stack;
    const sender = this.#senderFor(packet, mac);
    const sent = this.#frame(packet, mac, mtu, sender);
    if (sent === FragmentResult.NO_ROOM) {
      counters.noRoom++;
      return 0;
    }
    if (sent < 0) {
      counters.tooLong++;
      return 1;
    }
    counters.sent++;
    if (sent > 1) counters.sentFragments += sent;
    return 1;
  }

  /** A copy of a group packet for members on this host. */
  copyLocally(packet: Uint8Array, mac: Uint8Array): void {
    if (this.#sendLocally(packet, mac) === 0) this.#stack.counters.localDropped++;
  }

  /** Own MAC address. */
  get macBytes(): Uint8Array {
    return this.#stack.ethernet.macBytes;
  }

  /**
   * Sends an ARP or neighbour discovery message, in memory that is from now on ours. It waits for room: when many hosts
   * ask, or are asked, at once, those whose message was lost would fall silent for a second.
   */
  trySendPacketTo(packet: Uint8Array, etherType: number, destMac: Uint8Array): number {
    const { ethernet } = this.#stack;
    this.sendOrWait(() => ethernet.trySendPacketTo(packet, etherType, destMac) === 1);
    return 1;
  }

  /** The way of answers to neighbours' questions. */
  readonly answers: AnswerLink = {
    hasRoom: () => {
      const hasRoom = !this.#sendLine.answersFull;
      if (!hasRoom) this.#stack.counters.noRoomDropped++;
      return hasRoom;
    },
    trySendPacketTo: (packet, etherType, destMac) => {
      const { counters, ethernet } = this.#stack;
      const attempt = () => ethernet.trySendPacketTo(packet, etherType, destMac) === 1;
      this.#sendLine.answer(attempt, () => counters.noRoomDropped++);
      return 1;
    },
  };

  /** Sends a packet by `attempt` (true: sent) now, or as soon as there is room; dropped when too many wait already. */
  sendOrWait(attempt: () => boolean): void {
    this.#sendLine.send(attempt, () => this.#stack.counters.noRoomDropped++);
  }

  get #sendLine(): SendLine {
    this.#line ??= SendLine.of(this.#stack.relay);
    return this.#line;
  }

  #unicast(destination: Uint8Array): Path | HostErrorCode {
    const { addresses, routeChoice } = this.#stack;
    const isOnLink = destination.length === 16 && isLinkLocal(destination);
    const route = isOnLink ? null : routeChoice.find(destination);
    if (route === null && !isOnLink) return 'ENETUNREACH';
    const gateway = route?.gateway ?? null;
    const nextHop = gateway === null ? destination : (this.#stack.redirected(destination) ?? gateway);
    const source = sourceAddress(addresses.list, destination, nextHop)?.address;
    if (source === undefined) return destination.length === 4 ? 'ENETUNREACH' : 'EADDRNOTAVAIL';
    const kind = AddressKind.OTHER;
    return { kind, destination, source, nextHop, mac: null, mtu: this.#stack.pathMtu(destination) };
  }

  /** `mac`: that of a group whose members on the link's interface are meant. */
  #sendLocally(packet: Uint8Array, mac: Uint8Array | null): 0 | 1 {
    const { counters, loopback, ethernet } = this.#stack;
    const sent = this.#frame(packet, mac ?? ethernet.macBytes, MTU6_LOCAL, loopback);
    if (sent === FragmentResult.NO_ROOM) {
      counters.noRoom++;
      return 0;
    }
    counters.sentLocally++;
    return 1;
  }

  #senderFor(packet: Uint8Array, mac: Uint8Array): FrameSender {
    const { relay, ethernet } = this.#stack;
    return relay.senderFor(macHigh(mac), macLow(mac), ethernet.vlanKey, etherTypeOf(packet), true);
  }

  #frame(packet: Uint8Array, mac: Uint8Array, mtu: number, sender: FrameSender): number {
    const { ethernet } = this.#stack;
    scratch ??= allocateFrameMemory(MTU6_LOCAL + 37);
    const l3 = emitEthernet(scratch.u8, 2, {
      destination: mac,
      source: ethernet.macBytes,
      vlans: ethernet.vlans,
      etherType: etherTypeOf(packet),
    });
    scratch.u8.set(packet, l3);
    const isV4 = packet[0] >> 4 === 4;
    if (packet.length <= mtu) return sendFragments(sender, scratch, 2, l3, l3 + packet.length, mtu, 0);
    if (!isV4) this.#identification6 = (this.#identification6 + 1) >>> 0;
    const identification = isV4 ? this.nextIdentification() : this.#identification6;
    return sendFragments(sender, scratch, 2, l3, l3 + packet.length, mtu, identification);
  }
}

function localPath(destination: Uint8Array, source: Uint8Array): Path {
  const mtu = destination.length === 4 ? MTU4_LOCAL : MTU6_LOCAL;
  return { kind: AddressKind.OWN, destination, source, nextHop: null, mac: null, mtu };
}

function etherTypeOf(packet: Uint8Array): number {
  return packet[0] >> 4 === 4 ? EtherType.IPV4 : EtherType.IPV6;
}
