import type { FrameMemory, LinkReceiver } from '../link/link.ts';

/** A frame as it was received. */
export interface CollectedFrame {
  readonly bytes: Buffer;
  readonly flags: number;
}

/** A receiver that keeps copies of all it is told, and checks that calls come in the order the contract says. */
export class CollectingReceiver implements LinkReceiver {
  readonly frames: CollectedFrame[] = [];
  /** Frames of each batch. */
  readonly batches: number[] = [];
  readonly states: boolean[] = [];
  readonly errors: Error[] = [];
  /** Called with every frame, inside the batch. */
  onFrame: ((frame: CollectedFrame) => void) | undefined;
  #memory: FrameMemory | undefined;

  begin(memory: FrameMemory): void {
    if (this.#memory !== undefined) throw new Error('begin inside of a batch');
    this.#memory = memory;
    this.batches.push(0);
  }

  frame(offset: number, length: number, flags: number): void {
    if (this.#memory === undefined) throw new Error('frame outside of a batch');
    if (offset % 4 !== 2) throw new Error(`offset ${offset} is not congruent 2 modulo 4`);
    const frame = { bytes: Buffer.from(this.#memory.u8.slice(offset, offset + length)), flags };
    this.frames.push(frame);
    this.batches[this.batches.length - 1]++;
    this.onFrame?.(frame);
  }

  end(): void {
    if (this.#memory === undefined) throw new Error('end outside of a batch');
    this.#memory = undefined;
  }

  error(error: Error): void {
    this.errors.push(error);
  }

  state(up: boolean): void {
    this.states.push(up);
  }
}
