/** Captures: pcap and pcapng, read and written as streams; what is in a frame, for people and JSON. */
export {
  type DecodedChecksum,
  type DecodedFrame,
  type DecodedPacket,
  decodeFrame,
  decodePacket,
} from './decode.ts';
export { CaptureError } from './error.ts';
export {
  type CaptureDirection,
  type CapturePacket,
  LinkType,
  MAX_ETHERNET_LENGTH,
  MAX_PACKET_LENGTH,
  VerdictType,
} from './packet.ts';
export { type PcapPacket, PcapWriter, type PcapWriterOptions } from './pcap-writer.ts';
export {
  type PcapngInterfaceOptions,
  type PcapngPacket,
  PcapngWriter,
  type PcapngWriterOptions,
  xdpVerdict,
} from './pcapng-writer.ts';
export { type CaptureSource, readCapture, readCaptureFile } from './read.ts';
export type { CaptureSink } from './sink.ts';
export { formatTimestamp } from './timestamp.ts';
