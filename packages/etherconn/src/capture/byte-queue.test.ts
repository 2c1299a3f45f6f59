import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteQueue } from './byte-queue.ts';

test('bytes come out as they went in, however they are cut, copied, dropped and skipped', () => {
  const step = fc.record({
    push: fc.uint8Array({ maxLength: 6000 }),
    take: fc.nat({ max: 7000 }),
    skip: fc.oneof(fc.constant(0), fc.nat({ max: 9000 })),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const queue = new ByteQueue();
      const stream: number[] = [];
      let position = 0;
      for (const { push, take, skip } of steps) {
        queue.push(push);
        for (const byte of push) stream.push(byte);
        if (queue.skipping > 0) {
          assert.equal(queue.length, 0);
          assert.equal(queue.offset, stream.length);
          assert.equal(queue.offset + queue.skipping, position);
          continue;
        }
        assert.equal(queue.offset, position);
        assert.equal(queue.length, stream.length - position);
        const taken = Math.min(take, queue.length);
        assert.deepEqual([...queue.copy(0, taken)], stream.slice(position, position + taken));
        queue.drop(taken);
        position += taken;
        if (skip > 0) {
          queue.skip(skip);
          position += skip;
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('numbers are read in either byte order', () => {
  const queue = new ByteQueue();
  queue.push(new Uint8Array([9, 0xff, 1, 2, 3, 4, 5, 6, 0xf8]));
  queue.drop(1);
  assert.equal(queue.u8(0), 0xff);
  assert.equal(queue.u16(0, true), 0x01ff);
  assert.equal(queue.u16(0, false), 0xff01);
  assert.equal(queue.u32(1, true), 0x04030201);
  assert.equal(queue.u32(0, false), 0xff010203);
  assert.equal(queue.u64(0, true), 0xf806050403_0201ffn);
  assert.equal(queue.i64(0, false), -0xfefdfcfbfaf908n);
});
