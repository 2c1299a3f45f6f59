import type { TcpStats } from './tcp-stats.ts';

/**
 * Cumulative counters of a host. Everything received (`received`, `receivedLocally`, `reassembled`) is the sum of
 * `truncated`, `malformed`, `badOptions`, `martian`, `notOurs`, `notMember`, `badChecksum`, `fragments`, `arp`,
 * `neighborDiscovery`, `icmp`, `groupMessages`, `udp`, `noPort`, `tcp`, `claimed` and `noProtocol`.
 */
export class HostCounters {
  /** Frames that the relay has passed to this host. */
  received = 0;
  /** Frames that the host has sent to itself (loopback, own addresses, own copies of group datagrams). */
  receivedLocally = 0;
  /** Frames whose end was missing; dropped. */
  truncated = 0;
  /** Frames whose headers were broken; dropped. */
  malformed = 0;
  /** Packets for the host that were dropped for their IPv4 options or IPv6 extension headers. */
  badOptions = 0;
  /** Packets from addresses that cannot be a sender (groups, loopback, own or unspecified addresses); dropped. */
  martian = 0;
  /** Packets for addresses that are not the host's; dropped. */
  notOurs = 0;
  /** Packets for groups that no port has joined; dropped. */
  notMember = 0;
  /** Packets whose checksum was wrong; dropped. */
  badChecksum = 0;
  /** Partial checksums that were accepted. */
  partialChecksum = 0;
  /** Fragments received. */
  fragments = 0;
  /** Packets reassembled from fragments. */
  reassembled = 0;
  /** ARP packets. */
  arp = 0;
  /** Neighbor discovery messages. */
  neighborDiscovery = 0;
  /** ICMP messages without neighbor discovery. */
  icmp = 0;
  /** IGMP and MLD messages. */
  groupMessages = 0;
  /**
   * ARP packets and neighbor discovery, ICMP and group messages that were invalid or did not concern this host;
   * dropped.
   */
  ignored = 0;
  /** UDP datagrams that at least one port received. */
  udp = 0;
  /** UDP datagrams for a port that is not open, or not open for their sender; dropped. */
  noPort = 0;
  /** TCP segments for the host; `segments` says what became of them. */
  tcp = 0;
  /** Packets passed to conns that share the host (`register`). */
  claimed = 0;
  /** Packets of an unsupported protocol; dropped. */
  noProtocol = 0;

  /** IP packets sent to the wire. A fragmented packet counts once. */
  sent = 0;
  /** IP packets sent to the host itself. */
  sentLocally = 0;
  /** Fragments sent. */
  sentFragments = 0;
  /** Attempts to send that found no room. */
  noRoom = 0;
  /** Packets that were accepted and then found no room; dropped. */
  noRoomDropped = 0;
  /** Copies for group members on this host that found no room; dropped. */
  localDropped = 0;
  /** Packets that exceeded the path MTU after it had shrunk while they waited; dropped. */
  tooLong = 0;
  /** ICMP errors sent. */
  icmpErrorsSent = 0;
  /** ICMP errors and replies that the rate limit suppressed. */
  icmpLimited = 0;
  /** Packets of other machines that use an address of this host. */
  conflicts = 0;
}

/** Counters of a host, and its current state. */
export interface HostStats extends Readonly<HostCounters> {
  /** UDP ports that are open now. */
  readonly ports: number;
  /** Packets that had to wait for their next hop. */
  readonly queued: number;
  /** Packets that waited for a next hop and were displaced by newer ones; dropped. */
  readonly queueDropped: number;
  /** Packets that waited for a next hop that never answered; dropped. */
  readonly unreachable: number;
  /** Neighbor cache entries displaced by newer ones. */
  readonly neighborsEvicted: number;
  /** Neighbor cache entries now. */
  readonly neighbors: number;
  /** Packets that are waiting for their next hop now. */
  readonly waiting: number;
  /** Datagrams that are being reassembled now. */
  readonly reassembling: number;
  /** What became of TCP segments. */
  readonly segments: TcpStats;
}
