import { allocateFrameMemory } from '../../link/frame-memory.ts';
import type { FrameMemory } from '../../link/link.ts';

/**
 * Bytes before a datagram's fragmentable part: the Ethernet header with its tags, the IP header, and IPv6 extension
 * headers. First fragments with more of them are refused.
 */
export const HEADROOM = 512;

/** Sizes of buffers: most datagrams have two or three fragments; the largest takes any datagram there can be. */
const SIZES: readonly number[] = [HEADROOM + 4096, HEADROOM + 16384, HEADROOM + 65536];
/** Bytes of buffers, of each size, that are kept for the next datagrams: as many as one batch of frames may need. */
const SPARE_BYTES = 1 << 19;

/**
 * Bytes of buffers in use that all hosts of a thread may have together: a fragment that is broadcast is kept by each of
 * thousands of hosts, and the bound of each alone would not hold.
 */
const THREAD_BYTES = 128 << 20;

let inUse = 0;

/** Shared by all hosts of a thread: a host on its own mostly needs none, and thousands of them would need thousands. */
const spare: FrameMemory[][] = SIZES.map(() => []);

/** Bytes of the smallest buffer for a fragmentable part of `length` bytes (at most 65,535). */
export function bufferSizeFor(length: number): number {
  const needed = HEADROOM + length;
  for (const size of SIZES) if (needed <= size) return size;
  return SIZES[SIZES.length - 1];
}

/** Whether this thread's datagrams may take so many bytes more. */
export function hasRoomFor(bytes: number): boolean {
  return inUse + bytes <= THREAD_BYTES;
}

/** A buffer of one of the sizes; what it holds is left over from before. */
export function takeBuffer(size: number): FrameMemory {
  inUse += size;
  return spare[SIZES.indexOf(size)].pop() ?? allocateFrameMemory(size);
}

export function giveBuffer(buffer: FrameMemory): void {
  inUse -= buffer.u8.length;
  const list = spare[SIZES.indexOf(buffer.u8.length)];
  if ((list.length + 1) * buffer.u8.length <= SPARE_BYTES) list.push(buffer);
}
