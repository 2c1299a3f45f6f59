/**
 * The kernel's AF_PACKET interface: numbers and structures of linux/if_packet.h and linux/if_ether.h,
 * as they are on x86-64 and arm64. Structures are in the machine's own byte order.
 */

import { networkOrder16 } from '../../wire/byte-order.ts';

export const AF_PACKET = 17;
const ETH_P_ALL = 0x0003;

export const SOL_PACKET = 263;
export const PACKET_ADD_MEMBERSHIP = 1;
export const PACKET_RX_RING = 5;
export const PACKET_STATISTICS = 6;
export const PACKET_COPY_THRESH = 7;
export const PACKET_VERSION = 10;
export const PACKET_RESERVE = 12;
export const PACKET_VNET_HDR = 15;
export const PACKET_QDISC_BYPASS = 20;
export const PACKET_IGNORE_OUTGOING = 23;

export const TPACKET_V2 = 1;
export const TPACKET_V3 = 2;

/** Bits of a ring header's tp_status. */
export const TP_STATUS_USER: number = 1 << 0;
/** The frame was too long for its slot, and the socket has a copy of it to be received (PACKET_COPY_THRESH). */
export const TP_STATUS_COPY: number = 1 << 1;
export const TP_STATUS_CSUMNOTREADY: number = 1 << 3;
export const TP_STATUS_VLAN_VALID: number = 1 << 4;
export const TP_STATUS_VLAN_TPID_VALID: number = 1 << 6;
export const TP_STATUS_CSUM_VALID: number = 1 << 7;

/** sll_pkttype of a frame that this machine has sent. */
export const PACKET_OUTGOING = 4;

const PACKET_MR_PROMISC = 1;

/** struct sockaddr_ll that binds to an interface, and to all its protocols; with protocol 0 only to send. */
export function bindAddress(interfaceIndex: number, protocol: number = ETH_P_ALL): Uint8Array {
  const address = new Uint8Array(20);
  new Uint16Array(address.buffer, 0, 2).set([AF_PACKET, networkOrder16(protocol)]);
  new Uint32Array(address.buffer, 4, 1)[0] = interfaceIndex;
  return address;
}

/** struct packet_mreq that asks for promiscuity. It ends with the socket, so also when the process is killed. */
export function promiscuousMembership(interfaceIndex: number): Uint8Array {
  const request = new Uint8Array(16);
  new Uint32Array(request.buffer, 0, 1)[0] = interfaceIndex;
  new Uint16Array(request.buffer, 4, 1)[0] = PACKET_MR_PROMISC;
  return request;
}

/** How a receive ring is laid out: blocks of whole frames. */
export interface RingGeometry {
  /** Bytes; a multiple of the page size. */
  readonly blockSize: number;
  readonly blockCount: number;
  /** Bytes of a slot, header included. In a V3 ring only what a frame may take at most. */
  readonly frameSize: number;
}

/** Frames that start within a block. */
export function framesPerBlock(geometry: RingGeometry): number {
  return Math.floor(geometry.blockSize / geometry.frameSize);
}

/** Longest frame that a slot of a V2 ring is sure to hold, in bytes; a tag that the kernel has stripped not counted. */
export function longestInSlot(geometry: RingGeometry): number {
  return geometry.frameSize - SLOT_OVERHEAD;
}

/** struct tpacket_req. */
export function ringRequestV2(geometry: RingGeometry): Uint32Array {
  const frames = framesPerBlock(geometry) * geometry.blockCount;
  return new Uint32Array([geometry.blockSize, geometry.blockCount, geometry.frameSize, frames]);
}

/** struct tpacket_req3; a block that is not full is handed over after `timeout` milliseconds. */
export function ringRequestV3(geometry: RingGeometry, timeout: number): Uint32Array {
  const frames = framesPerBlock(geometry) * geometry.blockCount;
  return new Uint32Array([
    geometry.blockSize,
    geometry.blockCount,
    geometry.frameSize,
    frames,
    timeout,
    0, // tp_sizeof_priv
    0, // tp_feature_req_word
  ]);
}

/**
 * Room that is asked for before each frame (PACKET_RESERVE), for one VLAN tag that the kernel has stripped and that is put
 * back. With the 10 bytes of struct virtio_net_hdr a multiple of 4, so that frames stay at offsets congruent 2 modulo 4.
 */
export const FRAME_RESERVE = 6;

/** Most bytes before a frame in a slot: the larger of the two headers, the address, alignment, the reserve. */
export const SLOT_OVERHEAD = 112;
