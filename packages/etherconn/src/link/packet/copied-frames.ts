import { allocateSummableMemory, detachFrameMemory } from '../frame-memory.ts';
import { MERGED_FRAME_MAX } from '../kernel/merged-frame.ts';
import type { FrameMemory } from '../link.ts';

/** Frames of one batch. */
export const COPIES_MAX = 16;
/** Before each frame: 4 bytes for a VLAN tag that is put back, at an offset congruent 2 modulo 4 as in rings. */
const START = 6;
const STRIDE = (START + MERGED_FRAME_MAX + 63) & ~63;

/**
 * Frames that were too long for their slot in a V2 ring, received from the socket: one call for each, which saves about
 * forty frames of 1500 bytes. Takes no memory before the first one comes.
 */
export class CopiedFrames {
  /** Of the batch, once one has begun. */
  memory: FrameMemory | undefined;
  #count = 0;
  readonly #receive: (bytes: Uint8Array, offset: number) => number;

  /** `receive` puts the next frame into memory; returns its length, or a negative errno. */
  constructor(receive: (bytes: Uint8Array, offset: number) => number) {
    this.#receive = receive;
  }

  /** Begins a batch of up to {@link COPIES_MAX} frames, all in this memory. */
  begin(): FrameMemory {
    this.memory ??= allocateSummableMemory(COPIES_MAX * STRIDE);
    this.#count = 0;
    return this.memory;
  }

  /** Receives the next frame of the batch. Returns its offset, or a negative number if there is none. */
  next(): number {
    const offset = this.#count++ * STRIDE + START;
    return this.#receive(this.memory!.u8, offset) < 0 ? -1 : offset;
  }

  /** Gives the memory back. Harmless when repeated. */
  close(): void {
    if (this.memory !== undefined) detachFrameMemory(this.memory);
  }
}
