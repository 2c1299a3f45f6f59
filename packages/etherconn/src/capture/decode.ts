import { checkInteger, checkObject, requireBytes, requireInteger } from '../options.ts';
import { readU16 } from '../wire/bytes.ts';
import { ChecksumState } from '../wire/checksum.ts';
import { ETHERNET_DESTINATION, ETHERNET_HEADER_LENGTH, ETHERNET_SOURCE } from '../wire/ethernet.ts';
import { EtherType, formatEtherType } from '../wire/ethertype.ts';
import { I_TAG_LENGTH, isITag, iTagServiceId } from '../wire/i-tag.ts';
import { formatIp } from '../wire/ip.ts';
import { ipv4ChecksumState } from '../wire/ipv4.ts';
import { IPV6_FRAGMENT_LENGTH } from '../wire/ipv6.ts';
import { formatMac } from '../wire/mac.ts';
import { parseFrame, parsePacket } from '../wire/parse.ts';
import { ParseError, parseErrorText } from '../wire/parse-error.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { Fragment, FrameRecord } from '../wire/record.ts';
import { SCTP_HEADER_LENGTH } from '../wire/sctp.ts';
import { TCP_HEADER_LENGTH } from '../wire/tcp.ts';
import { UDP_HEADER_LENGTH, UDP_LENGTH } from '../wire/udp.ts';
import { vlanId, vlanTciAt } from '../wire/vlan.ts';
import { addArp, type DecodedArp } from './decode-arp.ts';
import { type DecodedChecksum, decodedChecksum } from './decode-checksum.ts';
import { addDhcp, type DecodedDhcp } from './decode-dhcp.ts';
import { addIgmp, addMld, type DecodedGroups } from './decode-groups.ts';
import { addIcmpv4, addIcmpv6, type DecodedIcmp } from './decode-icmp.ts';
import { addNd, type DecodedNd } from './decode-nd.ts';
import { type CapturePacket, isRawIp, LinkType } from './packet.ts';
import { formatTimestamp } from './timestamp.ts';

/**
 * The content of a frame, flat and ready for JSON. The fields of a layer exist if its header is complete; `error`
 * says what is malformed.
 */
export interface DecodedFrame extends DecodedArp, DecodedIcmp, DecodedNd, DecodedGroups, DecodedDhcp {
  /** Lower case, with colons. */
  'eth.src'?: string;
  'eth.dst'?: string;
  /** Innermost EtherType, like '0x0800'; absent on IEEE 802.3 length frames. */
  'eth.type'?: string;
  /** VIDs of all tags (0 in a priority tag), outermost first; absent if there are none. */
  'vlan.ids'?: number[];
  /**
   * Service number of an 802.1ah tag (EtherType 0x88e7), and the addresses of the customer frame after it. eth.type
   * is the type of that frame, vlan.ids continues with its tags, and all further fields belong to it.
   */
  'ieee8021ah.isid'?: number;
  'ieee8021ah.cdst'?: string;
  'ieee8021ah.csrc'?: string;
  'ip.version'?: 4 | 6;
  /** Canonical text (IPv6: RFC 5952). */
  'ip.src'?: string;
  'ip.dst'?: string;
  /**
   * Protocol number. IPv6: what follows the hop-by-hop, routing, destination and fragment headers; in later
   * fragments the fragment header's next header; left out when the chain is cut off.
   */
  'ip.proto'?: number;
  /** Whether this is a fragment; false for an IPv6 atomic fragment (RFC 6946). */
  'ip.frag'?: boolean;
  'ip.checksum'?: 'good' | 'bad' | 'absent';
  /**
   * The IPv4 total length is 0: the capture shows a packet that the sender's hardware has not segmented yet. The
   * packet then extends to the end of the frame.
   */
  'ip.tso'?: true;
  'udp.srcport'?: number;
  'udp.dstport'?: number;
  /** The header's length field: header and payload. */
  'udp.length'?: number;
  /** Bytes of payload that are present: within the frame, the IP packet and the UDP length. */
  'udp.payloadLength'?: number;
  'udp.checksum'?: Exclude<DecodedChecksum, 'absent'>;
  /** What is malformed, and which header is incomplete. */
  error?: string;
}

/** {@link DecodedFrame} of a packet in a capture. */
export interface DecodedPacket extends DecodedFrame {
  /** Position in the capture, starting at 1. */
  'frame.number': number;
  /** UTC with nine digits of fraction; absent if the capture does not say. */
  'frame.time'?: string;
}

/** Decodes the frame `[start, start + length)` of `u8`, by default all of it. Never throws for any bytes. */
export function decodeFrame(u8: Uint8Array, start = 0, length?: number): DecodedFrame {
  requireBytes('u8', u8);
  requireInteger('start', start, 0, u8.length);
  const decoded: DecodedFrame = {};
  const rest = u8.length - start;
  addLayers(decoded, u8, start, checkInteger('length', length, 0, rest, rest));
  return decoded;
}

/**
 * Decodes a packet of a capture: an Ethernet frame or a raw IP packet. For another link type, the result has only
 * an `error`.
 */
export function decodePacket(packet: CapturePacket, number: number): DecodedPacket {
  checkObject(packet, 'packet');
  requireBytes('packet.data', packet.data);
  const decoded: DecodedPacket = { 'frame.number': number };
  if (packet.timestamp !== undefined) decoded['frame.time'] = formatTimestamp(packet.timestamp);
  if (packet.linkType === LinkType.ETHERNET) addLayers(decoded, packet.data, 0, packet.data.length);
  else if (isRawIp(packet.linkType)) addPacket(decoded, packet.data);
  else decoded.error = `link type ${packet.linkType} is not Ethernet`;
  return decoded;
}

function addLayers(decoded: DecodedFrame, u8: Uint8Array, start: number, length: number): void {
  const record = new FrameRecord();
  parseFrame(u8, start, length, record);
  if (length >= ETHERNET_HEADER_LENGTH) addEthernet(decoded, u8, record);
  if (isITag(record)) addCustomerFrame(decoded, u8, record);
  else addNetwork(decoded, u8, record);
}

/** What is behind an 802.1ah tag. One in another is no more than a type. */
function addCustomerFrame(decoded: DecodedFrame, u8: Uint8Array, outer: FrameRecord): void {
  const start = outer.l3 + I_TAG_LENGTH;
  decoded['ieee8021ah.isid'] = iTagServiceId(u8, outer.l3);
  const record = new FrameRecord();
  parseFrame(u8, start, outer.end - start, record);
  if (outer.end - start >= ETHERNET_HEADER_LENGTH) {
    decoded['ieee8021ah.cdst'] = formatMac(u8, start + ETHERNET_DESTINATION);
    decoded['ieee8021ah.csrc'] = formatMac(u8, start + ETHERNET_SOURCE);
    delete decoded['eth.type'];
    addTypeAndTags(decoded, u8, record);
  }
  addNetwork(decoded, u8, record);
}

function addPacket(decoded: DecodedFrame, u8: Uint8Array): void {
  const record = new FrameRecord();
  parsePacket(u8, 0, u8.length, record);
  addNetwork(decoded, u8, record);
}

function addNetwork(decoded: DecodedFrame, u8: Uint8Array, record: FrameRecord): void {
  if (record.etherType === EtherType.ARP) addArp(decoded, u8, record);
  if (record.ipVersion !== 0) addIp(decoded, u8, record);
  if (record.ipVersion !== 0 && record.fragment !== Fragment.LATER) addTransport(decoded, u8, record);
  const error = errorText(record);
  if (error !== '') decoded.error = error;
}

function addTransport(decoded: DecodedFrame, u8: Uint8Array, record: FrameRecord): void {
  const { protocol, ipVersion } = record;
  if (protocol === IpProtocol.IGMP) addIgmp(decoded, u8, record);
  if (record.payload === 0) return;
  if (protocol === IpProtocol.UDP) {
    addUdp(decoded, u8, record);
    addDhcp(decoded, u8, record);
  } else if (protocol === IpProtocol.ICMP && ipVersion === 4) {
    addIcmpv4(decoded, u8, record);
  } else if (protocol === IpProtocol.ICMPV6 && ipVersion === 6) {
    addIcmpv6(decoded, u8, record);
    addNd(decoded, u8, record);
    addMld(decoded, u8, record);
  }
}

/** Transport headers: shortest length, and the error when that is not there. */
const TRANSPORT_HEADERS: ReadonlyMap<number, readonly [number, number]> = new Map([
  [IpProtocol.UDP, [UDP_HEADER_LENGTH, ParseError.UDP_TRUNCATED]],
  [IpProtocol.TCP, [TCP_HEADER_LENGTH, ParseError.TCP_TRUNCATED]],
  [IpProtocol.SCTP, [SCTP_HEADER_LENGTH, ParseError.SCTP_TRUNCATED]],
]);

/**
 * What is wrong. The record keeps the first thing found, which for a frame that lacks its end is the network
 * layer's length, and takes no offence at a first fragment that is too short for its headers: here the layer
 * that is left out for it is named as well.
 */
function errorText(record: FrameRecord): string {
  // Of a sender's own frame that is no fault.
  const error = record.error === ParseError.IPV4_LENGTH_ZERO ? 0 : record.error;
  const isCut = error === ParseError.IPV4_LENGTH_OVER || error === ParseError.IPV6_LENGTH_OVER;
  if (error !== 0 && !isCut) return parseErrorText(error);
  const further = incompleteHeader(record);
  if (error === 0 || further === 0) return parseErrorText(error || further);
  return `${parseErrorText(error)}; ${parseErrorText(further)}`;
}

/** The error of the header that is not wholly there behind an IP header, 0 when there is none. */
function incompleteHeader(record: FrameRecord): number {
  if (record.ipVersion === 0 || record.fragment === Fragment.LATER) return 0;
  if (record.protocol < 0) return ParseError.IPV6_EXTENSION_TRUNCATED;
  const header = TRANSPORT_HEADERS.get(record.protocol);
  return header !== undefined && record.l3End - record.l4 < header[0] ? header[1] : 0;
}

function addEthernet(decoded: DecodedFrame, u8: Uint8Array, record: FrameRecord): void {
  decoded['eth.src'] = formatMac(u8, record.start + ETHERNET_SOURCE);
  decoded['eth.dst'] = formatMac(u8, record.start + ETHERNET_DESTINATION);
  addTypeAndTags(decoded, u8, record);
}

function addTypeAndTags(decoded: DecodedFrame, u8: Uint8Array, record: FrameRecord): void {
  if (record.etherType !== 0) decoded['eth.type'] = formatEtherType(record.etherType);
  // A tag whose type field is not there any more has been counted, but is not whole.
  const whole =
    record.error === ParseError.VLAN_TRUNCATED
      ? (record.end - record.start - ETHERNET_HEADER_LENGTH) >> 2
      : record.vlanCount;
  if (whole === 0) return;
  const ids = decoded['vlan.ids'] ?? [];
  for (let i = 0; i < whole; i++) ids.push(vlanId(vlanTciAt(u8, record, i)));
  decoded['vlan.ids'] = ids;
}

function addIp(decoded: DecodedFrame, u8: Uint8Array, record: FrameRecord): void {
  const version = record.ipVersion === 4 ? 4 : 6;
  decoded['ip.version'] = version;
  decoded['ip.src'] = formatIp(u8, record.ipSource, version);
  decoded['ip.dst'] = formatIp(u8, record.ipDestination, version);
  const protocol = record.protocol < 0 ? laterFragmentProtocol(u8, record) : record.protocol;
  if (protocol >= 0) decoded['ip.proto'] = protocol;
  decoded['ip.frag'] = record.fragment !== Fragment.NONE;
  if (version === 6) decoded['ip.checksum'] = 'absent';
  else decoded['ip.checksum'] = ipv4ChecksumState(u8, record) === ChecksumState.GOOD ? 'good' : 'bad';
  if (record.error === ParseError.IPV4_LENGTH_ZERO) decoded['ip.tso'] = true;
}

/**
 * The record leaves the protocol open where a later fragment begins with an extension header: what follows
 * that is in the first fragment. The number in the fragment header, 8 bytes before, is shown all the same.
 */
function laterFragmentProtocol(u8: Uint8Array, record: FrameRecord): number {
  return record.fragment === Fragment.LATER && record.l4 !== 0 ? u8[record.l4 - IPV6_FRAGMENT_LENGTH]! : -1;
}

function addUdp(decoded: DecodedFrame, u8: Uint8Array, record: FrameRecord): void {
  decoded['udp.srcport'] = record.sourcePort;
  decoded['udp.dstport'] = record.destinationPort;
  decoded['udp.length'] = readU16(u8, record.l4 + UDP_LENGTH);
  decoded['udp.payloadLength'] = record.payloadEnd - record.payload;
  decoded['udp.checksum'] = decodedChecksum(u8, record);
}
