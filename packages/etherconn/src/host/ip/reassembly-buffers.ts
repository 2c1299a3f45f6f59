import { allocateFrameMemory } from '../../link/frame-memory.ts';
import type { FrameMemory } from '../../link/link.ts';

/**
 * Bytes before a datagram's fragmentable part, for the Ethernet header with its tags, the IP header, and IPv6
 * extension headers. First fragments with longer headers are refused.
 */
export const HEADROOM = 512;

/** Sizes of buffers. Most datagrams have two or three fragments; the largest size holds any datagram. */
const SIZES: readonly number[] = [HEADROOM + 4096, HEADROOM + 16384, HEADROOM + 65536];
/** Bytes of spare buffers kept for each size: as many as one batch of frames may need. */
const SPARE_BYTES = 1 << 19;

/**
 * Maximum bytes of buffers in use by all hosts of a thread. Each of thousands of hosts keeps a fragment that is
 * broadcast, so the limit per host is not enough.
 */
const THREAD_BYTES = 128 << 20;

let inUse = 0;

/** Shared by all hosts of a thread, because a single host rarely needs one. */
const spare: FrameMemory[][] = SIZES.map(() => []);

/** Size of the smallest buffer for a fragmentable part of `length` bytes (at most 65,535). */
export function bufferSizeFor(length: number): number {
  const needed = HEADROOM + length;
  for (const size of SIZES) if (needed <= size) return size;
  return SIZES[SIZES.length - 1];
}

/** Whether this thread may use so many more bytes. */
export function hasRoomFor(bytes: number): boolean {
  return inUse + bytes <= THREAD_BYTES;
}

/** Returns a buffer of one of the sizes, with leftover content. */
export function takeBuffer(size: number): FrameMemory {
  inUse += size;
  return spare[SIZES.indexOf(size)].pop() ?? allocateFrameMemory(size);
}

export function giveBuffer(buffer: FrameMemory): void {
  inUse -= buffer.u8.length;
  const list = spare[SIZES.indexOf(buffer.u8.length)];
  if ((list.length + 1) * buffer.u8.length <= SPARE_BYTES) list.push(buffer);
}
