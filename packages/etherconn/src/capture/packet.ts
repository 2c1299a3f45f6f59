/**
 * What a capture holds, whichever the file format: packets with the time they were seen. The optional
 * fields exist in pcapng only (draft-ietf-opsawg-pcapng, section 4.3).
 */

/** Link-layer types (draft-ietf-opsawg-pcaplinktype) that etherconn uses. */
export const LinkType = {
  NULL: 0,
  /** Ethernet frames without preamble. */
  ETHERNET: 1,
  /** IP packets of either version, without a link header. */
  RAW: 101,
  LINUX_SLL: 113,
  IPV4: 228,
  IPV6: 229,
  LINUX_SLL2: 276,
} as const;

/** What some systems have written into files for RAW: their own number of it. */
const RAW_OF_OLD: readonly number[] = [12, 14];

/** Whether packets of a link type are IP packets without a link header. */
export function isRawIp(linkType: number): boolean {
  return (
    linkType === LinkType.RAW ||
    linkType === LinkType.IPV4 ||
    linkType === LinkType.IPV6 ||
    RAW_OF_OLD.includes(linkType)
  );
}

/** The direction of a packet, as seen by the capturing interface (epb_flags, bits 0 and 1). */
export type CaptureDirection = 'in' | 'out';

/** One packet of a capture. */
export interface CapturePacket {
  /** Nanoseconds since the Unix epoch; undefined in a pcapng Simple Packet Block, which has no time. */
  timestamp: bigint | undefined;
  /** The captured bytes: a copy that belongs to the receiver. */
  data: Uint8Array;
  /** Length of the packet on the wire. Greater than `data.length` if the capture truncated it. */
  originalLength: number;
  /** Number of the interface within its pcapng section, from 0; always 0 in pcap. */
  interfaceId: number;
  /** Link-layer type of the interface: {@link LinkType}. */
  linkType: number;
  /** if_name of the interface. */
  interfaceName?: string;
  /** From epb_flags; absent if the file does not say. */
  direction?: CaptureDirection;
  /** The whole epb_flags word. */
  flags?: number;
  /** epb_queue: the interface queue of the packet. */
  queue?: number;
  /** epb_dropcount: packets lost by interface and system between the previous packet and this one. */
  dropCount?: number;
  /** epb_packetid. */
  packetId?: bigint;
  /** The first epb_verdict: one octet of type ({@link VerdictType}) and its data. */
  verdict?: Uint8Array;
  /** The first opt_comment. */
  comment?: string;
}

/** First octet of {@link CapturePacket.verdict}. */
export const VerdictType = {
  HARDWARE: 0,
  /** Followed by the 64-bit TC_ACT_ value. */
  EBPF_TC: 1,
  /** Followed by the 64-bit XDP_ value. */
  EBPF_XDP: 2,
} as const;

/**
 * Longest Ethernet packet in a capture, in bytes, as with libpcap and Wireshark. A longer one counts as a damaged
 * header, so that no file can cause arbitrary allocations.
 */
export const MAX_ETHERNET_LENGTH: number = 262_144;

/** Longest packet of any other link type, in bytes. */
export const MAX_PACKET_LENGTH: number = 16 * 1024 * 1024;

/** Longest packet allowed for a link type, bytes. */
export function maxPacketLength(linkType: number): number {
  return linkType === LinkType.ETHERNET ? MAX_ETHERNET_LENGTH : MAX_PACKET_LENGTH;
}
