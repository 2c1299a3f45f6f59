import { allocateSummableMemory, detachFrameMemory } from '../frame-memory.ts';
import { MERGED_FRAME_MAX } from '../kernel/merged-frame.ts';
import type { FrameMemory } from '../link.ts';
import { VNET_HEADER_LENGTH } from './merged-datagrams.ts';

/** Bytes of frames that one batch can have. */
const MEMORY_BYTES = 2 << 20;
/** Before each received frame: struct virtio_net_hdr, at an offset that leaves the frame congruent 2 modulo 4, as in rings. */
const START = 4 + VNET_HEADER_LENGTH;
/** Bytes that a merged frame may grow by when it is split: headers for each of 128 datagrams (UDP_MAX_SEGMENTS of Linux). */
const SPLIT_MAX = 128 * 128;

/**
 * Frames that cannot be delivered out of the ring: those too long for their slot in a V2 ring, received from the socket
 * by one call for each, which saves about forty frames of 1500 bytes; and datagrams that came merged. They are delivered in
 * batches of their own, out of this memory, which is not there before the first one comes.
 */
export class ApartFrames {
  /** Of the batch, once one has begun. */
  memory: FrameMemory | undefined;
  #used = 0;
  readonly #receive: (bytes: Uint8Array, offset: number) => number;

  /** `receive` puts the next frame, with its virtio_net_hdr, into memory; returns their length, or a negative errno. */
  constructor(receive: (bytes: Uint8Array, offset: number) => number) {
    this.#receive = receive;
  }

  /** Begins a batch, all in this memory. */
  begin(): FrameMemory {
    this.memory ??= allocateSummableMemory(MEMORY_BYTES);
    this.#used = 0;
    return this.memory;
  }

  /** Whether there is room for one more frame, also if it must be split. */
  get hasRoom(): boolean {
    return this.#used + 2 * MERGED_FRAME_MAX + SPLIT_MAX < MEMORY_BYTES;
  }

  /** Receives the next frame of the batch, of `length` bytes. Returns its offset, or a negative number if there is none. */
  receive(length: number): number {
    const offset = this.#used + START;
    if (this.#receive(this.memory!.u8, offset - VNET_HEADER_LENGTH) < 0) return -1;
    this.#used = (offset + Math.min(length, MERGED_FRAME_MAX) + 3) & ~3;
    return offset;
  }

  /** First free offset, and where it is after frames were written there. */
  get used(): number {
    return this.#used;
  }

  set used(offset: number) {
    this.#used = (offset + 3) & ~3;
  }

  /** Gives the memory back. Harmless when repeated. */
  close(): void {
    if (this.memory !== undefined) detachFrameMemory(this.memory);
  }
}
