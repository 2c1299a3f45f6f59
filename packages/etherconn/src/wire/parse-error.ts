/**
 * What a parser can find wrong with a frame, as small integers for the hot path. Texts are static: no
 * message is put together per frame.
 */
export const ParseError = {
  NONE: 0,
  ETHERNET_TRUNCATED: 1,
  ETHERNET_LENGTH_OVER: 2,
  VLAN_TRUNCATED: 3,
  ARP_TRUNCATED: 4,
  IPV4_TRUNCATED: 5,
  IPV4_VERSION: 6,
  IPV4_HEADER_LENGTH: 7,
  IPV4_LENGTH_UNDER: 8,
  /** Parsing goes on with the bytes that are there. */
  IPV4_LENGTH_OVER: 9,
  IPV6_TRUNCATED: 10,
  IPV6_VERSION: 11,
  /** Parsing goes on with the bytes that are there. */
  IPV6_LENGTH_OVER: 12,
  IPV6_EXTENSION_TRUNCATED: 13,
  UDP_TRUNCATED: 14,
  UDP_LENGTH_UNDER: 15,
  UDP_LENGTH_OVER: 16,
  TCP_TRUNCATED: 17,
  TCP_DATA_OFFSET_UNDER: 18,
  TCP_DATA_OFFSET_OVER: 19,
  SCTP_TRUNCATED: 20,
  ICMPV4_TRUNCATED: 21,
  ICMPV6_TRUNCATED: 22,
  ND_TRUNCATED: 23,
  ND_OPTION_LENGTH: 24,
  /** Parsing goes on to the frame's end: what TCP segmentation offload leaves in captures of a sender. */
  IPV4_LENGTH_ZERO: 25,
} as const;

const TEXTS: readonly string[] = [
  '',
  'ethernet: header is not whole (under 14 bytes)',
  'ethernet: 802.3 length is over the bytes there',
  'vlan: tag is cut off',
  'arp: packet is not whole',
  'ipv4: header is not whole',
  'ipv4: version is not 4',
  'ipv4: header length is under 20',
  'ipv4: total length is under the header length',
  'ipv4: total length is over the bytes there',
  'ipv6: header is not whole (under 40 bytes)',
  'ipv6: version is not 6',
  'ipv6: payload length is over the bytes there',
  'ipv6: extension header is not whole',
  'udp: header is not whole (under 8 bytes)',
  'udp: length is under 8',
  'udp: length is over the IP payload',
  'tcp: header is not whole (under 20 bytes)',
  'tcp: data offset is under 20',
  'tcp: data offset is over the IP payload',
  'sctp: header is not whole (under 12 bytes)',
  'icmpv4: header is not whole (under 8 bytes)',
  'icmpv6: header is not whole (under 4 bytes)',
  'icmpv6: neighbor discovery message is not whole',
  'icmpv6: neighbor discovery option has no valid length',
  'ipv4: total length is 0, as segmentation offload leaves it',
];

/** What a code of {@link ParseError} says, for people; '' for 0. */
export function parseErrorText(code: number): string {
  return TEXTS[code] ?? `unknown parse error ${code}`;
}
