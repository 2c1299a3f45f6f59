import type { SystemError } from '../../errors.ts';
import type { BatchTaker } from '../../relay/batch-store.ts';
import type { RoomQueue } from '../../relay/room-queue.ts';
import type { Interface } from '../multicast/memberships.ts';

/** How a socket wants its port. */
export interface UdpPortOptions {
  /** 4 or 6: a version 6 port is dual stack, its IPv4 peers as ::ffff:a.b.c.d, unless `ipv6Only`. */
  readonly version: 4 | 6;
  readonly ipv6Only?: boolean;
  /** Several sockets may have the port; a multicast or broadcast datagram goes to each, others to the newest. */
  readonly reuseAddr?: boolean;
  /** Several sockets share the port; datagrams are spread over them by the sender's address and port. */
  readonly reusePort?: boolean;
  /**
   * Whether it hears what comes to any group that the host takes, unless it has joined that group itself for some senders
   * only. Default true; as with Linux an IPv6 port does so for IPv6 groups alone. False: only what it has joined itself.
   */
  readonly multicastAll?: boolean;
}

/**
 * Who has a port. Is given a port's datagrams once for each batch, while the frames are still there: they may come from
 * the relay, from the host itself (loopback) or from reassembly, and the store says where their bytes are. Checksums have
 * been verified, and source and destination suit what the port is bound and connected to.
 */
export interface UdpPortUser extends BatchTaker {
  /** Datagrams of the batch under way that came before the port was closed, and will not be handed over. */
  missed(count: number): void;
  /** An ICMP error has come for a connected port (ECONNREFUSED, EACCES …). */
  failed(error: SystemError): void;
  /** The host, or its relay, has been closed. The port is closed already. */
  hostClosed(error: Error): void;
}

/** A destination to keep: header template and route. Good until the port is closed, whatever changes meanwhile. */
export interface UdpDestination {
  /** Who takes its packets on the link, as an identity: what is for one hop keeps its order. Null where there is none. */
  readonly hop: object | null;
  /** Whether its hop is being asked for, so that no room (`trySend` gives 0) is none for this hop alone. */
  readonly resolving: boolean;
  /**
   * Sends `payload[start, end)`. 1 when the host has taken it (it may wait for its next hop to be resolved, then a copy
   * is kept), 0 when there is no room now. Throws a SystemError for what will not work: EMSGSIZE, ENETUNREACH,
   * EADDRNOTAVAIL, EACCES (a broadcast without `broadcast`), EINVAL; and ECONNREFUSED, once, that has come in.
   */
  trySend(payload: Uint8Array, start: number, end: number): 0 | 1;
  /**
   * Sends some of the payloads from `first` on, in one go; returns how many. 0 where there is no way to do that: what
   * {@link trySend} makes of the first says why, or sends it.
   */
  trySendGroup(payloads: readonly unknown[], first: number): number;
}

/** A UDP socket's place on a Host: made by `host.openUdpPort(user, options)`. Addresses are 4 or 16 bytes. */
export interface UdpPort {
  readonly version: 4 | 6;
  /** All zero until bound or connected. */
  readonly localAddress: Uint8Array;
  /** 0 until bound. */
  readonly localPort: number;
  /** Zone of a link-local local address, as of 'fe80::1%eth0'; '' otherwise. */
  readonly localZone: string;
  /** Writers of this port that wait for room, see RoomQueue: retried when `trySend` may succeed again. */
  readonly waiting: RoomQueue;
  ttl: number;
  multicastTtl: number;
  /** Whether own multicast datagrams come back to members on this host. Default true. */
  multicastLoopback: boolean;
  /** Whether broadcasts may be sent. Default false. */
  broadcast: boolean;
  /** Datagrams that the host has taken and dropped while they waited for their next hop. */
  readonly lost: number;
  /**
   * Binds: an all-zero address takes every address of the host, port 0 a free one. Throws a SystemError (syscall
   * 'bind'): EADDRINUSE, EADDRNOTAVAIL, EINVAL when bound already. With a `zone`, even '', an address that means nothing
   * without one (fe80::1, ff02::1) needs that of an interface: EINVAL.
   */
  bind(address: Uint8Array, port: number, zone?: string): void;
  /**
   * From now on takes datagrams of this peer only, and chooses the local address. Throws ENETUNREACH and the like; EINVAL
   * for an address that means nothing without a zone (fe80::1, ff02::1), unless one is given or bound to.
   */
  connect(address: Uint8Array, port: number, zone: string): void;
  disconnect(): void;
  /** Throws a SystemError when there never can be a way (EAFNOSUPPORT, EINVAL …). */
  destination(address: Uint8Array, port: number, zone: string): UdpDestination;
  /**
   * Joins a group, or with `source` (RFC 4607) only what that source sends. `on` names the interface, see Memberships.
   * Throws EADDRINUSE, EADDRNOTAVAIL, EINVAL.
   */
  join(group: Uint8Array, source: Uint8Array | null, on?: Interface | null): void;
  /** Throws EADDRNOTAVAIL when it is no member. */
  leave(group: Uint8Array, source: Uint8Array | null, on?: Interface | null): void;
  /**
   * From now on group datagrams of this address's IP version go out with it as their source, unless the port is bound to
   * an address; those with a loopback address stay inside of the host. All zero: as by default. `named`: an interface has
   * been named, so `connect` to a group needs no zone. Throws EADDRNOTAVAIL.
   */
  sendGroupsFrom(address: Uint8Array, named?: boolean): void;
  /** Gives port and groups back. Calling it again is harmless. */
  close(): void;
}

/** What a dgram socket needs of its host. */
export interface UdpHost {
  /** The name that zones and interface arguments go by: 'eth0'. */
  readonly interfaceName: string;
  openUdpPort(user: UdpPortUser, options: UdpPortOptions): UdpPort;
  /** Whether its sockets keep the process alive from the start, or only after `ref`. */
  readonly socketsHold: boolean;
  /** Whether `address` (4 or 16 bytes) is one of the host's own. */
  hasAddress(address: Uint8Array): boolean;
  /** Keeps the process alive for one more socket, or one less. */
  refSocket(): void;
  unrefSocket(): void;
}
