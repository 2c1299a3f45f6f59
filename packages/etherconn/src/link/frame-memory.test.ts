import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allocateFrameMemory, copyFrame } from './frame-memory.ts';

test('the views of a frame memory lie over the same bytes', () => {
  const memory = allocateFrameMemory(64);
  memory.u32[1] = 0xffffffff;
  assert.equal(memory.u8[4], 255);
  assert.equal(memory.u16[2], 65535);
  assert.equal(memory.view.getUint8(7), 255);
  assert.equal(memory.u8.length, 64);
});

test('copyFrame copies exactly the range, however it is aligned', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 0, maxLength: 300 }),
      fc.nat(9),
      fc.nat(9),
      (bytes, fromOffset, toOffset) => {
        const from = allocateFrameMemory(320);
        const to = allocateFrameMemory(320);
        from.u8.fill(0xaa);
        to.u8.fill(0x55);
        from.u8.set(bytes, fromOffset);
        copyFrame(to, toOffset, from, fromOffset, bytes.length);
        const expected = new Uint8Array(320).fill(0x55);
        expected.set(bytes, toOffset);
        assert.deepEqual(to.u8, expected);
      },
    ),
    { numRuns: 2000 },
  );
});
