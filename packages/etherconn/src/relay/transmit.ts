import type { FrameMemory } from '../link/link.ts';

/**
 * Where a prepared frame goes: the wire, this relay's own conns (hairpin), or both. Chosen when a peer's
 * header template is built, so that the send itself has no decision to make. Slots as of `LinkTx`.
 */
export interface FrameSender {
  readonly memory: FrameMemory;
  /** Offset of a slot, or -1 when there is no room now. Throws a RangeError over the link's maximum. */
  reserve(length: number): number;
  commit(offset: number, length: number): void;
  cancel(offset: number): void;
  /** The same way for many frames in one go, if it has that. */
  readonly bulk?: BulkSender | undefined;
}

/** A way that takes many frames in one go: what is asked and noted once a frame elsewhere is so once for all here. */
export interface BulkSender {
  readonly memory: FrameMemory;
  /**
   * As `reserve` for up to `count` frames of up to `length` bytes each: writes the offsets of their slots, and returns how
   * many there is room for now.
   */
  reserveMany(offsets: Int32Array, count: number, length: number): number;
  /** Commits the slots `offsets[0, count)`, in this order, with frames of `lengths[0, count)` bytes. */
  commitMany(offsets: Int32Array, lengths: Int32Array, count: number): void;
  cancel(offset: number): void;
}
