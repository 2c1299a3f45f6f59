import { readU16 } from '../../wire/bytes.ts';
import { ETHERNET_HEADER_LENGTH } from '../../wire/ethernet.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { VLAN_TAG_LENGTH } from '../../wire/vlan.ts';

/**
 * Longest frame of merged TCP segments: an IP packet of 65,535 bytes behind two VLAN tags. Kernels merge segments when they
 * send them to software interfaces (TSO), and drivers when they receive them (GRO). "BIG TCP", whose IP header gives no
 * length, is not meant.
 */
export const MERGED_FRAME_MAX: number = ETHERNET_HEADER_LENGTH + 2 * VLAN_TAG_LENGTH + 65_535;

const PROTOCOL_TCP = 6;

/** Offset of the type field of the frame at `offset`, behind up to `most` VLAN tags. */
export function typeOffset(u8: Uint8Array, offset: number, most: number): number {
  let at = offset + ETHERNET_HEADER_LENGTH - 2;
  let type = readU16(u8, at);
  for (let tags = 0; tags < most && (type === EtherType.VLAN || type === EtherType.S_VLAN); tags++) {
    at += VLAN_TAG_LENGTH;
    type = readU16(u8, at);
  }
  return at;
}

/**
 * Whether a frame holds TCP, behind up to two VLAN tags and no extension headers. Such a frame may be longer than the MTU
 * allows, and is good: its data is a stream. Merged datagrams (UDP GSO) look alike, but nothing tells where each begins.
 */
export function isTcpFrame(u8: Uint8Array, offset: number, length: number): boolean {
  const typeAt = typeOffset(u8, offset, 2);
  const type = readU16(u8, typeAt);
  const at = typeAt + 2;
  if (at + 20 > offset + length) return false;
  if (type === EtherType.IPV4) return u8[at + 9] === PROTOCOL_TCP;
  return type === EtherType.IPV6 && u8[at + 6] === PROTOCOL_TCP;
}
