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
}
