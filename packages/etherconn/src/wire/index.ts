/**
 * Wire formats: pure functions over bytes, one file per protocol. Nothing here depends on Node.
 *
 * Contract: `parseFrame` accepts any bytes. If it leaves `record.error` at 0, every range and accessor of the
 * layers that the record names lies inside the frame; if not, the layers before the faulty one are still right.
 *
 * Bytes, records and offsets are not checked, because these functions run for each frame: a value that is no
 * Uint8Array or FrameRecord causes an error of the engine. Text and options are checked.
 */
export * from './arp.ts';
export * from './build.ts';
export * from './checksum.ts';
export * from './crc32c.ts';
export * from './dhcpv4.ts';
export * from './dhcpv4-options.ts';
export * from './ethernet.ts';
export * from './ethertype.ts';
export * from './group-record.ts';
export * from './i-tag.ts';
export * from './icmpv4.ts';
export * from './icmpv6.ts';
export * from './igmp.ts';
export * from './ip.ts';
export * from './ipv4.ts';
export * from './ipv6.ts';
export * from './mac.ts';
export * from './mld.ts';
export * from './nd.ts';
export { parseFrame, parsePacket } from './parse.ts';
export * from './parse-error.ts';
export * from './print.ts';
export * from './protocol.ts';
export * from './record.ts';
export * from './sctp.ts';
export * from './tcp.ts';
export * from './transport-checksum.ts';
export * from './udp.ts';
export * from './vlan.ts';
