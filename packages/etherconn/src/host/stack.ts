import type { Clock } from '../clock.ts';
import { Claims, checkKey, udpKey } from '../conn/claims.ts';
import type { L4HashKey } from '../conn/l4-hash-key.ts';
import { ClosedError, InUseError } from '../errors.ts';
import { nextTick } from '../real-time.ts';
import type { FrameReceiver } from '../relay/frame-receiver.ts';
import type { Relay } from '../relay/relay.ts';
import { ipEquals, isIpv4Mapped } from '../wire/ip.ts';
import { IPV4_DESTINATION } from '../wire/ipv4.ts';
import { IPV6_DESTINATION } from '../wire/ipv6.ts';
import { IpProtocol } from '../wire/protocol.ts';
import type { FrameRecord } from '../wire/record.ts';
import { UdpTemplate } from '../wire/udp-template.ts';
import { LoopbackSender } from './egress/loopback.ts';
import { Output } from './egress/output.ts';
import { hostError } from './host-error.ts';
import type { HostEthernet } from './host-ethernet.ts';
import { HostCounters } from './host-stats.ts';
import { Icmp } from './icmp/icmp.ts';
import { Input } from './input.ts';
import { Addresses, AddressKind, type AddressState, OwnAddress } from './ip/addresses.ts';
import { PathMtus } from './ip/path-mtu.ts';
import { Redirects } from './ip/redirects.ts';
import { RouteChoice } from './ip/route-choice.ts';
import { Routes } from './ip/routes.ts';
import { sourceAddress } from './ip/source-address.ts';
import { HostGroups } from './multicast/host-groups.ts';
import { Arp, type ConflictListener } from './neighbor/arp.ts';
import { Nd } from './neighbor/nd.ts';
import { type Neighbor, NeighborCache, type NeighborOwner } from './neighbor/neighbor-cache.ts';
import type { HostUdpPort } from './udp/host-udp-port.ts';
import type { PortEntriesPlace } from './udp/port-entries.ts';
import { udpPacket } from './udp/udp-packet.ts';
import { type OtherClaims, UdpPorts } from './udp/udp-ports.ts';

/** What a stack tells the host above it. */
export interface StackListener {
  /** Somebody else has an address of ours; `lost` when it is not ours any more. */
  conflict(own: OwnAddress, otherMac: Uint8Array, lost: boolean): void;
  /** The Ethernet side has been closed, or its relay. */
  stackClosed(error: Error): void;
}

/** Takes router advertisements. */
export interface RouterListener {
  /** A valid one (RFC 4861 §6.1.2); `u8` is good only during the call. */
  routerAdvertisement(u8: Uint8Array, record: FrameRecord): void;
  /** A station says that it is no router. */
  isNoRouter(address: Uint8Array): void;
  hostClosed(error: Error): void;
}

/** What {@link Stack.sendUdp} is told. */
export interface RawUdpHeaders {
  /** 4 bytes. */
  readonly source: Uint8Array;
  readonly sourcePort: number;
  /** 4 bytes. */
  readonly destination: Uint8Array;
  readonly destinationPort: number;
  /** 6 bytes. */
  readonly mac: Uint8Array;
}

/** RFC 5227 §1.1, DEFEND_INTERVAL. */
const DEFEND_INTERVAL = 10_000;
/** RFC 5227 §1.1. */
const ANNOUNCE_INTERVAL = 2000;

/** The machinery of a host, where all its parts meet. */
export class Stack implements NeighborOwner, ConflictListener, OtherClaims, PortEntriesPlace {
  readonly relay: Relay;
  readonly clock: Clock;
  readonly ethernet: HostEthernet;
  readonly interfaceName: string;
  readonly counters: HostCounters = new HostCounters();
  readonly addresses: Addresses = new Addresses();
  readonly routes: Routes = new Routes();
  readonly neighbors: NeighborCache;
  readonly routeChoice: RouteChoice;
  readonly arp: Arp;
  readonly nd: Nd;
  readonly udp: UdpPorts;
  readonly output: Output;
  readonly icmp: Icmp;
  readonly groups: HostGroups;
  readonly input: Input;
  /** Longest IP packet that is sent in one frame: what the host was given, or less where a network says so. */
  mtu: number;
  /** Counts up when ways to destinations have to be looked for anew. */
  epoch = 0;
  routerListener: RouterListener | null = null;
  /** UDP datagrams for this port are taken whatever unicast address they are for: a DHCP client's, or -1. */
  unconfiguredPort = -1;
  closed: Error | null = null;
  /** Conns that share the host; made when the first does. */
  claims: Claims | null = null;
  readonly #listener: StackListener;
  #loopback: LoopbackSender | null = null;
  /** What the host was given, and what DHCP and routers say; each may come and go before the other. */
  #ownMtu: number;
  #mtuLimits: Map<object, number> | null = null;
  #pathMtus: PathMtus | null = null;
  #redirects: Redirects | null = null;
  #closing: Promise<void> | null = null;
  /** Ports with an error that their users have not been told. */
  #failed: HostUdpPort[] = [];

  constructor(
    ethernet: HostEthernet,
    interfaceName: string,
    mtu: number,
    neighborsMax: number,
    listener: StackListener,
  ) {
    this.ethernet = ethernet;
    this.relay = ethernet.relay;
    this.clock = ethernet.relay.clock;
    this.interfaceName = interfaceName;
    this.mtu = mtu;
    this.#ownMtu = mtu;
    this.#listener = listener;
    this.neighbors = new NeighborCache(this.clock, this, neighborsMax);
    this.routeChoice = new RouteChoice(this.routes, this.neighbors, this.clock, () => {
      this.epoch++;
    });
    this.output = new Output(this);
    this.arp = new Arp(this.output, this.addresses, this.neighbors, this);
    this.nd = new Nd(this.output, this.addresses, this.neighbors, this);
    this.udp = new UdpPorts(this);
    this.icmp = new Icmp(this);
    this.groups = new HostGroups(this);
    this.input = new Input(this);
    ethernet.user = this.input;
  }

  /** The way to the host itself. */
  get loopback(): LoopbackSender {
    this.#loopback ??= new LoopbackSender(this.relay, this.input);
    return this.#loopback;
  }

  // --- Neighbours --------------------------------------------------------------------------------------

  solicit(neighbor: Neighbor, mac: Uint8Array | null): boolean {
    // Not from one that may be somebody else's: RFC 4429 §3.3. The question then waits until that is known.
    const own = this.addresses.list.filter(({ state }) => state !== 'optimistic');
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
    const mtu = this.pathMtu(destination);
    this.output.sendOrWait(() => this.output.sendTo(packet, mac, mtu) === 1);
  }

  reachabilityChanged(address: Uint8Array): void {
    if (this.neighbors.failedAt(address) !== undefined) this.#redirects?.forget(address);
    if (this.routes.hasGateway(address)) this.epoch++;
  }

  isNoRouter(address: Uint8Array): void {
    this.routerListener?.isNoRouter(address);
  }

  conflict(u8: Uint8Array, address: number, version: 4 | 6, otherMac: Uint8Array): void {
    this.counters.conflicts++;
    const own = this.addresses.find(u8, address, version);
    if (own === null) return;
    if (own.probe !== null) {
      own.probe.found(otherMac);
      return;
    }
    const now = this.clock.now();
    // RFC 5227 §2.4 (b): once in ten seconds; two who both insist would never come to rest.
    if (now - own.defended >= DEFEND_INTERVAL) {
      own.defended = now;
      this.announce(own);
    }
    this.#listener.conflict(own, otherMac, false);
  }

  /** Says to all that an address has come into use. Of IPv4, twice: RFC 5227 §2.3. */
  announceNew(own: OwnAddress): void {
    this.announce(own);
    if (own.version === 6) return;
    const again = () => {
      if (this.closed === null && this.addresses.list.includes(own)) this.announce(own);
    };
    this.clock.setTimer(again, ANNOUNCE_INTERVAL, true);
  }

  /** Says to all that an address is ours. */
  announce(own: OwnAddress): void {
    if (own.version === 4) this.arp.announce(own.address);
    else this.nd.announce(own.address);
  }

  // --- Addresses, routes, path MTUs --------------------------------------------------------------------

  /** Adds an address, and the route to its network unless `onLink` is false. */
  addAddress(address: Uint8Array, length: number, state: AddressState, onLink = true): OwnAddress {
    const own = new OwnAddress(address, length, state);
    if (onLink && length < 8 * address.length) {
      own.route = { prefix: own, gateway: null, metric: 0 };
      this.routes.add(own.route);
    }
    this.addresses.add(own);
    this.groups.addressAdded(own);
    this.udp.hostChanged();
    this.epoch++;
    return own;
  }

  removeAddress(own: OwnAddress): void {
    own.probe?.cancel(hostError('EADDRNOTAVAIL', 'addAddress', 'removed before it was in use'));
    if (own.route !== null) this.routes.remove(own.route);
    this.addresses.remove(own);
    this.groups.addressRemoved(own);
    this.udp.hostChanged();
    this.epoch++;
  }

  setAddressState(own: OwnAddress, state: AddressState): void {
    const wasOptimistic = own.state === 'optimistic';
    own.state = state;
    this.addresses.changed();
    this.udp.hostChanged();
    if (wasOptimistic) this.neighbors.askAgain();
    this.epoch++;
  }

  /** An address turned out to be somebody else's. */
  loseAddress(own: OwnAddress, otherMac: Uint8Array): void {
    this.removeAddress(own);
    this.#listener.conflict(own, otherMac, true);
  }

  /** Changes what the host was given. */
  setMtu(mtu: number): void {
    this.#ownMtu = mtu;
    this.#chooseMtu();
  }

  /** What `who` has heard of the network's MTU; null takes it back. */
  limitMtu(who: object, mtu: number | null): void {
    if (mtu === null) this.#mtuLimits?.delete(who);
    else {
      this.#mtuLimits ??= new Map();
      this.#mtuLimits.set(who, mtu);
    }
    this.#chooseMtu();
  }

  /** The MTU of the path to an address (4 or 16 bytes). */
  pathMtu(address: Uint8Array): number {
    return this.#pathMtus === null ? this.mtu : this.#pathMtus.get(address, this.mtu);
  }

  #chooseMtu(): void {
    this.mtu = this.#ownMtu;
    for (const mtu of this.#mtuLimits?.values() ?? []) this.mtu = Math.min(this.mtu, mtu);
    this.epoch++;
  }

  narrowPath(u8: Uint8Array, offset: number, version: number, mtu: number): void {
    if (mtu >= this.mtu) return;
    this.#pathMtus ??= new PathMtus(this.clock, () => {
      this.epoch++;
    });
    this.#pathMtus.narrow(u8, offset, version, mtu);
  }

  /** The router that another one has named for a destination (4 or 16 bytes). */
  redirected(destination: Uint8Array): Uint8Array | undefined {
    return this.#redirects?.get(destination);
  }

  /**
   * A router says that another is nearer to a destination. It counts if it comes from the one that is used now, and names
   * a station on the link that is none of ours.
   */
  redirect(destination: Uint8Array, by: Uint8Array, to: Uint8Array): boolean {
    const path = this.output.findPath(destination);
    const current = typeof path === 'string' ? null : path.nextHop;
    if (current === null || !ipEquals(current, by) || ipEquals(current, destination)) return false;
    const version = to.length === 4 ? 4 : 6;
    if (this.addresses.kindOf(to, 0, version) !== AddressKind.OTHER) return false;
    const way = this.routes.find(to);
    if (way === null || way.gateway !== null) return false;
    this.#redirects ??= new Redirects(this.clock, () => {
      this.epoch++;
    });
    this.#redirects.set(destination, to);
    return true;
  }

  // --- Ports, claims ----------------------------------------------------------------------------------

  /** Tells the port's user of its error, after what is under way, unless a send takes it before. */
  noteFailure(port: HostUdpPort): void {
    if (this.#failed.length === 0) nextTick(tellFailures, this);
    this.#failed.push(port);
  }

  tellFailures(): void {
    const failed = this.#failed;
    this.#failed = [];
    for (const port of failed) {
      const failure = port.takeFailure();
      if (failure !== null && !port.closed) port.user.failed(failure);
    }
  }

  /** From 0 to below 1: what delays are made of. */
  random(): number {
    return Math.random();
  }

  claim(key: L4HashKey, receiver: FrameReceiver): void {
    checkKey(key);
    this.checkOpen('register');
    this.claims ??= new Claims();
    const isV4 = isIpv4Mapped(key.bytes);
    if (key.protocol === IpProtocol.UDP && this.udp.isBound(key.bytes.slice(isV4 ? 12 : 0, 16), key.port)) {
      throw new InUseError(key.toString());
    }
    this.claims.claim(key, receiver);
    if (this.claims.size === 1) this.udp.hostChanged();
  }

  get isShared(): boolean {
    return this.claims !== null && this.claims.size > 0;
  }

  release(key: L4HashKey, receiver: FrameReceiver | undefined): void {
    checkKey(key);
    const wasShared = this.isShared;
    this.claims?.release(key, receiver);
    if (wasShared && !this.isShared) this.udp.hostChanged();
  }

  isClaimed(address: Uint8Array, port: number): boolean {
    return this.claims?.has(udpKey(address, port)) === true;
  }

  /**
   * Sends a UDP datagram over IPv4 whose source and MAC address the caller says, as a DHCP client must. 0 when there is
   * no room now.
   */
  sendUdp(headers: RawUdpHeaders, payload: Uint8Array): 0 | 1 {
    const template = new UdpTemplate({
      ...headers,
      destinationMac: headers.mac,
      sourceMac: this.ethernet.macBytes,
      vlans: this.ethernet.vlans,
      ttl: 64,
    });
    const id = this.output.nextIdentification();
    const packet = udpPacket(template, payload, 0, payload.length, id, true);
    return this.output.sendTo(packet, headers.mac, this.mtu);
  }

  // --- Life --------------------------------------------------------------------------------------------

  checkOpen(operation: string): void {
    if (this.closed !== null) throw this.closed;
    this.relay.checkOpen(operation);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const error = new ClosedError('host');
    if (this.closed === null) {
      // While messages can still be sent, so that the neighbours learn which groups have been left.
      this.udp.closeAll(error);
      this.groups.close(true);
      this.#end(error);
      const drained = this.neighbors.drain();
      if (drained !== null) await drained;
    }
    await this.ethernet.close();
  }

  ethernetClosed(error: Error): void {
    this.#end(error);
    for (const own of this.addresses.list) own.probe?.cancel(error);
    this.neighbors.clear();
    this.routeChoice.close();
    this.#pathMtus?.close();
    this.#redirects?.close();
    this.groups.close(false);
    this.#listener.stackClosed(this.closed!);
  }

  /** All who use the host are told; what they have sent may still wait for a neighbour. */
  #end(error: Error): void {
    if (this.closed !== null) return;
    this.closed = error;
    this.udp.closeAll(error);
    this.icmp.close(error);
    this.claims?.close(error);
    // Neighbours answer an optimistic address only when it is no such any more.
    for (const own of this.addresses.list) if (!own.usable) own.probe?.cancel(error);
    this.routerListener?.hostClosed(error);
  }
}

function tellFailures(stack: Stack): void {
  stack.tellFailures();
}
