import { writeU16 } from '../../wire/bytes.ts';
import { foldSum } from '../../wire/checksum.ts';
import { fillIpv4Checksum, ipv4HeaderLength, ipv4Id } from '../../wire/ipv4.ts';
import { udpChecksum, udpLength } from '../../wire/udp.ts';
import { VLAN_TAG_LENGTH } from '../../wire/vlan.ts';
import { typeOffset } from '../kernel/merged-frame.ts';

/**
 * struct virtio_net_hdr (linux/virtio_net.h), which stands before each frame of a socket with PACKET_VNET_HDR. The kernel
 * writes it in the order of a little-endian machine's bytes, which is what this runs on.
 */
export const VNET_HEADER_LENGTH = 10;
const GSO_TYPE = 1;
const GSO_SIZE = 4;
/** VIRTIO_NET_HDR_GSO_UDP_L4. */
const GSO_UDP = 5;

const IPV6_HEADER_LENGTH = 40;
const UDP_HEADER_LENGTH = 8;

/** Whether the frame at `offset` holds several datagrams that its sender's kernel has merged (UDP_SEGMENT). */
export function isMergedDatagrams(u8: Uint8Array, offset: number): boolean {
  return u8[offset - VNET_HEADER_LENGTH + GSO_TYPE] === GSO_UDP;
}

/** Called for each datagram with the place of its frame. */
export type Emit = (offset: number, length: number) => void;

/**
 * Writes the merged datagrams of the frame at `[start, start + length)` of `from` to `to`, one frame each, from `at` on: at
 * offsets congruent 2 modulo 4, with 4 bytes before each. They are as the kernel would have cut them (udp_gso of Linux), with
 * their UDP checksums partial as the merged one was. Calls `emit` for each. Returns the next free offset; or -1, having
 * written nothing, if this is no UDP behind IPv4 or IPv6.
 */
export function splitDatagrams(
  from: Uint8Array,
  start: number,
  length: number,
  to: Uint8Array,
  at: number,
  emit: Emit,
): number {
  // Behind all tags that the kernel has left.
  const ip = typeOffset(from, start, Number.POSITIVE_INFINITY) + 2;
  const version = from[ip] >> 4;
  const udp = ip + (version === 4 ? ipv4HeaderLength(from, ip) : IPV6_HEADER_LENGTH);
  const payload = udp + UDP_HEADER_LENGTH;
  const size =
    from[start - VNET_HEADER_LENGTH + GSO_SIZE] | (from[start - VNET_HEADER_LENGTH + GSO_SIZE + 1] << 8);
  const wholeLength = udpLength(from, udp);
  const end = Math.min(start + length, udp + wholeLength);
  if ((version !== 4 && version !== 6) || payload > end || size === 0) return -1;
  const checksum = udpChecksum(from, udp);
  const headers = payload - start;
  let next = at;
  for (let piece = payload, number = 0; piece < end; piece += size, number++) {
    const count = Math.min(size, end - piece);
    const offset = ((next + 3) & ~3) + VLAN_TAG_LENGTH + 2;
    to.set(from.subarray(start, payload), offset);
    to.set(from.subarray(piece, piece + count), offset + headers);
    const newIp = offset + (ip - start);
    const newUdp = offset + (udp - start);
    const datagram = UDP_HEADER_LENGTH + count;
    if (version === 4) {
      writeU16(to, newIp + 2, udp - ip + datagram);
      writeU16(to, newIp + 4, ipv4Id(from, ip) + number);
      fillIpv4Checksum(to, newIp);
    } else {
      writeU16(to, newIp + 4, datagram);
    }
    writeU16(to, newUdp + 4, datagram);
    // A partial checksum is the sum of the pseudo header, in which the length stands; 0 is none at all.
    if (checksum !== 0) writeU16(to, newUdp + 6, foldSum(checksum + 0xffff + datagram - wholeLength));
    emit(offset, headers + count);
    next = offset + headers + count;
  }
  return next;
}
