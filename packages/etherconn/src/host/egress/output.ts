import { allocateFrameMemory } from '../../link/frame-memory.ts';
import type { FrameMemory } from '../../link/link.ts';
import type { FrameSender } from '../../relay/transmit.ts';
import { emitEthernet } from '../../wire/ethernet.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { IPV4_DESTINATION } from '../../wire/ipv4.ts';
import { IPV6_DESTINATION } from '../../wire/ipv6.ts';
import { macHigh, macLow } from '../../wire/mac.ts';
import { type HostCall, type HostErrorCode, hostError } from '../host-error.ts';
import { AddressKind } from '../ip/addresses.ts';
import { FragmentResult, sendFragments } from '../ip/fragment.ts';
import { MTU6_LOCAL, type Path } from '../ip/path.ts';
import { RouteChoice } from '../ip/route-choice.ts';
import { sourceAddress } from '../ip/source-address.ts';
import { type AnswerLink, Arp, type ConflictListener, type NeighborLink } from '../neighbor/arp.ts';
import { Nd } from '../neighbor/nd.ts';
import type { Neighbor, PacketSender } from '../neighbor/neighbor.ts';
import { NeighborCache, type NeighborOwner } from '../neighbor/neighbor-cache.ts';
import type { HostState } from '../state.ts';
import { findPath } from './find-path.ts';
import { LoopbackSender } from './loopback.ts';
import { SendLine } from './send-line.ts';

/**
 * Holds a packet as a frame before it is cut or copied into a slot. Shared by all hosts, because it is used at once.
 */
let scratch: FrameMemory | null = null;

/** The sending side of a host: it finds paths and sends whole IP packets. */
export class Output implements NeighborLink, NeighborOwner {
  readonly neighbors: NeighborCache;
  readonly #state: HostState;
  readonly #conflicts: ConflictListener;
  // Made when they are first asked for, so that an idle host costs little.
  #routeChoice: RouteChoice | null = null;
  #arp: Arp | null = null;
  #nd: Nd | null = null;
  #loopback: LoopbackSender | null = null;
  #identification: number;
  #identification6 = 0;
  #line: SendLine | null = null;
  /** Created with the first question. */
  #answers: AnswerLink | null = null;

  constructor(state: HostState, neighborsMax: number, conflicts: ConflictListener) {
    this.#state = state;
    this.#conflicts = conflicts;
    this.neighbors = new NeighborCache(state.clock, this, neighborsMax);
    // Starts at random, so hosts that start together use different ones (RFC 6864 §4).
    this.#identification = (Math.random() * 0x10000) | 0;
    this.#identification6 = (Math.random() * 2 ** 32) >>> 0;
  }

  get arp(): Arp {
    this.#arp ??= new Arp(this, this.#state.addresses, this.neighbors, this.#conflicts);
    return this.#arp;
  }

  get nd(): Nd {
    this.#nd ??= new Nd(this, this.#state.addresses, this.neighbors, this.#conflicts);
    return this.#nd;
  }

  get routeChoice(): RouteChoice {
    const { routes, clock } = this.#state;
    this.#routeChoice ??= new RouteChoice(routes, this.neighbors, clock, this.#state);
    return this.#routeChoice;
  }

  /** The path from the host to itself. */
  get loopback(): LoopbackSender {
    this.#loopback ??= new LoopbackSender(this.#state.relay, this.#state.ethernet.receiver!);
    return this.#loopback;
  }

  /** Returns the identification of the next IPv4 packet and counts it as used. */
  nextIdentification(): number {
    const identification = this.#identification;
    this.skipIdentifications(1);
    return identification;
  }

  /** The identification of the next IPv4 packet. */
  get identification(): number {
    return this.#identification;
  }

  /** Counts the next identifications as used. */
  skipIdentifications(count: number): void {
    this.#identification = (this.#identification + count) & 0xffff;
  }

  /** Returns the path to a destination (4 or 16 bytes). Throws a SystemError if there is none. */
  path(destination: Uint8Array, call: HostCall): Path {
    const path = this.findPath(destination);
    if (typeof path !== 'string') return path;
    const why = path === 'ENETUNREACH' ? 'no route to this address' : 'no address of ours suits this one';
    throw hostError(path, call, why);
  }

  /** As {@link path}, but returns the error's code if there is no path. */
  findPath(destination: Uint8Array): Path | HostErrorCode {
    return findPath(this.#state, this.routeChoice, destination);
  }

  /**
   * Sends a whole IP packet; its memory belongs to the host from now on. Returns 1 if the packet is sent or waits for
   * its next hop, 0 if there is no room now.
   */
  send(packet: Uint8Array, path: Path, sender: PacketSender | null): 0 | 1 {
    if (path.kind === AddressKind.OWN) return this.#sendLocally(packet, path.mac);
    if (path.mac !== null) return this.sendTo(packet, path.mac, path.mtu);
    const { neighbors } = this;
    const neighbor = neighbors.want(path.nextHop!);
    if (neighbors.use(neighbor)) return this.sendTo(packet, neighbor.mac!, path.mtu);
    neighbors.enqueue(neighbor, packet, sender);
    return 1;
  }

  /**
   * Sends a whole IP packet to a MAC address, in fragments if it is longer than `mtu`. Returns 0 if there is no room.
   */
  sendTo(packet: Uint8Array, mac: Uint8Array, mtu: number): 0 | 1 {
    const { counters } = this.#state;
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

  /** Delivers a copy of a group packet to members on this host. */
  copyLocally(packet: Uint8Array, mac: Uint8Array): void {
    if (this.#sendLocally(packet, mac) === 0) this.#state.counters.localDropped++;
  }

  /** Own MAC address. */
  get macBytes(): Uint8Array {
    return this.#state.ethernet.macBytes;
  }

  /**
   * Sends an ARP or neighbor discovery message; its memory belongs to the host from now on. It waits for room: when
   * many hosts ask or are asked at once, those whose message was dropped would be silent for a second.
   */
  trySendPacketTo(packet: Uint8Array, etherType: number, destMac: Uint8Array): number {
    const { ethernet } = this.#state;
    this.sendOrWait(() => ethernet.trySendPacketTo(packet, etherType, destMac) === 1);
    return 1;
  }

  /** Sends answers to neighbors' questions, which have their own lane in the line for room. */
  get answers(): AnswerLink {
    this.#answers ??= new Answers(this.#state, this.#sendLine);
    return this.#answers;
  }

  /** Sends a packet by `attempt` (true: sent) now, or as soon as there is room. Drops it if too many wait already. */
  sendOrWait(attempt: () => boolean): void {
    this.#sendLine.send(attempt, () => this.#state.counters.noRoomDropped++);
  }

  /** Drops what waits for a next hop. */
  close(): void {
    this.neighbors.clear();
    this.#routeChoice?.close();
  }

  // --- What the neighbor cache asks for ------------------------------------------------------------------

  solicit(neighbor: Neighbor, mac: Uint8Array | null): boolean {
    // Do not ask from an address that may belong to another station (RFC 4429 §3.3). The question waits until that is
    // known.
    const own = this.#state.addresses.list.filter(({ state }) => state !== 'optimistic');
    const source = sourceAddress(own, neighbor.address, neighbor.address);
    if (source === null) return false;
    if (source.version === 4) this.arp.request(neighbor.address, source.address, mac);
    else this.nd.solicit(neighbor.address, source.address, mac);
    return true;
  }

  sendWaiting(neighbor: Neighbor, packet: Uint8Array): void {
    const mac = neighbor.mac!;
    const isV4 = packet[0] >> 4 === 4;
    const destination = isV4
      ? packet.subarray(IPV4_DESTINATION, IPV4_DESTINATION + 4)
      : packet.subarray(IPV6_DESTINATION, IPV6_DESTINATION + 16);
    const mtu = this.#state.pathMtu(destination);
    this.sendOrWait(() => this.sendTo(packet, mac, mtu) === 1);
  }

  reachabilityChanged(address: Uint8Array): void {
    const state = this.#state;
    if (this.neighbors.failedAt(address) !== undefined) state.forgetRedirects(address);
    if (state.routes.hasGateway(address)) state.epoch++;
  }

  isNoRouter(address: Uint8Array): void {
    this.#state.routerListener?.isNoRouter(address);
  }

  get #sendLine(): SendLine {
    this.#line ??= SendLine.of(this.#state.relay);
    return this.#line;
  }

  /** `mac`: MAC address of the group, if members on the link's interface are meant. */
  #sendLocally(packet: Uint8Array, mac: Uint8Array | null): 0 | 1 {
    const { counters, ethernet } = this.#state;
    const sent = this.#frame(packet, mac ?? ethernet.macBytes, MTU6_LOCAL, this.loopback);
    if (sent === FragmentResult.NO_ROOM) {
      counters.noRoom++;
      return 0;
    }
    counters.sentLocally++;
    return 1;
  }

  #senderFor(packet: Uint8Array, mac: Uint8Array): FrameSender {
    const { relay, ethernet } = this.#state;
    return relay.senderFor(macHigh(mac), macLow(mac), ethernet.vlanKey, etherTypeOf(packet), true);
  }

  #frame(packet: Uint8Array, mac: Uint8Array, mtu: number, sender: FrameSender): number {
    const { ethernet } = this.#state;
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

/** Sends answers to neighbors' questions, which have their own lane in the line for room. */
class Answers implements AnswerLink {
  readonly #state: HostState;
  readonly #line: SendLine;

  constructor(state: HostState, line: SendLine) {
    this.#state = state;
    this.#line = line;
  }

  hasRoom(): boolean {
    const hasRoom = !this.#line.answersFull;
    if (!hasRoom) this.#state.counters.noRoomDropped++;
    return hasRoom;
  }

  trySendPacketTo(packet: Uint8Array, etherType: number, destMac: Uint8Array): number {
    const { counters, ethernet } = this.#state;
    const attempt = () => ethernet.trySendPacketTo(packet, etherType, destMac) === 1;
    this.#line.answer(attempt, () => counters.noRoomDropped++);
    return 1;
  }
}

function etherTypeOf(packet: Uint8Array): number {
  return packet[0] >> 4 === 4 ? EtherType.IPV4 : EtherType.IPV6;
}
