/** IP protocol numbers (IANA "protocol-numbers"), for IPv4's protocol and IPv6's next header. */
export const IpProtocol = {
  /** IPv6 extension: hop-by-hop options, RFC 8200 §4.3. */
  HOP_BY_HOP: 0,
  ICMP: 1,
  IGMP: 2,
  IPV4: 4,
  TCP: 6,
  UDP: 17,
  DCCP: 33,
  IPV6: 41,
  /** IPv6 extension: routing header, RFC 8200 §4.4. */
  ROUTING: 43,
  /** IPv6 extension: fragment header, RFC 8200 §4.5. */
  FRAGMENT: 44,
  GRE: 47,
  ESP: 50,
  AH: 51,
  ICMPV6: 58,
  /** RFC 8200 §4.7. */
  NO_NEXT_HEADER: 59,
  /** IPv6 extension: destination options, RFC 8200 §4.6. */
  DESTINATION_OPTIONS: 60,
  OSPF: 89,
  PIM: 103,
  VRRP: 112,
  L2TP: 115,
  SCTP: 132,
  UDP_LITE: 136,
  MPLS_IN_IP: 137,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  [IpProtocol.HOP_BY_HOP, 'Hop-by-hop'],
  [IpProtocol.ICMP, 'ICMP'],
  [IpProtocol.IGMP, 'IGMP'],
  [IpProtocol.IPV4, 'IPv4'],
  [IpProtocol.TCP, 'TCP'],
  [IpProtocol.UDP, 'UDP'],
  [IpProtocol.DCCP, 'DCCP'],
  [IpProtocol.IPV6, 'IPv6'],
  [IpProtocol.ROUTING, 'Routing'],
  [IpProtocol.FRAGMENT, 'Fragment'],
  [IpProtocol.GRE, 'GRE'],
  [IpProtocol.ESP, 'ESP'],
  [IpProtocol.AH, 'AH'],
  [IpProtocol.ICMPV6, 'ICMPv6'],
  [IpProtocol.NO_NEXT_HEADER, 'No next header'],
  [IpProtocol.DESTINATION_OPTIONS, 'Destination options'],
  [IpProtocol.OSPF, 'OSPF'],
  [IpProtocol.PIM, 'PIM'],
  [IpProtocol.VRRP, 'VRRP'],
  [IpProtocol.L2TP, 'L2TP'],
  [IpProtocol.SCTP, 'SCTP'],
  [IpProtocol.UDP_LITE, 'UDP-Lite'],
  [IpProtocol.MPLS_IN_IP, 'MPLS-in-IP'],
]);

/** The name of an IP protocol, `ip-proto-253` when it has none here. */
export function protocolName(protocol: number): string {
  return NAMES.get(protocol) ?? `ip-proto-${protocol}`;
}
