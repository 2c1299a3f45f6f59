import { ETHERNET_HEADER_LENGTH } from '../../wire/ethernet.ts';
import { VLAN_TAG_LENGTH } from '../../wire/vlan.ts';
import { framesPerBlock, type RingGeometry, SLOT_OVERHEAD } from './if-packet.ts';

/**
 * Least number of bytes the kernel is asked for in one piece; a power of two and so a multiple of any page size. In a V3
 * ring, a frame may be as long as a block, so that merged frames fit whole.
 */
const MIN_BLOCK = { 2: 64 << 10, 3: 128 << 10 } as const;
const MIN_BLOCKS = 4;
const MIN_FRAMES = 64;
export const CACHE_LINE = 64;

/**
 * A receive ring for frames with two VLAN tags of an interface with that MTU: of as many frames or a few more; of fewer, but
 * not less than 64, where they would take more than `mostBytes`.
 */
export function ringGeometry(
  version: 2 | 3,
  mtu: number,
  frames: number,
  mostBytes: number = Number.POSITIVE_INFINITY,
): RingGeometry {
  const longest = SLOT_OVERHEAD + mtu + ETHERNET_HEADER_LENGTH + 2 * VLAN_TAG_LENGTH;
  const frameSize = Math.ceil(longest / CACHE_LINE) * CACHE_LINE;
  const blockSize = Math.max(MIN_BLOCK[version], 2 ** Math.ceil(Math.log2(frameSize)));
  const perBlock = framesPerBlock({ blockSize, blockCount: 1, frameSize });
  const wanted = fitting(frames, mostBytes, blockSize / perBlock);
  return { blockSize, blockCount: Math.max(MIN_BLOCKS, Math.ceil(wanted / perBlock)), frameSize };
}

/** `count` pieces of `size` bytes; fewer when that is more than `bytes`, but not less than 64. */
export function fitting(count: number, bytes: number, size: number): number {
  return Math.min(count, Math.max(MIN_FRAMES, Math.floor(bytes / size)));
}
