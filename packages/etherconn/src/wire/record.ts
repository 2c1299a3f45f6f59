/**
 * The flat record that every parser in `wire/` fills: small integers only, so that demultiplexing is
 * arithmetic and a frame costs no object.
 *
 * Contract: all offsets are absolute offsets into the byte array that the parser got. If {@link FrameRecord.error}
 * is 0, every range named by the record lies inside the frame. If it is not, the fields of the layers before the
 * faulty one are still right and in bounds, and the faulty layer and those above it keep their "absent" values. Two
 * kinds of fault do not stop the parser: an IP length over the bytes that are there, or a total length of 0 (it
 * goes on with what is there), and a wrong length or data offset in a transport header that is whole (its ports
 * stand). Bounds come from the protocols' own length fields, never from Ethernet padding.
 *
 * One record is reused for all frames. Copy the fields that you need later.
 */
export class FrameRecord {
  /** Offset of the first byte (destination MAC). */
  start = 0;
  /** Offset after the last byte that is present. */
  end = 0;
  /** The first fault, a code of {@link ParseError}; 0 if there is none. */
  error = 0;

  /** Innermost EtherType; 0 on an IEEE 802.3 length frame, or if the header is incomplete. */
  etherType = 0;
  /** IEEE 802.3 length field of the innermost header when it is one (< 0x0600), else -1. */
  length8023 = -1;
  /** Number of VLAN tags (802.1Q or 802.1ad) with a complete VID, including those beyond two. */
  vlanCount = 0;
  /** Tag control information (PCP, DEI, VID) of the outermost tag, 0 when there is none. */
  vlanTci0 = 0;
  /** Tag control information of the second tag, 0 when there is none. */
  vlanTci1 = 0;
  /**
   * The VLANs as one integer, see `vlanKey()` in vlan.ts: priority tags (VID 0) do not count, so a
   * priority-tagged frame has the key of an untagged one.
   */
  vlanKey = 0;

  /** Offset of the Ethernet payload, 0 if the Ethernet header is incomplete. */
  l3 = 0;
  /** Offset after the network layer's own end (IP total/payload length, 802.3 length), else `end`. */
  l3End = 0;
  /** 4, 6, or 0 if there is no complete IP header. */
  ipVersion = 0;
  /** Offset of the source address (4 or 16 bytes), 0 without IP. */
  ipSource = 0;
  /** Offset of the destination address, 0 without IP. */
  ipDestination = 0;
  /**
   * IP protocol number, for IPv6 the one after the extension headers; -1 when not known: the chain is cut off, or
   * this is a later fragment that begins inside it.
   */
  protocol = -1;
  /** {@link Fragment.NONE}, FIRST or LATER. An IPv6 atomic fragment (RFC 6946) counts as NONE. */
  fragment = 0;

  /** Offset of the transport header (or of a later fragment's bytes), 0 when there is none. */
  l4 = 0;
  /** Source port of a whole UDP, TCP (its fixed 20 bytes) or SCTP header, else -1. */
  sourcePort = -1;
  /** Destination port of a whole UDP, TCP (its fixed 20 bytes) or SCTP header, else -1. */
  destinationPort = -1;
  /**
   * Offset of the transport payload, 0 when there is no whole transport header of UDP, TCP (with options), SCTP
   * (12 bytes), ICMPv4 (8 bytes) or ICMPv6 (4 bytes).
   */
  payload = 0;
  /** Offset after the transport payload that is really there. */
  payloadEnd = 0;
}

/** Values of {@link FrameRecord.fragment}. */
export const Fragment = {
  NONE: 0,
  /** Offset 0 with more fragments to come: the transport header is here, the checksum cannot be verified. */
  FIRST: 1,
  /** Offset above 0: there is no transport header. */
  LATER: 2,
} as const;

/** Sets a record back to "nothing known" for the frame at `[start, end)`. */
export function resetRecord(record: FrameRecord, start: number, end: number): void {
  record.start = start;
  record.end = end;
  record.error = 0;
  record.etherType = 0;
  record.length8023 = -1;
  record.vlanCount = 0;
  record.vlanTci0 = 0;
  record.vlanTci1 = 0;
  record.vlanKey = 0;
  record.l3 = 0;
  record.l3End = 0;
  record.ipVersion = 0;
  record.ipSource = 0;
  record.ipDestination = 0;
  record.protocol = -1;
  record.fragment = 0;
  record.l4 = 0;
  record.sourcePort = -1;
  record.destinationPort = -1;
  record.payload = 0;
  record.payloadEnd = 0;
}
