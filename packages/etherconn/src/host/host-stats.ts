/**
 * Cumulative counters of a host. What has come in (`received`, `receivedLocally`, `reassembled`) is the sum of
 * `truncated`, `malformed`, `badOptions`, `martian`, `notOurs`, `notMember`, `badChecksum`, `fragments`, `arp`, `neighborDiscovery`,
 * `icmp`, `groupMessages`, `udp`, `noPort`, `claimed` and `noProtocol`.
 */
export class HostCounters {
  /** Frames that the relay has handed to this host. */
  received = 0;
  /** Frames that the host has sent to itself (loopback, own addresses, own copies of group datagrams). */
  receivedLocally = 0;
  /** Frames whose end was missing; dropped. */
  truncated = 0;
  /** Frames whose headers were broken; dropped. */
  malformed = 0;
  /** Packets for the host dropped for their IPv4 options or IPv6 extension headers. */
  badOptions = 0;
  /** Packets from addresses that cannot be a sender's (groups, loopback, the host's own, none); dropped. */
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
  /** Packets put together from fragments. */
  reassembled = 0;
  /** ARP packets. */
  arp = 0;
  /** Neighbor discovery messages. */
  neighborDiscovery = 0;
  /** ICMP messages, without neighbor discovery. */
  icmp = 0;
  /** IGMP and MLD messages. */
  groupMessages = 0;
  /**
   * Of ARP packets, neighbor discovery, ICMP and group messages those that were not valid, or about nothing of ours;
   * dropped.
   */
  ignored = 0;
  /** UDP datagrams that at least one port took. */
  udp = 0;
  /** UDP datagrams for a port that nobody has, or not for this sender; dropped. */
  noPort = 0;
  /** Packets handed to conns that share the host (`register`). */
  claimed = 0;
  /** Packets of a protocol that nobody here speaks; dropped. */
  noProtocol = 0;

  /** IP packets sent to the wire, a fragmented one once. */
  sent = 0;
  /** IP packets sent to the host itself. */
  sentLocally = 0;
  /** Fragments sent. */
  sentFragments = 0;
  /** Tries to send that found no room. */
  noRoom = 0;
  /** Packets that were taken and then found no room; dropped. */
  noRoomDropped = 0;
  /** Copies for members on this host that found the way to the host itself full; dropped. */
  localDropped = 0;
  /** Packets that did not fit a path that had become narrower while they waited; dropped. */
  tooLong = 0;
  /** ICMP errors sent. */
  icmpErrorsSent = 0;
  /** ICMP errors and answers not sent because of their rate. */
  icmpLimited = 0;
  /** Packets of others that use an address of ours. */
  conflicts = 0;
}

/** Counters of a host, and what it holds now. */
export interface HostStats extends Readonly<HostCounters> {
  /** UDP ports open now. */
  readonly ports: number;
  /** Packets that had to wait for their next hop. */
  readonly queued: number;
  /** Packets that waited for a next hop and had to make room for newer ones; dropped. */
  readonly queueDropped: number;
  /** Packets that waited for a next hop that never answered; dropped. */
  readonly unreachable: number;
  /** Entries of the neighbor cache given up for newer ones. */
  readonly neighborsEvicted: number;
  /** Entries in the neighbor cache now. */
  readonly neighbors: number;
  /** Packets that wait for their next hop now. */
  readonly waiting: number;
  /** Datagrams of which fragments are still missing now. */
  readonly reassembling: number;
}
