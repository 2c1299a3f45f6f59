import type { SystemError } from '../../errors.ts';
import type { RoomQueue } from '../../relay/room-queue.ts';
import {
  isIpv4Mapped,
  isLinkLocalIpv6,
  isLoopbackIp,
  isMulticastIp,
  isUnspecifiedIp,
  toIpv6Bytes,
} from '../../wire/ip.ts';
import { hostError } from '../host-error.ts';
import { AddressKind } from '../ip/addresses.ts';
import { type Interface, Memberships } from '../multicast/memberships.ts';
import type { HostState } from '../state.ts';
import { ANY4, ANY6, BoundPort } from './bound-port.ts';
import { groupPath } from './group-path.ts';
import { PortRoom } from './port-room.ts';
import { HostUdpDestination, type SendingPort } from './udp-destination.ts';
import type { UdpDestination, UdpPort, UdpPortOptions, UdpPortUser } from './udp-port.ts';
import type { UdpPorts } from './udp-ports.ts';

/** RFC 791 §3.1 and RFC 8200: default TTL and hop limit. */
const TTL = 64;
/** RFC 1112 §6.1: by default, group datagrams stay on the link. */
const MULTICAST_TTL = 1;

/** The zone of the loopback interface. */
const LOOPBACK_ZONE = 'lo';

/** A UDP port of a host, see {@link UdpPort}. */
export class HostUdpPort extends BoundPort implements UdpPort, SendingPort {
  /** Incremented when destinations have to be prepared again. */
  epoch = 0;
  multicastLoopback = true;
  broadcast = false;
  lost = 0;
  /** As on Linux, a send has succeeded as soon as its datagram waits for the next hop. */
  readonly reported = true;
  readonly #ports: UdpPorts;
  readonly #state: HostState;
  /** Whether `connect` has chosen the local address, so `disconnect` clears it. */
  #localByConnect = false;
  #ttl = TTL;
  #multicastTtl = MULTICAST_TTL;
  /** Addresses chosen for group datagrams of each IP version. */
  #groupSource4: Uint8Array | null = null;
  #groupSource6: Uint8Array | null = null;
  /** Whether IPv6 groups can be connected to without a zone. */
  #groupZoneNamed = false;
  #room: PortRoom | null = null;
  /** An error from an ICMP message that nobody has been told yet. */
  #failure: SystemError | null = null;

  constructor(ports: UdpPorts, user: UdpPortUser, options: UdpPortOptions) {
    super(user, options);
    this.#ports = ports;
    this.#state = ports.state;
    this.list = ports.state.relay.lists.add(user);
  }

  get localAddress(): Uint8Array {
    return this.version === 4 ? this.local : toIpv6Bytes(this.local);
  }

  get localZone(): string {
    return this.local.length === 16 && isLinkLocalIpv6(this.local) ? this.#state.interfaceName : '';
  }

  get waiting(): RoomQueue {
    return this.room.queue;
  }

  /** Created when there is no room for the first time. */
  get room(): PortRoom {
    this.#room ??= new PortRoom(this.#state.relay);
    return this.#room;
  }

  get ttl(): number {
    return this.#ttl;
  }

  set ttl(ttl: number) {
    this.#ttl = ttl;
    this.epoch++;
  }

  get multicastTtl(): number {
    return this.#multicastTtl;
  }

  set multicastTtl(ttl: number) {
    this.#multicastTtl = ttl;
    this.epoch++;
  }

  bind(address: Uint8Array, port: number, zone?: string): void {
    this.checkOpen('bind');
    if (this.localPort !== 0) throw hostError('EINVAL', 'bind', 'the port is bound already');
    const local = inside(address);
    if (local.length === 16 ? this.version === 4 : this.version === 6 && this.ipv6Only) {
      throw hostError('EINVAL', 'bind', `the address does not suit IPv${this.version}`);
    }
    if (zone !== undefined && needsZone(local) && !this.#isZone(zone)) {
      throw hostError('EINVAL', 'bind', `this address needs a zone, '${this.#state.interfaceName}'`);
    }
    const isElsewhere = zone === LOOPBACK_ZONE && isLinkLocalIpv6(local);
    const kind = this.#state.addresses.kindOf(local, 0, local.length === 4 ? 4 : 6);
    if (kind === AddressKind.OTHER || isElsewhere) {
      throw hostError('EADDRNOTAVAIL', 'bind', 'the host does not have this address');
    }
    this.wildcard = isUnspecifiedIp(local, 0, local.length === 4 ? 4 : 6);
    if (!this.wildcard) this.local = local;
    else this.local = local.length === 4 ? ANY4 : ANY6;
    try {
      this.localPort = this.#ports.claim(this, port);
    } catch (error) {
      this.local = this.version === 4 ? ANY4 : ANY6;
      this.wildcard = true;
      throw error;
    }
    this.epoch++;
  }

  connect(address: Uint8Array, port: number, zone: string): void {
    this.checkOpen('connect');
    const remote = this.checkDestination(address, port, zone, 'connect');
    // As with the system's sockets, connecting to "any" connects to the host itself.
    const path = groupPath(this.#ports.output.path(remote, 'connect'), this);
    if (path.kind === AddressKind.BROADCAST && !this.broadcast) {
      throw hostError('EACCES', 'connect', 'broadcasts are not allowed; set broadcast');
    }
    if (this.localPort === 0) this.bind(this.version === 4 ? ANY4 : ANY6, 0);
    if (this.wildcard || this.#localByConnect) {
      this.local = path.source;
      this.wildcard = false;
      this.#localByConnect = true;
    }
    this.remote = path.destination;
    this.remotePort = port;
    this.#ports.changed(this);
    this.epoch++;
  }

  disconnect(): void {
    this.remote = null;
    this.remotePort = 0;
    this.#failure = null;
    if (this.#localByConnect) {
      this.#localByConnect = false;
      this.local = this.version === 4 ? ANY4 : ANY6;
      this.wildcard = true;
    }
    this.#ports.changed(this);
    this.epoch++;
  }

  destination(address: Uint8Array, port: number, zone: string): UdpDestination {
    this.checkOpen('send');
    const remote = this.checkDestination(address, port, zone, 'send');
    return new HostUdpDestination(this.#ports, this, remote, port);
  }

  sendGroupsFrom(address: Uint8Array, named = false): void {
    const source = inside(address);
    const version = source.length === 4 ? 4 : 6;
    const isDefault = isUnspecifiedIp(source, 0, version);
    const kind = this.#state.addresses.kindOf(source, 0, version);
    if (!isDefault && kind !== AddressKind.OWN && kind !== AddressKind.LOOPBACK) {
      throw hostError('EADDRNOTAVAIL', 'setMulticastInterface', 'the host does not have this address');
    }
    const chosen = isDefault ? null : source;
    if (version === 4) {
      this.#groupSource4 = chosen;
    } else {
      this.#groupSource6 = chosen;
      this.#groupZoneNamed = named;
    }
    this.epoch++;
  }

  /** The bound address comes first. As with Linux, a loopback address keeps group datagrams on the host. */
  groupSource(version: 4 | 6): Uint8Array | null {
    const { local } = this;
    if (!this.wildcard && local.length === (version === 4 ? 4 : 16) && isLoopbackIp(local, 0, version))
      return local;
    const chosen = version === 4 ? this.#groupSource4 : this.#groupSource6;
    if (chosen === null) return null;
    // The host may have lost the address since.
    return this.#state.addresses.kindOf(chosen, 0, version) === AddressKind.OTHER ? null : chosen;
  }

  join(group: Uint8Array, source: Uint8Array | null, on: Interface | null = null): void {
    this.checkOpen('addMembership');
    const inner = this.#checkGroup(group, 'addMembership');
    const sender = source === null ? null : inside(source);
    if (sender !== null && sender.length !== inner.length) {
      throw hostError('EINVAL', 'addMembership', 'group and source are not of the same version');
    }
    this.memberships ??= new Memberships(this.#ports.groups);
    this.memberships.join(inner, sender, on);
  }

  leave(group: Uint8Array, source: Uint8Array | null, on: Interface | null = null): void {
    this.checkOpen('dropMembership');
    const inner = this.#checkGroup(group, 'dropMembership');
    this.memberships ??= new Memberships(this.#ports.groups);
    this.memberships.leave(inner, source === null ? null : inside(source), on);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.epoch++;
    this.memberships?.leaveAll();
    this.#room?.close();
    this.#ports.release(this);
    const missed = this.#state.relay.lists.remove(this.list);
    if (missed > 0) this.user.missed(missed);
  }

  unreachable(): void {
    this.lost++;
  }

  dropped(): void {
    this.lost++;
  }

  /** The host has been closed: rejects waiting writers. */
  rejectWaiting(error: Error): void {
    this.#room?.queue.rejectAll(error);
  }

  /** Throws a SystemError EBADF if the port is closed. */
  checkOpen(call: 'bind' | 'connect' | 'send' | 'addMembership' | 'dropMembership'): void {
    if (this.closed) throw hostError('EBADF', call, 'the port is closed');
  }

  /** Binds an unbound port to a free number on every address, as sending does. */
  bindForSending(): void {
    if (this.localPort === 0) this.bind(this.version === 4 ? ANY4 : ANY6, 0);
  }

  /** Rejects destinations that can never work. Returns the address, 4 bytes for IPv4. */
  checkDestination(address: Uint8Array, port: number, zone: string, call: 'connect' | 'send'): Uint8Array {
    const remote = inside(address);
    if (remote.length === 16 && this.version === 4) {
      throw hostError('EAFNOSUPPORT', call, 'an IPv4 port sends to no IPv6 address');
    }
    if (remote.length === 4 && this.version === 6 && (this.ipv6Only || this.#isBoundTo6())) {
      throw hostError('ENETUNREACH', call, 'an IPv6 address sends to no IPv4 address');
    }
    if (port === 0) throw hostError('EINVAL', call, 'port 0 cannot be sent to');
    // As on Linux, zones of other addresses are ignored, and datagrams are sent without one.
    if (needsZone(remote)) {
      const isBound =
        (!this.wildcard && needsZone(this.local)) || (this.#groupZoneNamed && remote[0] === 0xff);
      if (call === 'connect' && !this.#isZone(zone) && !isBound) {
        throw hostError('EINVAL', call, `this address needs a zone, '${this.#state.interfaceName}'`);
      }
      if (zone === LOOPBACK_ZONE) {
        throw hostError('ENETUNREACH', call, 'the loopback interface has no such addresses');
      }
    }
    return remote;
  }

  /** An ICMP error has arrived. The user is told at the end of the batch, unless a send takes the error first. */
  fail(error: SystemError): void {
    if (this.remote === null || this.closed) return;
    this.#failure = error;
    this.#ports.noteFailure(this);
  }

  /** Whether {@link takeFailure} returns an error. */
  get failed(): boolean {
    return this.#failure !== null;
  }

  takeFailure(): SystemError | null {
    const failure = this.#failure;
    this.#failure = null;
    return failure;
  }

  #isZone(zone: string): boolean {
    return zone === this.#state.interfaceName || zone === LOOPBACK_ZONE;
  }

  #isBoundTo6(): boolean {
    return !this.wildcard && this.local.length === 16 && !this.#localByConnect;
  }

  #checkGroup(group: Uint8Array, call: 'addMembership' | 'dropMembership'): Uint8Array {
    const inner = inside(group);
    if (!isMulticastIp(inner, 0, inner.length === 4 ? 4 : 6)) {
      throw hostError('EINVAL', call, 'this is not the address of a group');
    }
    if (inner.length === 16 && this.version === 4) {
      throw hostError('EINVAL', call, 'an IPv4 port joins no IPv6 group');
    }
    return inner;
  }
}

/** Whether an address is ambiguous without a zone: fe80::/10, and groups of interface or link scope. */
function needsZone(address: Uint8Array): boolean {
  if (address.length === 4) return false;
  const scope = address[1] & 0xf;
  return isLinkLocalIpv6(address) || (address[0] === 0xff && (scope === 1 || scope === 2));
}

/** An address as new bytes, 4 for IPv4-mapped ones. */
function inside(address: Uint8Array): Uint8Array {
  return address.length === 16 && isIpv4Mapped(address) ? address.slice(12) : Uint8Array.from(address);
}
