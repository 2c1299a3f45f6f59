import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allocateFrameMemory } from '../frame-memory.ts';
import type { FrameMemory } from '../link.ts';
import { FrameQueue } from './frame-queue.ts';

const MAX_FRAMES = 90;
const MAX_BYTES = 8192;

test('frames keep order and bytes, in growing and wrapping memory (against a model)', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ push: fc.integer({ min: 14, max: 600 }), windowed: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ take: fc.nat(40) }) },
    { weight: 1, arbitrary: fc.constant('release' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const queue = new FrameQueue(MAX_FRAMES, MAX_BYTES);
      const source = allocateFrameMemory(4096);
      const waiting: { length: number; fill: number }[] = [];
      /** Frames taken and not released, where the taker saw them. */
      const held: { memory: FrameMemory; offset: number; length: number; fill: number }[] = [];
      let serial = 0;
      let bytes = 0;
      for (const action of steps) {
        if (action === 'release') {
          queue.release();
          for (const frame of held.splice(0)) bytes -= (frame.length + 5) & ~3;
        } else if ('push' in action) {
          const length = action.push;
          const fill = serial++ & 255;
          source.u8.fill(fill, 2, 2 + length);
          source.u8.fill(fill ^ 255, 2 + length);
          const window = action.windowed ? source.u8.subarray(2, 2 + 1024) : null;
          const pushed = queue.push(source, 2, length, window);
          if (waiting.length + held.length >= MAX_FRAMES) assert.equal(pushed, false);
          // The free bytes may be in two parts, and those of the longest frame may be lost by wrapping.
          else if (bytes + 2 * (length + 8) + 616 < MAX_BYTES) assert.equal(pushed, true);
          if (pushed) {
            waiting.push({ length, fill });
            bytes += (length + 5) & ~3;
          }
        } else {
          const count = Math.min(action.take, queue.waiting);
          const { memory, offsets, lengths, mask, cursor } = queue;
          queue.take(count);
          for (let index = 0; index < count; index++) {
            const expected = waiting.shift()!;
            const at = (cursor + index) & mask;
            assert.equal(lengths[at], expected.length);
            assert.equal(offsets[at]! % 4, 2);
            held.push({ memory, offset: offsets[at]!, ...expected });
          }
        }
        assert.equal(queue.waiting, waiting.length);
        for (const { memory, offset, length, fill } of held) {
          const view = memory.u8.subarray(offset, offset + length);
          assert.ok(view.every((byte) => byte === fill));
        }
        assert.ok(queue.memory.u8.length <= MAX_BYTES);
      }
    }),
    { numRuns: 500 },
  );
});

test('flipLast flips a bit of the newest frame', () => {
  const queue = new FrameQueue(4, 4096);
  const source = allocateFrameMemory(64);
  queue.push(source, 2, 20, null);
  queue.push(source, 2, 20, null);
  queue.flipLast(8 * 19 + 7);
  assert.equal(queue.memory.u8[queue.offsets[1]! + 19], 0x80);
  assert.equal(queue.memory.u8[queue.offsets[0]! + 19], 0);
});

test('little memory for a port that receives little', () => {
  const queue = new FrameQueue(4096, 8 * 1024 * 1024);
  const source = allocateFrameMemory(2048);
  for (let round = 0; round < 10_000; round++) {
    assert.ok(queue.push(source, 2, 1514, null));
    queue.take(1);
    queue.release();
  }
  assert.equal(queue.memory.u8.length, 4096);
});

test('wrapping uses the room before the oldest frame up to its first byte, not beyond', () => {
  const source = allocateFrameMemory(4096);
  const sizeOf = (length: number): number => (length + 5) & ~3;
  for (let gap = 20; gap <= 60; gap++) {
    for (let length = gap - 10; length <= gap + 10; length++) {
      const queue = new FrameQueue(100, 4096);
      source.u8.fill(1);
      assert.ok(queue.push(source, 2, gap, null));
      assert.ok(queue.push(source, 2, 4096 - sizeOf(gap) - 2 - 2, null), 'fills the rest');
      const { memory, offsets, lengths } = queue;
      queue.take(1);
      queue.release();
      source.u8.fill(2);
      assert.equal(queue.push(source, 2, length, null), sizeOf(length) < sizeOf(gap));
      const oldest = memory.u8.subarray(offsets[1]!, offsets[1]! + lengths[1]!);
      assert.ok(
        oldest.every((byte) => byte === 1),
        `${length} bytes into ${gap}`,
      );
    }
  }
});
