import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from './seeded-random.ts';

test('the numbers of a seed are those of mulberry32, also from the middle on', () => {
  const numbers = new SeededRandom(1);
  const drawn = Array.from({ length: 4 }, () => numbers.bits());
  assert.deepEqual(drawn, [2693262067, 11749833, 2265367787, 4213581821]);
  assert.equal(new SeededRandom(1, 3).bits(), drawn[3]);
  assert.equal(new SeededRandom(1).next(), drawn[0] / 2 ** 32);
});
