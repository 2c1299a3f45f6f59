import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isAtMost, isBefore, isInWindow, laterOf, sequenceAdd, sequenceDistance } from './tcp-sequence.ts';

const u32 = fc.integer({ min: 0, max: 0xffffffff });

test('order holds for any two numbers fewer than 2^31 steps apart, also across 2^32', () => {
  fc.assert(
    fc.property(fc.oneof(u32, fc.constantFrom(0xffffffff, 0x7fffffff, 0x80000000)), u32, (start, steps) => {
      const a = start | 0;
      const count = steps >>> 1;
      const b = sequenceAdd(a, count);
      assert.equal(b, (start + count) | 0);
      assert.equal(sequenceDistance(b, a), count);
      assert.deepEqual([isBefore(a, b), isBefore(b, a)], [count > 0, false]);
      assert.deepEqual([isAtMost(a, b), isAtMost(b, a)], [true, count === 0]);
      assert.deepEqual([laterOf(a, b), laterOf(b, a)], [b, b]);
    }),
  );
});

test('a window may span 2^32', () => {
  const start = 0xfffffff0 | 0;
  assert.equal(isInWindow(start, start, 0), false);
  const inside = [-1, 0, 15, 16, 31, 32].map((i) => isInWindow(sequenceAdd(start, i), start, 32));
  assert.deepEqual(inside, [false, true, true, true, true, false]);
});
