/**
 * The kernel's AF_XDP interface: numbers and structures of linux/if_xdp.h, as they are on x86-64 and
 * arm64. Structures are in the machine's own byte order, which is little-endian on both.
 */

export const AF_XDP = 44; // linux/socket.h

/** Level of the options below (linux/socket.h). */
export const SOL_XDP = 283;
export const XDP_MMAP_OFFSETS = 1;
export const XDP_RX_RING = 2;
export const XDP_TX_RING = 3;
export const XDP_UMEM_FILL_RING = 5;
export const XDP_UMEM_COMPLETION_RING = 6;
export const XDP_STATISTICS = 7;
export const XDP_OPTIONS = 8;

/** Bits of sxdp_flags. */
export const BindFlag = {
  SHARED_UMEM: 0x01,
  COPY: 0x02,
  ZEROCOPY: 0x04,
  USE_NEED_WAKEUP: 0x08,
  /** Packets of several descriptors; Linux 6.6 and later. */
  USE_SG: 0x10,
} as const;

/** Bit of the flags of struct xdp_options. */
export const XDP_OPTIONS_ZEROCOPY = 1;

/** Bit of a ring's flags: the kernel does not look at the ring by itself. */
export const XDP_RING_NEED_WAKEUP = 1;

/** Bit of a descriptor's options: the packet goes on in the next descriptor. */
export const XDP_PKT_CONTD = 1;

/** Where a socket's rings are mapped from. */
export const XDP_PGOFF_RX_RING = 0;
export const XDP_PGOFF_TX_RING = 0x80000000;
export const XDP_UMEM_PGOFF_FILL_RING = 0x100000000;
export const XDP_UMEM_PGOFF_COMPLETION_RING = 0x180000000;

/** Bytes that the kernel keeps free before each received frame (XDP_PACKET_HEADROOM, linux/bpf.h). */
export const XDP_PACKET_HEADROOM = 256;

/** Bytes of struct xdp_desc, in the RX and TX rings. */
export const DESCRIPTOR_SIZE = 16;
/** Bytes of an address, in the fill and completion rings. */
export const ADDRESS_SIZE = 8;

/** struct sockaddr_xdp. */
export function bindAddress(
  flags: number,
  interfaceIndex: number,
  queue: number,
  sharedUmemFd: number,
): Uint8Array {
  const address = new Uint8Array(16);
  new Uint16Array(address.buffer, 0, 2).set([AF_XDP, flags]);
  new Uint32Array(address.buffer, 4, 3).set([interfaceIndex, queue, sharedUmemFd]);
  return address;
}

/** struct xdp_ring_offset: where in a ring's mapping its parts are, in bytes. */
export interface RingOffsets {
  readonly producer: number;
  readonly consumer: number;
  readonly entries: number;
  readonly flags: number;
}

/** struct xdp_mmap_offsets. */
export interface MappingOffsets {
  readonly rx: RingOffsets;
  readonly tx: RingOffsets;
  readonly fill: RingOffsets;
  readonly completion: RingOffsets;
}

/** Bytes of struct xdp_mmap_offsets. */
export const MMAP_OFFSETS_SIZE = 128;

/** Reads struct xdp_mmap_offsets, as the option XDP_MMAP_OFFSETS gives it. */
export function readMappingOffsets(bytes: Uint8Array): MappingOffsets {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const at = (ring: number): RingOffsets => ({
    producer: view.getUint32(ring * 32, true),
    consumer: view.getUint32(ring * 32 + 8, true),
    entries: view.getUint32(ring * 32 + 16, true),
    flags: view.getUint32(ring * 32 + 24, true),
  });
  return { rx: at(0), tx: at(1), fill: at(2), completion: at(3) };
}

/**
 * struct xdp_statistics: what the kernel has counted (xsk_getsockopt). All is of the one socket but `rxFillRingEmpty`,
 * which is the pool's: of the queue and its packet memory. Every socket that is bound to that queue tells the same
 * number, one that only sends as well.
 */
export interface XdpStatistics {
  /** Dropped for other reasons than a full RX ring: no chunk in the fill ring, or too long for one. */
  readonly rxDropped: number;
  /** Of the RX ring, which the kernel writes itself: 0. Wrong addresses in the fill ring are counted nowhere. */
  readonly rxInvalidDescriptors: number;
  readonly txInvalidDescriptors: number;
  /** Dropped because the RX ring was full. */
  readonly rxRingFull: number;
  /** Times the fill ring was empty. Copy mode counts the frame in `rxDropped`, too. */
  readonly rxFillRingEmpty: number;
  /** Times the kernel found nothing in the TX ring. */
  readonly txRingEmpty: number;
}

/** Bytes of struct xdp_statistics. */
export const STATISTICS_SIZE = 48;

/** Reads struct xdp_statistics. Exact up to 2^53. */
export function readStatistics(bytes: Uint8Array): XdpStatistics {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const at = (field: number) =>
    view.getUint32(field * 8, true) + view.getUint32(field * 8 + 4, true) * 0x100000000;
  return {
    rxDropped: at(0),
    rxInvalidDescriptors: at(1),
    txInvalidDescriptors: at(2),
    rxRingFull: at(3),
    rxFillRingEmpty: at(4),
    txRingEmpty: at(5),
  };
}
