/** Captures: pcap and pcapng, read and written as streams; what is in a frame, for people and JSON. */
export {
  type DecodedFrame,
  type DecodedPacket,
  decodeFrame,
  decodePacket,
} from './decode.ts';
export type { DecodedArp } from './decode-arp.ts';
export type { DecodedChecksum } from './decode-checksum.ts';
export type { DecodedDhcp } from './decode-dhcp.ts';
export type { DecodedGroupRecord, DecodedGroups } from './decode-groups.ts';
export type { DecodedIcmp } from './decode-icmp.ts';
export type { DecodedNd } from './decode-nd.ts';
export { CaptureError } from './error.ts';
export {
  type CaptureDirection,
  type CapturePacket,
  isRawIp,
  LinkType,
  MAX_ETHERNET_LENGTH,
  MAX_PACKET_LENGTH,
  VerdictType,
} from './packet.ts';
export { type PcapPacket, PcapWriter, type PcapWriterOptions } from './pcap-writer.ts';
export {
  type PcapngInterfaceOptions,
  type PcapngPacket,
  type PcapngStatistics,
  PcapngWriter,
  type PcapngWriterOptions,
  xdpVerdict,
} from './pcapng-writer.ts';
export { type CaptureSource, readCapture, readCaptureFile } from './read.ts';
export type { CaptureSink } from './sink.ts';
export { formatTimestamp } from './timestamp.ts';
