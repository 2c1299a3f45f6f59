import { channel } from 'node:diagnostics_channel';
import type { Clock } from '../clock.ts';
import type { Carrier } from '../conn/carrier.ts';
import { ClaimedEndpoint } from '../conn/claims.ts';
import type { L4HashKey } from '../conn/l4-hash-key.ts';
import type { L4Registration, SharedEthernetConn } from '../conn/shared-ethernet.ts';
import { toIpBytes } from '../conn/udp-address.ts';
import { OptionError } from '../errors.ts';
import { LazyEmitter } from '../lazy-emitter.ts';
import {
  checkInteger,
  checkKnown,
  checkObject,
  checkOneOf,
  requireArray,
  requireMethods,
  show,
} from '../options.ts';
import type { CallOptions, DeadlineTime } from '../pending.ts';
import { nextTick } from '../real-time.ts';
import type { FrameReceiver } from '../relay/frame-receiver.ts';
import type { L2EndpointKey, MacAddress } from '../relay/l2-endpoint.ts';
import type { PacketRelay } from '../relay/packet-relay.ts';
import {
  formatIp,
  formatPrefix,
  type IpPrefix,
  ipEquals,
  isLinkLocalIpv6,
  parseIp,
  parseIpWithZone,
} from '../wire/ip.ts';
import { formatMac, linkLocalAddress } from '../wire/mac.ts';
import type { Vlan } from '../wire/vlan.ts';
import {
  configureAddress,
  confirmAddress,
  type DetectDuplicates,
  probeAddress,
} from './config/address-config.ts';
import { PROBE_INTERVAL } from './config/address-probe.ts';
import type { DhcpOptions } from './dhcp/dhcp-options.ts';
import { type BoundDhcpClient, startDhcp } from './dhcp/host-dhcp-link.ts';
import { orderDestinations } from './egress/destination-order.ts';
import { keepAlive } from './egress/keep-alive.ts';
import { HostEthernet } from './host-ethernet.ts';
import {
  type CheckedHostOptions,
  checkGateway,
  checkHostOptions,
  defaultRoute,
  type HostOptions,
  type HostRoute,
  parseRoute,
} from './host-options.ts';
import type { HostStats } from './host-stats.ts';
import { EchoPort, type EchoPortOptions, type EchoUser } from './icmp/echo.ts';
import type { PingOptions, PingResult } from './icmp/pings.ts';
import { AddressKind, type HostAddress, type OwnAddress } from './ip/addresses.ts';
import { parseGateway, parseHostAddress } from './ip/host-address.ts';
import { unwatchLink, watchLink } from './link-watch.ts';
import { claim, release } from './sharing.ts';
import { startSlaac } from './slaac/host-slaac-link.ts';
import type { Slaac } from './slaac/slaac.ts';
import type { SlaacOptions } from './slaac/slaac-options.ts';
import { Stack } from './stack.ts';
import { HostUdpPort } from './udp/host-udp-port.ts';
import type { UdpHost, UdpPort, UdpPortOptions, UdpPortUser } from './udp/udp-port.ts';

/** Another machine uses an address of a host. */
export interface AddressConflict {
  /** Canonical text. */
  readonly address: string;
  /** MAC address of the other machine, as text. */
  readonly mac: string;
  /** Whether the host has given the address up, because it was still probing for it. */
  readonly lost: boolean;
}

/** Events of a host. */
export interface HostEvents {
  /** Another machine uses an address of the host. */
  conflict: [AddressConflict];
  /**
   * Another owner has registered the MAC address and VLANs of the host for an EtherType, and now receives its
   * frames.
   */
  replaced: [L2EndpointKey];
  /** The host, or its relay, has been closed. */
  close: [];
}

/** Options of {@link Host.addAddress}. */
export interface AddAddressOptions {
  /** See {@link HostOptions}. Default that of the host. */
  detectDuplicates?: DetectDuplicates;
}

/** Options of {@link Host.probeAddress}. */
export interface ProbeOptions {
  /** Number of probes, 1 to 10. Default 3 for IPv4, 1 for IPv6. */
  count?: number;
  /** Milliseconds after each probe, 1 to 60,000. Default 1000. */
  interval?: number;
}

/** A class of hosts. The same functions create its subclasses. */
export type HostClass<T extends Host> = new (relay: PacketRelay, options?: HostOptions) => T;

const opened = channel('etherconn:host:open');
const closedChannel = channel('etherconn:host:close');
const conflictChannel = channel('etherconn:host:conflict');

/**
 * A complete machine on a relay. It has addresses, answers ARP, neighbor discovery and ping, finds its way by
 * routes and next hops, fragments and reassembles, and has UDP ports for sockets. Nothing of it exists in the
 * operating system. Many hosts can share one relay.
 *
 * ```ts
 * await using host = await Host.create(relay, { mac: '02:00:00:00:00:05', addresses: ['10.0.0.5/24'] });
 * console.log(await host.ping('10.0.0.1'));
 * ```
 *
 * Emits 'conflict' ({@link AddressConflict}), 'replaced' (an L2EndpointKey) and 'close'. Whether the process stays alive is the relay's business
 * (`relay.unref()`) and that of referenced sockets; those on a memory network are unreferenced from the start.
 */
export class Host extends LazyEmitter<HostEvents> implements UdpHost, SharedEthernetConn {
  /** @internal */
  readonly stack: Stack;
  readonly #detectDuplicates: DetectDuplicates;
  /** Addresses of 'wait' that are not in use yet. */
  #settling: Promise<void>[] | null = null;
  #sockets = 0;
  /**
   * @internal Whether sockets keep the process alive unless they are told otherwise: where frames can come from outside of
   * this process. On a memory network nothing can happen any more once nothing else is left to run.
   */
  socketsHold: boolean;

  /** See {@link Host.createNow}. */
  constructor(relay: PacketRelay, options: HostOptions = {}) {
    super();
    const checked = checkHostOptions(options);
    const { vlans, exclusive } = options;
    const ethernet = new HostEthernet(checked.mac, relay, {
      ...(vlans === undefined ? {} : { vlans }),
      ...(exclusive === undefined ? {} : { exclusive }),
    });
    const mtu = checked.mtu ?? ethernet.mtu;
    if (mtu > ethernet.mtu) {
      void ethernet.close();
      throw new OptionError('mtu', `must be at most ${ethernet.mtu} on this relay, got ${mtu}`);
    }
    this.#detectDuplicates = checked.detectDuplicates;
    this.stack = new Stack(ethernet, checked.interfaceName, mtu, checked.neighbors, this);
    for (const route of checked.routes) this.stack.state.routes.add(route);
    for (const prefix of withLinkLocal(checked, ethernet.macBytes)) {
      this.#settle(configureAddress(this.stack.addresses, prefix, checked.detectDuplicates));
    }
    if (checked.announce)
      for (const own of this.stack.state.addresses.list) if (own.usable) this.stack.addresses.announce(own);
    this.socketsHold = this.stack.state.relay.reachable;
    watchLink(this.stack.state.relay, this);
    if (opened.hasSubscribers) opened.publish({ host: this });
  }

  /**
   * Creates a host. Invalid options cause an OptionError before anything is registered. With `detectDuplicates:
   * 'wait'`, it rejects with a SystemError EADDRINUSE if another machine has one of the addresses.
   */
  static async create<T extends Host>(
    this: HostClass<T>,
    relay: PacketRelay,
    options: HostOptions = {},
  ): Promise<T> {
    const host = new this(relay, options);
    try {
      await host.settled();
    } catch (error) {
      await host.close();
      throw error;
    }
    return host;
  }

  /** Same as {@link Host.create}, synchronously: with `detectDuplicates: 'wait'` the addresses are not in use yet. */
  static createNow<T extends Host>(this: HostClass<T>, relay: PacketRelay, options: HostOptions = {}): T {
    return new this(relay, options);
  }

  /** Resolves when all pending addresses are in use. Rejects with EADDRINUSE if another machine has one of them. */
  async settled(): Promise<void> {
    const settling = this.#settling;
    this.#settling = null;
    if (settling !== null) await Promise.all(settling);
  }

  // --- Addresses and routes ----------------------------------------------------------------------------

  /** Name of the interface in zones ('fe80::1%eth0') and interface arguments. */
  get interfaceName(): string {
    return this.stack.state.interfaceName;
  }

  /** Own MAC address, as text. */
  get mac(): string {
    return formatMac(this.stack.state.ethernet.macBytes);
  }

  /** Own VLAN tags, outermost first. */
  get vlans(): readonly Vlan[] {
    return this.stack.state.ethernet.vlans;
  }

  /** The addresses of the host, without loopback addresses. */
  addresses(): HostAddress[] {
    return this.stack.state.addresses.list.map((own) => own.describe());
  }

  /** Whether `address` (text, 4 or 16 bytes) is an address of the host, including loopback addresses. */
  hasAddress(address: string | Uint8Array): boolean {
    const bytes = toIpBytes('address', address);
    const kind = this.stack.state.addresses.kindOf(bytes, 0, bytes.length === 4 ? 4 : 6);
    return kind === AddressKind.OWN || kind === AddressKind.LOOPBACK;
  }

  /**
   * Adds an address with its prefix length, '10.0.0.5/24', and the route to its network. Throws an OptionError.
   * With 'wait', rejects with a SystemError: EADDRINUSE if another machine has the address, EADDRNOTAVAIL if it is
   * removed meanwhile. Rejects with the error of the host if that is closed.
   */
  async addAddress(address: string, options: AddAddressOptions = {}): Promise<void> {
    const prefix = parseHostAddress(address, 'address');
    checkKnown(options, ['detectDuplicates']);
    const modes = ['optimistic', 'wait', 'off'] as const;
    const detect = checkOneOf('detectDuplicates', options.detectDuplicates, modes, this.#detectDuplicates);
    this.stack.state.checkOpen('addAddress');
    this.#checkNew(prefix.address);
    await configureAddress(this.stack.addresses, prefix, detect);
  }

  /**
   * Removes an address (without prefix length) and the route to its network. Returns false if the host does not
   * have it.
   */
  removeAddress(address: string): boolean {
    const bytes = parseIp(address);
    const own = this.stack.state.addresses.find(bytes, 0, bytes.length === 4 ? 4 : 6);
    if (own === null) return false;
    this.stack.addresses.remove(own);
    return true;
  }

  /**
   * Probes the link for an address (text) that is not the host's, by ARP (RFC 5227) or neighbor discovery (RFC 4862
   * §5.4). Resolves with the MAC address of its owner, or null if there was no answer. Rejects if the host is
   * closed meanwhile.
   */
  async probeAddress(address: string, options: ProbeOptions = {}): Promise<string | null> {
    const bytes = parseIp(address);
    checkKnown(options, ['count', 'interval']);
    const count = options.count === undefined ? undefined : checkInteger('count', options.count, 1, 10, 1);
    const interval = checkInteger('interval', options.interval, 1, 60_000, PROBE_INTERVAL);
    this.stack.state.checkOpen('probeAddress');
    this.#checkNew(bytes);
    return probeAddress(this.stack.addresses, bytes, count, interval);
  }

  /** All routes, in the order in which the host tries them. */
  routes(): HostRoute[] {
    return this.stack.state.routes.list.map(({ prefix, gateway, metric }) => ({
      destination: formatPrefix({ address: networkOf(prefix), length: prefix.length }),
      ...(gateway === null ? {} : { gateway: formatIp(gateway) }),
      metric,
    }));
  }

  /** Adds a route. Throws an OptionError. */
  addRoute(route: HostRoute): void {
    const entry = parseRoute(route);
    if (entry.gateway !== null) this.#checkGateway(entry.gateway);
    this.stack.state.routes.add(entry);
    this.stack.state.epoch++;
  }

  /** Removes a route to a network, with this gateway if one is given. Returns false if there is none. */
  removeRoute(route: HostRoute): boolean {
    const { prefix, gateway } = parseRoute(route);
    const entry = this.stack.state.routes.get(prefix, gateway ?? undefined);
    if (entry === null) return false;
    this.stack.state.routes.remove(entry);
    this.stack.state.epoch++;
    return true;
  }

  /** Replaces the default router of its IP version. null removes the one of `version`. Throws an OptionError. */
  setGateway(gateway: string | null, version: 4 | 6 = 4): void {
    const bytes = gateway === null ? null : parseGateway(gateway, 'gateway');
    if (bytes !== null) this.#checkGateway(bytes);
    const length = bytes === null ? (version === 4 ? 4 : 16) : bytes.length;
    const { routes } = this.stack.state;
    for (const route of routes.list) {
      if (route.prefix.length === 0 && route.prefix.address.length === length) routes.remove(route);
    }
    if (bytes !== null) routes.add(defaultRoute(bytes));
    this.stack.state.epoch++;
  }

  /**
   * Takes a lease by DHCP (RFC 2131): an address, routes and an MTU. Resolves when the address is in use; the
   * client then keeps the lease. Rejects with an OptionError, TimeoutError, the signal's reason, or EADDRINUSE if
   * the host already has a client.
   */
  dhcp(options: DhcpOptions = {}): Promise<BoundDhcpClient> {
    return startDhcp(this.stack.addresses, this.stack.ports, options);
  }

  /**
   * Solicits the routers of the link and derives addresses from the prefixes that they advertise (RFC 4862).
   * Resolves when one is in use; the result then follows the routers. Rejects with an OptionError, TimeoutError,
   * the signal's reason, or InUseError if the host already does so.
   */
  slaac(options: SlaacOptions = {}): Promise<Slaac> {
    return startSlaac(this.stack.addresses, options);
  }

  /**
   * Returns the addresses (text) of one name in the order in which to try them, by what this host can reach and the
   * source address it would use (RFC 6724 §6). For programs that look up names themselves. Throws an OptionError.
   */
  sortDestinations(addresses: readonly string[]): string[] {
    requireArray('addresses', addresses);
    return orderDestinations(this.stack.output, this.stack.state.addresses, addresses);
  }

  // --- Sending and receiving ---------------------------------------------------------------------------

  /**
   * Sends an ICMP echo request to an IP address (text, optionally with a zone) and resolves with the reply. Rejects
   * with TimeoutError, a SystemError (ENETUNREACH, EHOSTUNREACH …), ClosedError, RelayStoppedError or the signal's
   * reason.
   */
  async ping(address: string, options: PingOptions = {}): Promise<PingResult> {
    const { address: destination, zone } = parseIpWithZone(address);
    if (zone !== '' && zone !== this.interfaceName) {
      throw new OptionError('address', `must be of zone '${this.interfaceName}', got '${zone}'`);
    }
    this.stack.state.checkOpen('ping');
    return this.stack.icmp.pings.ping(destination, options);
  }

  /**
   * Opens a port for ICMP echo requests, for programs that send more of them than promises are good for, or that want to
   * know of every reply and error. Throws an OptionError.
   */
  openEchoPort(user: EchoUser, options: EchoPortOptions = {}): EchoPort {
    requireMethods('user', user, ['replied', 'failed', 'hostClosed']);
    checkObject(options);
    this.stack.state.checkOpen('openEchoPort');
    return new EchoPort(this.stack.icmp.echoPorts, user, options);
  }

  /** Opens a UDP port, for a socket. */
  openUdpPort(user: UdpPortUser, options: UdpPortOptions): UdpPort {
    requireMethods('user', user, ['batchEnd', 'missed', 'failed', 'hostClosed']);
    checkObject(options);
    if (options.version !== 4 && options.version !== 6)
      throw new OptionError('version', `must be 4 or 6, got ${show(options.version)}`);
    this.stack.state.checkOpen('openUdpPort');
    const port = new HostUdpPort(this.stack.ports, user, options);
    this.stack.ports.add(port);
    return port;
  }

  refSocket(): void {
    if (this.closed) return;
    this.#sockets++;
    keepAlive(1);
  }

  unrefSocket(): void {
    if (this.#sockets === 0) return;
    this.#sockets--;
    keepAlive(-1);
  }

  // --- A SharedEthernetConn for conns of their own -----------------------------------------------------

  get clock(): Clock {
    return this.stack.state.clock;
  }

  /** Longest IP packet that fits into one frame, in bytes. */
  get mtu(): number {
    return this.stack.state.mtu;
  }

  /**
   * Changes the MTU: from 576 (with IPv6 addresses 1280) to the maximum of the relay, which null selects. DHCP and
   * routers may still lower it.
   */
  setMtu(mtu: number | null): void {
    const most = this.stack.state.ethernet.mtu;
    const least = this.stack.state.addresses.list.some((own) => own.version === 6) ? 1280 : 576;
    this.stack.state.setMtu(mtu === null ? most : checkInteger('mtu', mtu, least, most, most));
  }

  register(key: L4HashKey): L4Registration {
    return new ClaimedEndpoint(this, key, this.stack.state.relay.ethernetTypes);
  }

  /** Releases a key, whoever owns it. A key without an owner is ignored. */
  unregister(key: L4HashKey): void {
    release(this.stack.state, this.stack.ports, key, undefined);
  }

  writeIPPktTo(packet: Uint8Array, destMac: MacAddress, options: CallOptions = {}): Promise<number> {
    return this.stack.state.ethernet.writeIPData(packet, destMac, options);
  }

  setWriteDeadline(time: DeadlineTime): void {
    this.stack.state.ethernet.setWriteDeadline(time);
  }

  /** @internal */
  claim(key: L4HashKey, receiver: FrameReceiver): void {
    claim(this.stack.state, this.stack.ports, key, receiver);
  }

  /** @internal */
  release(key: L4HashKey, receiver: FrameReceiver | undefined): void {
    release(this.stack.state, this.stack.ports, key, receiver);
  }

  /** @internal The host sees all that comes, and counts it: nothing goes past it. */
  openUdp(): null {
    return null;
  }

  /** @internal What conns that share the host go by, if nothing else is said. */
  resolveNextHop(address: string): MacAddress | null | Promise<MacAddress | null> {
    const path = this.stack.output.path(parseIp(address), 'send');
    if (path.mac !== null) return path.mac;
    return path.nextHop === null ? this.macBytes : this.stack.output.neighbors.resolve(path.nextHop);
  }

  /** @internal */
  get carrier(): Carrier {
    return this.stack.state.relay;
  }

  /** @internal */
  get macBytes(): Uint8Array {
    return this.stack.state.ethernet.macBytes;
  }

  /** @internal */
  get macHigh(): number {
    return this.stack.state.ethernet.macHigh;
  }

  /** @internal */
  get macLow(): number {
    return this.stack.state.ethernet.macLow;
  }

  /** @internal */
  get vlanKey(): number {
    return this.stack.state.ethernet.vlanKey;
  }

  /** @internal */
  get tagBytes(): Uint8Array | null {
    return this.stack.state.ethernet.tagBytes;
  }

  // --- Life --------------------------------------------------------------------------------------------

  /** Whether this host, or its relay, has been closed. */
  get closed(): boolean {
    return this.stack.state.closed !== null;
  }

  /** The keys of this host (MAC address, VLANs, EtherType) that another owner has registered since. */
  get replaced(): readonly L2EndpointKey[] {
    return this.stack.state.ethernet.replaced;
  }

  stats(): HostStats {
    const { stack } = this;
    const { neighbors } = stack.output;
    // Datagrams that came by the front for UDP, of which the host has seen nothing.
    const past = stack.state.ethernet.takenByFront;
    return {
      ...stack.state.counters,
      received: stack.state.counters.received + past,
      udp: stack.state.counters.udp + past,
      ports: stack.ports.size,
      queued: neighbors.queued,
      queueDropped: neighbors.queueDropped,
      unreachable: neighbors.unreachable,
      neighborsEvicted: neighbors.evicted,
      neighbors: neighbors.size,
      waiting: neighbors.waiting,
      reassembling: stack.input.reassembling,
      segments: stack.tcp.stats,
    };
  }

  /**
   * Closes the ports, leaves the groups and releases the MAC address. The relay stays open. Waits for datagrams
   * that sockets have reported as sent but that wait for their next hop; they are dropped if it does not answer
   * within three seconds by the relay's clock. A virtual clock must advance meanwhile.
   */
  close(): Promise<void> {
    return this.stack.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  override toString(): string {
    const addresses = this.stack.state.addresses.list.map((own) => formatPrefix(own)).join(' ');
    return `Host(${[this.interfaceName, this.mac, addresses].join(' ').trimEnd()})`;
  }

  /** @internal */
  conflict(own: OwnAddress, otherMac: Uint8Array, lost: boolean): void {
    const conflict = { address: formatIp(own.address), mac: formatMac(otherMac), lost };
    if (conflictChannel.hasSubscribers) conflictChannel.publish({ host: this, ...conflict });
    nextTick(() => this.emit('conflict', conflict));
  }

  /** @internal */
  linkUp(): void {
    const { groups, state } = this.stack;
    groups.linkUp();
    if (this.#detectDuplicates === 'off') return;
    for (const own of state.addresses.list)
      if (own.usable && own.version === 4) confirmAddress(this.stack.addresses, own);
  }

  /** @internal */
  keyReplaced(key: L2EndpointKey): void {
    nextTick(() => this.emit('replaced', key));
  }

  /** @internal */
  stackClosed(error: Error): void {
    unwatchLink(this.stack.state.relay, this);
    for (; this.#sockets > 0; this.#sockets--) keepAlive(-1);
    if (closedChannel.hasSubscribers) closedChannel.publish({ host: this, error });
    nextTick(() => this.emit('close'));
  }

  #checkGateway(gateway: Uint8Array): void {
    const { addresses, routes } = this.stack.state;
    checkGateway(gateway, addresses.list, routes.list);
  }

  #checkNew(address: Uint8Array): void {
    if (this.stack.state.addresses.find(address, 0, address.length === 4 ? 4 : 6) === null) return;
    throw new OptionError('address', `is one of this host's already: ${formatIp(address)}`);
  }

  #settle(settled: Promise<void> | null): void {
    if (settled === null) return;
    // Who does not ask learns of it by 'conflict'.
    settled.catch(() => undefined);
    this.#settling ??= [];
    this.#settling.push(settled);
  }
}

/** The addresses wanted, with the link-local one that every IPv6 host has. */
function withLinkLocal(options: CheckedHostOptions, mac: Uint8Array): readonly IpPrefix[] {
  const { addresses, linkLocal } = options;
  const six = addresses.filter(({ address }) => address.length === 16);
  const isWanted = linkLocal ?? (six.length > 0 && !six.some(({ address }) => isLinkLocalIpv6(address)));
  const own = { address: linkLocalAddress(mac), length: 64 };
  return isWanted && !six.some(({ address }) => ipEquals(address, own.address))
    ? [...addresses, own]
    : addresses;
}

/** The address of a network, bits behind the prefix zero. */
function networkOf(prefix: IpPrefix): Uint8Array {
  return prefix.address.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, prefix.length - 8 * i))));
}
