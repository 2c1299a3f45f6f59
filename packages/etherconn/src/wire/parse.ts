import { parseArp } from './arp.ts';
import { parseCommonFrame } from './common-frame.ts';
import { parseEthernet } from './ethernet.ts';
import { EtherType } from './ethertype.ts';
import { parseIcmpv4 } from './icmpv4.ts';
import { parseIcmpv6 } from './icmpv6.ts';
import { parseIpv4 } from './ipv4.ts';
import { parseIpv6 } from './ipv6.ts';
import { parseNd } from './nd.ts';
import { ParseError } from './parse-error.ts';
import { IpProtocol } from './protocol.ts';
import { type FrameRecord, resetRecord } from './record.ts';
import { parseSctp } from './sctp.ts';
import { parseTcp } from './tcp.ts';
import { parseUdp } from './udp.ts';

/**
 * Parses the frame `[start, start + length)` of `u8` into `record`, down to the transport layer. Accepts any bytes:
 * faults are in `record.error`, nothing is thrown, and nothing outside the frame is read. Does not verify checksums
 * (see `ipv4ChecksumState` and `transportChecksumState`).
 */
export function parseFrame(u8: Uint8Array, start: number, length: number, record: FrameRecord): void {
  if (!parseCommonFrame(u8, start, length, record)) parseLayers(u8, start, length, record);
}

/** {@link parseFrame} without its short cut: every frame goes layer by layer. For the test that compares the two. */
export function parseLayers(u8: Uint8Array, start: number, length: number, record: FrameRecord): void {
  resetRecord(record, start, start + length);
  parseEthernet(u8, record);
  if (record.error !== 0) return;
  const etherType = record.etherType;
  if (etherType === EtherType.IPV4) parseOverIpv4(u8, record);
  else if (etherType === EtherType.IPV6) parseOverIpv6(u8, record);
  else if (etherType === EtherType.ARP) parseArp(u8, record);
}

/**
 * Same as {@link parseFrame} for an IP packet without a link header (raw IP captures, the packet in an ICMP error)
 * of either version. The link layer's fields keep their "absent" values, but for l3.
 */
export function parsePacket(u8: Uint8Array, start: number, length: number, record: FrameRecord): void {
  resetRecord(record, start, start + length);
  record.l3 = start;
  record.l3End = start + length;
  if (length < 1) record.error = ParseError.IPV4_TRUNCATED;
  else if (u8[start] >> 4 === 6) parseOverIpv6(u8, record);
  else parseOverIpv4(u8, record);
}

function parseOverIpv4(u8: Uint8Array, record: FrameRecord): void {
  const declaredEnd = parseIpv4(u8, record);
  if (declaredEnd < 0) return;
  if (record.protocol === IpProtocol.UDP) parseUdp(u8, record, declaredEnd);
  else if (record.protocol === IpProtocol.TCP) parseTcp(u8, record, declaredEnd);
  else if (record.protocol === IpProtocol.ICMP) parseIcmpv4(record);
  else if (record.protocol === IpProtocol.SCTP) parseSctp(u8, record);
}

function parseOverIpv6(u8: Uint8Array, record: FrameRecord): void {
  const declaredEnd = parseIpv6(u8, record);
  if (declaredEnd < 0) return;
  if (record.protocol === IpProtocol.UDP) {
    parseUdp(u8, record, declaredEnd);
  } else if (record.protocol === IpProtocol.TCP) {
    parseTcp(u8, record, declaredEnd);
  } else if (record.protocol === IpProtocol.ICMPV6) {
    parseIcmpv6(record);
    if (record.payload !== 0) parseNd(u8, record);
  } else if (record.protocol === IpProtocol.SCTP) {
    parseSctp(u8, record);
  }
}
