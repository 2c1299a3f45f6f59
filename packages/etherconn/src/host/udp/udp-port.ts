import type { SystemError } from '../../errors.ts';
import type { BatchTaker } from '../../relay/batch-store.ts';
import type { RoomQueue } from '../../relay/room-queue.ts';
import type { Interface } from '../multicast/memberships.ts';

/** Options of a socket for its port. */
export interface UdpPortOptions {
  /** 4 or 6. A version 6 port is dual stack, with IPv4 peers as ::ffff:a.b.c.d, unless `ipv6Only`. */
  readonly version: 4 | 6;
  readonly ipv6Only?: boolean;
  /** Several sockets may have the port. Each gets multicast and broadcast datagrams, the newest gets the others. */
  readonly reuseAddr?: boolean;
  /** Several sockets share the port. Datagrams are spread over them by the sender's address and port. */
  readonly reusePort?: boolean;
  /**
   * Whether it takes datagrams to any group that the host has joined, unless it has itself joined that group for some
   * senders only. Default true. As with Linux, this concerns only IPv6 groups on an IPv6 port. False: only groups
   * that it has joined itself.
   */
  readonly multicastAll?: boolean;
}

/**
 * The user of a port. Gets its datagrams once per batch, while the frames still exist. They come from the relay, from
 * the host itself (loopback) or from reassembly; the store knows where their bytes are. Checksums are verified, and
 * source and destination match the binding of the port.
 */
export interface UdpPortUser extends BatchTaker {
  /** Datagrams of the current batch that arrived before the port was closed and will not be delivered. */
  missed(count: number): void;
  /** An ICMP error has arrived for a connected port (ECONNREFUSED, EACCES …). */
  failed(error: SystemError): void;
  /** The host, or its relay, has been closed. The port is closed already. */
  hostClosed(error: Error): void;
}

/** A prepared destination: header template and route. Valid until the port is closed, whatever changes meanwhile. */
export interface UdpDestination {
  /** The next hop, as an identity: packets for one hop keep their order. Null if there is none. */
  readonly hop: object | null;
  /** Whether its hop is being resolved. Then "no room" (`trySend` returns 0) concerns this hop alone. */
  readonly resolving: boolean;
  /**
   * Sends `payload[start, end)`. Returns 1 if the host has taken the datagram (a copy may wait for its next hop), 0
   * if there is no room now. Throws a SystemError for what cannot work: EMSGSIZE, ENETUNREACH, EADDRNOTAVAIL, EACCES
   * (a broadcast without `broadcast`), EINVAL; and, once, ECONNREFUSED that has arrived.
   */
  trySend(payload: Uint8Array, start: number, end: number): 0 | 1;
  /**
   * Sends some of the payloads from `first` on, at once, and returns how many. 0 if that is not possible: then {@link
   * trySend} of the first one sends it, or says why not.
   */
  trySendGroup(payloads: readonly unknown[], first: number): number;
}

/** A UDP port of a host, for a socket: created by `host.openUdpPort(user, options)`. Addresses have 4 or 16 bytes. */
export interface UdpPort {
  readonly version: 4 | 6;
  /** All zero until bound or connected. */
  readonly localAddress: Uint8Array;
  /** 0 until bound. */
  readonly localPort: number;
  /** Zone of a link-local local address, as in 'fe80::1%eth0'; otherwise ''. */
  readonly localZone: string;
  /** Writers of this port that wait for room, see RoomQueue. They retry when `trySend` may succeed again. */
  readonly waiting: RoomQueue;
  ttl: number;
  multicastTtl: number;
  /** Whether own multicast datagrams come back to members on this host. Default true. */
  multicastLoopback: boolean;
  /** Whether broadcasts may be sent. Default false. */
  broadcast: boolean;
  /** Datagrams that the host has taken and then dropped while they waited for their next hop. */
  readonly lost: number;
  /**
   * Binds. An all-zero address stands for every address of the host, port 0 for a free one. Throws a SystemError
   * (syscall 'bind'): EADDRINUSE, EADDRNOTAVAIL, or EINVAL if bound already. If `zone` is given, even '', an address
   * that is ambiguous without a zone (fe80::1, ff02::1) needs the zone of an interface: EINVAL.
   */
  bind(address: Uint8Array, port: number, zone?: string): void;
  /**
   * Restricts the port to datagrams of one peer, and chooses the local address. Throws ENETUNREACH and the like;
   * EINVAL for an address that is ambiguous without a zone (fe80::1, ff02::1), unless a zone is given or bound to.
   */
  connect(address: Uint8Array, port: number, zone: string): void;
  disconnect(): void;
  /** Throws a SystemError if the destination can never work (EAFNOSUPPORT, EINVAL …). */
  destination(address: Uint8Array, port: number, zone: string): UdpDestination;
  /**
   * Joins a group; with `source` (RFC 4607), only for datagrams of that source. `on` names the interface, see
   * Memberships. Throws EADDRINUSE, EADDRNOTAVAIL, EINVAL.
   */
  join(group: Uint8Array, source: Uint8Array | null, on?: Interface | null): void;
  /** Throws EADDRNOTAVAIL if it is not a member. */
  leave(group: Uint8Array, source: Uint8Array | null, on?: Interface | null): void;
  /**
   * Sets the source of group datagrams of this address's IP version, unless the port is bound to an address. With a
   * loopback address they stay on the host. All zero restores the default. `named`: an interface has been named, so
   * `connect` to a group needs no zone. Throws EADDRNOTAVAIL.
   */
  sendGroupsFrom(address: Uint8Array, named?: boolean): void;
  /** Releases the port and leaves its groups. Harmless when repeated. */
  close(): void;
}

/** What a dgram socket needs of its host. */
export interface UdpHost {
  /** The name that zones and interface arguments go by: 'eth0'. */
  readonly interfaceName: string;
  openUdpPort(user: UdpPortUser, options: UdpPortOptions): UdpPort;
  /** Whether it has been closed, by the program or because its relay has stopped. */
  readonly closed: boolean;
  /** @internal Whether its sockets keep the process alive from the start, or only after `ref`. */
  readonly socketsHold: boolean;
  /** Whether `address` (4 or 16 bytes) is an own address of the host. */
  hasAddress(address: Uint8Array): boolean;
  /** Keeps the process alive for one more socket, or one less. */
  refSocket(): void;
  unrefSocket(): void;
}
