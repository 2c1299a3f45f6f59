/** The same numbers for the same seed, everywhere (mulberry32). */
export class Random {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** 32 bits. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    const state = this.#state;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /**
   * From 0 to below `limit`.
   * @param {number} limit
   */
  below(limit) {
    return this.next() % limit;
  }

  /**
   * True once in `n` times.
   * @param {number} n
   */
  once(n) {
    return this.next() % n === 0;
  }

  /**
   * @template T
   * @param {readonly T[]} values
   * @returns {T}
   */
  pick(values) {
    return values[this.next() % values.length];
  }

  /**
   * @param {Uint8Array} u8
   * @param {number} start
   * @param {number} end
   */
  fill(u8, start, end) {
    for (let at = start; at < end; at++) u8[at] = this.next();
  }
}
