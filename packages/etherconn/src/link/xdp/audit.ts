import type { CompletionRing, FillRing, RxRing } from './ring.ts';
import { ChunkState, type Umem } from './umem.ts';

/** The rings of one socket, as an audit reads them. */
export interface AuditedRings {
  readonly rx: RxRing;
  readonly fill: FillRing;
  readonly completion: CompletionRing;
  readonly ringSize: number;
}

/**
 * Proves that every chunk is in exactly one place. The states say where each is; here they are compared with what is
 * really in the rings and on the stack of free slots, and counted. Called between batches. Throws an Error that says
 * what is wrong.
 */
export function auditChunks(umem: Umem, sockets: readonly AuditedRings[], freeSlots: Uint32Array): void {
  const { state, shift } = umem;
  const seen = new Map<number, string>();
  const expect = (address: number, allowed: readonly number[], place: string) => {
    const chunk = address >>> shift;
    const before = seen.get(chunk);
    if (before !== undefined) throw new Error(`audit: chunk ${chunk} is in ${place} and in ${before}`);
    seen.set(chunk, place);
    if (!allowed.includes(state[chunk])) {
      throw new Error(`audit: chunk ${chunk} is in ${place}, but its state is ${state[chunk]}`);
    }
  };
  for (const offset of freeSlots) expect(offset, [ChunkState.FREE], 'the free slots');
  for (const [index, { rx, fill, completion }] of sockets.entries()) {
    const rxCount = rx.available;
    for (let i = 0; i < rxCount; i++) expect(rx.addressAt(i), [ChunkState.FILLING], `RX ring ${index}`);
    const fillCount = fill.waiting;
    for (let back = 1; back <= fillCount; back++) {
      expect(fill.addressAt(back), [ChunkState.FILLING], `fill ring ${index}`);
    }
    const completed = completion.available;
    const sending = [ChunkState.SENDING, ChunkState.PART, ChunkState.REPLIED];
    for (let i = 0; i < completed; i++) expect(completion.addressAt(i), sending, `completion ring ${index}`);
  }
  const counts = new Array<number>(Object.keys(ChunkState).length).fill(0);
  for (const place of state) counts[place]++;
  const filling = sockets.reduce((sum, { ringSize }) => sum + ringSize, 0);
  if (counts[ChunkState.FILLING] !== filling) {
    throw new Error(`audit: ${counts[ChunkState.FILLING]} chunks are there to be filled, not ${filling}`);
  }
  if (counts[ChunkState.FREE] !== freeSlots.length) {
    throw new Error(`audit: ${counts[ChunkState.FREE]} slots should be free, ${freeSlots.length} are`);
  }
  const inBatch =
    counts[ChunkState.RECEIVED] +
    counts[ChunkState.REPLIED] +
    counts[ChunkState.REPLIED_SENT] +
    counts[ChunkState.PROMISED];
  if (inBatch !== 0) throw new Error(`audit: ${inBatch} chunks belong to a batch that has ended`);
}
