import type { Rate } from '../scenario/quantity.ts';

/** Bytes that frames have on the wire and not in captures: the frame check sequence. */
export const FCS = 4;

/** When frames are due: as they were recorded, perhaps faster or slower, or at a rate of packets or bits. */
export type PacePlan =
  | { readonly kind: 'recorded'; readonly speed: number }
  | { readonly kind: 'rate'; readonly rate: Rate }
  | { readonly kind: 'max' };

/** The times at which the frames of a replay are due, in milliseconds from its start. */
export class Pace {
  /** Frames whose time in the capture is before that of an earlier one: they are due with it. */
  backwards = 0;
  readonly #plan: PacePlan;
  #frames = 0;
  #bytes = 0;
  #last = 0;
  /** Of this pass through the capture: when it begins, and the time of its first frame. */
  #passAt = 0;
  #first: bigint | undefined;
  #passFrames = 0;

  constructor(plan: PacePlan) {
    this.#plan = plan;
  }

  /** When the last frame is due. */
  get last(): number {
    return this.#last;
  }

  /** The capture begins again: a mean distance between its frames behind the last one. */
  nextPass(): void {
    const distance = this.#passFrames < 2 ? 0 : (this.#last - this.#passAt) / (this.#passFrames - 1);
    this.#passAt = this.#last + distance;
    this.#first = undefined;
    this.#passFrames = 0;
  }

  /** When the next frame is due, of `length` bytes in the capture and recorded at `timestamp`, in nanoseconds. */
  due(length: number, timestamp: bigint | undefined): number {
    const plan = this.#plan;
    if (plan.kind === 'max') return 0;
    if (plan.kind === 'rate') {
      const { unit, value } = plan.rate;
      this.#last = 1000 * (unit === 'pps' ? this.#frames / value : (8 * this.#bytes) / value);
      this.#frames++;
      this.#bytes += length + FCS;
      return this.#last;
    }
    this.#passFrames++;
    if (timestamp === undefined) return this.#last;
    this.#first ??= timestamp;
    const due = this.#passAt + Number(timestamp - this.#first) / 1e6 / plan.speed;
    if (due < this.#last) {
      this.backwards++;
      return this.#last;
    }
    this.#last = due;
    return due;
  }
}
