import type { CompletionRing, FillRing, RxRing } from './ring.ts';
import type { TxAccounts } from './tx.ts';
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
 * really in the rings and on the stack of free slots, and counted: every slot to send from is free, reserved or in
 * flight. What the kernel has in its hands nobody can see. Called between batches. Throws an Error that says what is
 * wrong.
 */
export function auditChunks(umem: Umem, sockets: readonly AuditedRings[], tx: TxAccounts): void {
  const { ring, freeSlots, slots, chunksPerSlot, inFlight, waiting } = tx;
  const { state, shift } = umem;
  const places = ['nowhere'];
  /** For each chunk, an index into `places`. Plain numbers, since tests audit after every batch. */
  const seen = new Uint16Array(umem.chunks);
  let allowed: readonly number[] = [];
  const enter = (place: string, states: readonly number[]) => {
    places.push(place);
    allowed = states;
  };
  const expect = (address: number) => {
    const chunk = address >>> shift;
    const place = places.length - 1;
    if (seen[chunk] > 0) {
      throw new Error(`audit: chunk ${chunk} is in ${places[place]} and in ${places[seen[chunk]]}`);
    }
    seen[chunk] = place;
    if (!allowed.includes(state[chunk])) {
      throw new Error(`audit: chunk ${chunk} is in ${places[place]}, but its state is ${state[chunk]}`);
    }
  };
  enter('the free slots', [ChunkState.FREE]);
  for (let i = 0; i < freeSlots.length; i++) expect(freeSlots[i]);
  for (const [index, { rx, fill, completion }] of sockets.entries()) {
    enter(`RX ring ${index}`, [ChunkState.FILLING]);
    const received = rx.available;
    for (let i = 0; i < received; i++) expect(rx.addressAt(i));
    enter(`fill ring ${index}`, [ChunkState.FILLING]);
    const filling = fill.waiting;
    for (let back = 1; back <= filling; back++) expect(fill.addressAt(back));
    enter(`completion ring ${index}`, [ChunkState.SENDING, ChunkState.PART]);
    const completed = completion.available;
    for (let i = 0; i < completed; i++) expect(completion.addressAt(i));
  }
  enter('the TX ring', [ChunkState.SENDING, ChunkState.PART]);
  for (let back = 1; back <= waiting; back++) expect(ring.addressAt(back));
  const counts = new Array<number>(Object.keys(ChunkState).length).fill(0);
  for (let chunk = 0; chunk < state.length; chunk++) counts[state[chunk]]++;
  const inBatch = counts[ChunkState.RECEIVED];
  if (inBatch !== 0) throw new Error(`audit: ${inBatch} chunks belong to a batch that has ended`);
  const filling = sockets.reduce((sum, { ringSize }) => sum + ringSize, 0);
  if (counts[ChunkState.FILLING] !== filling) {
    throw new Error(`audit: ${counts[ChunkState.FILLING]} chunks are there to be filled, not ${filling}`);
  }
  if (counts[ChunkState.FREE] !== freeSlots.length) {
    throw new Error(`audit: ${counts[ChunkState.FREE]} slots should be free, ${freeSlots.length} are`);
  }
  const slotsSeen = counts[ChunkState.FREE] + counts[ChunkState.RESERVED] + counts[ChunkState.SENDING];
  if (counts[ChunkState.SENDING] !== inFlight) {
    throw new Error(`audit: ${counts[ChunkState.SENDING]} slots are being sent, ${inFlight} should be`);
  }
  if (slotsSeen !== slots) {
    throw new Error(`audit: ${slotsSeen} slots are free, reserved or being sent, not ${slots}`);
  }
  if (counts[ChunkState.PART] !== slots * (chunksPerSlot - 1)) {
    throw new Error(
      `audit: ${counts[ChunkState.PART]} chunks are parts of slots, not ${slots * (chunksPerSlot - 1)}`,
    );
  }
}
