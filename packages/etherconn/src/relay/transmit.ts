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
  /**
   * As `reserve` for up to `count` frames of up to `length` bytes each: writes the offsets of their slots, and returns how
   * many. Less than `count` does not say that there is no more room; 0 does.
   */
  reserveMany(offsets: Int32Array, count: number, length: number): number;
  /** Commits the slots `offsets[0, count)`, in this order, with frames of `lengths[0, count)` bytes. */
  commitMany(offsets: Int32Array, lengths: Int32Array, count: number): void;
}

/** `reserveMany` for senders without a quicker way. */
export function reserveEach(
  to: { reserve(length: number): number },
  offsets: Int32Array,
  count: number,
  length: number,
): number {
  for (let i = 0; i < count; i++) {
    const offset = to.reserve(length);
    if (offset < 0) return i;
    offsets[i] = offset;
  }
  return count;
}

/** `commitMany` for senders without a quicker way. */
export function commitEach(
  to: { commit(offset: number, length: number): void },
  offsets: Int32Array,
  lengths: Int32Array,
  count: number,
): void {
  for (let i = 0; i < count; i++) to.commit(offsets[i], lengths[i]);
}
