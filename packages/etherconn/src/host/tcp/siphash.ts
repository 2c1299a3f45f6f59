/**
 * SipHash-2-4 (Aumasson, Bernstein): a hash of short input under a secret key, which others can neither guess nor choose
 * collisions for. Linux uses it for the same. 64-bit words are pairs of 32-bit ones, the low one first.
 */

/** Low and high half of v0, v1, v2, v3. */
const v = new Int32Array(8);

/** Adds word `b` to word `a`. */
function add(a: number, b: number): void {
  const low = (v[a] >>> 0) + (v[b] >>> 0);
  v[a + 1] = v[a + 1] + v[b + 1] + (low > 0xffffffff ? 1 : 0);
  v[a] = low;
}

/** Rotates word `b` left by `count` (under 32), and adds word `a` to it without carry. */
function rotate(b: number, count: number, a: number): void {
  const low = (v[b] << count) | (v[b + 1] >>> (32 - count));
  const high = (v[b + 1] << count) | (v[b] >>> (32 - count));
  v[b] = low ^ v[a];
  v[b + 1] = high ^ v[a + 1];
}

function swap(a: number): void {
  const low = v[a];
  v[a] = v[a + 1];
  v[a + 1] = low;
}

function round(): void {
  add(0, 2);
  rotate(2, 13, 0);
  swap(0);
  add(4, 6);
  rotate(6, 16, 4);
  add(0, 6);
  rotate(6, 21, 0);
  add(4, 2);
  rotate(2, 17, 4);
  swap(4);
}

/** The low and the high half of the hash go to `result`. The input is `count` words, an even number; the key is four words. */
export function sipHash(key: Int32Array, words: Int32Array, count: number, result: Int32Array): void {
  v[0] = key[0] ^ 0x70736575;
  v[1] = key[1] ^ 0x736f6d65;
  v[2] = key[2] ^ 0x6e646f6d;
  v[3] = key[3] ^ 0x646f7261;
  v[4] = key[0] ^ 0x6e657261;
  v[5] = key[1] ^ 0x6c796765;
  v[6] = key[2] ^ 0x79746573;
  v[7] = key[3] ^ 0x74656462;
  for (let i = 0; i <= count; i += 2) {
    // Behind the input comes its length in bytes.
    const low = i < count ? words[i] : 0;
    const high = i < count ? words[i + 1] : (4 * count) << 24;
    v[6] ^= low;
    v[7] ^= high;
    round();
    round();
    v[0] ^= low;
    v[1] ^= high;
  }
  v[4] ^= 0xff;
  for (let i = 0; i < 4; i++) round();
  result[0] = v[0] ^ v[2] ^ v[4] ^ v[6];
  result[1] = v[1] ^ v[3] ^ v[5] ^ v[7];
}
