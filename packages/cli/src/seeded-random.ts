/** What the state of mulberry32 grows by with each number. */
const STEP = 0x6d2b79f5;

/** Numbers that look random and follow from a seed (mulberry32): the same on every machine. */
export class SeededRandom {
  #state: number;

  /** Begins as if `drawn` numbers had been drawn before. */
  constructor(seed: number, drawn = 0) {
    this.#state = (seed + Math.imul(drawn, STEP)) >>> 0;
  }

  /** 0 to 2 ** 32 - 1. */
  bits(): number {
    this.#state = (this.#state + STEP) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** From 0 to less than 1. */
  next(): number {
    return this.bits() / 2 ** 32;
  }
}
