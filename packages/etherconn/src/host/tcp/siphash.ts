/**
 * SipHash-2-4 (Aumasson, Bernstein): a hash of short input under a secret key, which others can neither guess nor choose
 * collisions for. Linux uses it for the same. 64-bit words are pairs of 32-bit ones, the low one first. Each half is a
 * variable of its own, and the round is written once, in a loop: so all of it stays in registers.
 */

/** The low and the high half of the hash go to `result`. The input is `count` words, an even number; the key is four words. */
export function sipHash(key: Int32Array, words: Int32Array, count: number, result: Int32Array): void {
  let low0 = key[0] ^ 0x70736575;
  let high0 = key[1] ^ 0x736f6d65;
  let low1 = key[2] ^ 0x6e646f6d;
  let high1 = key[3] ^ 0x646f7261;
  let low2 = key[0] ^ 0x6e657261;
  let high2 = key[1] ^ 0x6c796765;
  let low3 = key[2] ^ 0x79746573;
  let high3 = key[3] ^ 0x74656462;
  // Two rounds for each word, two for the length in bytes behind them, and four at the end.
  const rounds = count + 6;
  for (let round = 0, low = 0, high = 0; round < rounds; round++) {
    if ((round & 1) === 0 && round <= count) {
      low = round < count ? words[round] : 0;
      high = round < count ? words[round + 1] : (4 * count) << 24;
      low3 ^= low;
      high3 ^= high;
    }
    low0 = (low0 + low1) | 0;
    high0 = (high0 + high1 + carry(low0, low1)) | 0;
    low2 = (low2 + low3) | 0;
    high2 = (high2 + high3 + carry(low2, low3)) | 0;
    let was = low1;
    low1 = ((low1 << 13) | (high1 >>> 19)) ^ low0;
    high1 = ((high1 << 13) | (was >>> 19)) ^ high0;
    was = low3;
    low3 = ((low3 << 16) | (high3 >>> 16)) ^ low2;
    high3 = ((high3 << 16) | (was >>> 16)) ^ high2;
    was = low0;
    low0 = high0;
    high0 = was;
    low2 = (low2 + low1) | 0;
    high2 = (high2 + high1 + carry(low2, low1)) | 0;
    low0 = (low0 + low3) | 0;
    high0 = (high0 + high3 + carry(low0, low3)) | 0;
    was = low1;
    low1 = ((low1 << 17) | (high1 >>> 15)) ^ low2;
    high1 = ((high1 << 17) | (was >>> 15)) ^ high2;
    was = low3;
    low3 = ((low3 << 21) | (high3 >>> 11)) ^ low0;
    high3 = ((high3 << 21) | (was >>> 11)) ^ high0;
    was = low2;
    low2 = high2;
    high2 = was;
    if ((round & 1) === 1 && round <= count + 1) {
      low0 ^= low;
      high0 ^= high;
      if (round === count + 1) low2 ^= 0xff;
    }
  }
  result[0] = low0 ^ low1 ^ low2 ^ low3;
  result[1] = high0 ^ high1 ^ high2 ^ high3;
}

/** What an addition carries whose low half has become `sum` by adding `added`. */
function carry(sum: number, added: number): number {
  return sum >>> 0 < added >>> 0 ? 1 : 0;
}
