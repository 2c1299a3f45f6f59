/**
 * The generator behind simulated faults: xoshiro128** 1.1 of Blackman and Vigna (period 2^128 - 1), its state
 * filled by a multiply-and-shift mixer from a seed and a stream number. Thirty-two-bit integer arithmetic
 * only, so the same seed gives the same run on every machine. Not for secrets.
 */
export class Prng {
  readonly #state = new Int32Array(4);

  /** @param stream generators of one seed and different streams are independent of each other. */
  constructor(seed: number, stream = 0) {
    // A seed may have up to 53 bits: both halves count.
    let mix = Math.imul(seed >>> 0, 0x9e3779b1) ^ Math.imul(Math.floor(seed / 0x100000000), 0x85ebca77);
    mix = (mix ^ Math.imul(stream + 1, 0xc2b2ae3d)) | 0;
    for (let index = 0; index < 4; index++) {
      mix = (mix + 0x6d2b79f5) | 0;
      let word = Math.imul(mix ^ (mix >>> 16), 0x21f0aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
      this.#state[index] = word ^ (word >>> 15);
    }
    // The all-zero state is the only one that the generator cannot leave.
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** An integer from 0 to 2^32 - 1. */
  next(): number {
    const state = this.#state;
    const s1 = state[1]!;
    const scrambled = Math.imul(s1, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    const s2 = state[2]! ^ state[0]!;
    const s3 = state[3]! ^ s1;
    state[1] = s1 ^ s2;
    state[0] = state[0]! ^ s3;
    state[2] = s2 ^ (s1 << 9);
    state[3] = (s3 << 11) | (s3 >>> 21);
    return result >>> 0;
  }

  /** A number in [0, 1), with 32 bits. */
  uniform(): number {
    return this.next() / 0x100000000;
  }

  /**
   * A number of a nearly normal distribution with mean 0 and standard deviation 1, within [-6, 6]: the sum of
   * twelve uniform ones. Only additions, so that it does not depend on how a machine rounds logarithms.
   */
  normal(): number {
    let sum = -6;
    for (let index = 0; index < 12; index++) sum += this.uniform();
    return sum;
  }
}
