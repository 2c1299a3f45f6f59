import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sipHash } from './siphash.ts';

/** Of the reference implementation's vectors (key 00 01 … 0f, input 00 01 …), those of whole 64-bit words. */
const VECTORS: Record<number, string> = {
  0: '310e0edd47db6f72',
  8: '6224939a79f5f593',
  16: 'db9bc2577fcc2a3f',
  24: '94af49f6c650adb8',
  32: 'ce7cf2722f512771',
};

test('the hashes are those of the reference implementation', () => {
  const bytes = Uint8Array.from({ length: 64 }, (_, i) => i);
  const words = new Int32Array(bytes.buffer);
  const result = new Int32Array(2);
  for (const [length, hash] of Object.entries(VECTORS)) {
    sipHash(words.subarray(0, 4), words, Number(length) / 4, result);
    assert.equal(Buffer.from(result.buffer).toString('hex'), hash);
  }
});
