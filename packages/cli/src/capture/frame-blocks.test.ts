import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PcapngWriter } from 'etherconn/capture';
import { blockLength, FrameBlocks } from './frame-blocks.ts';

test('blocks are those of PcapngWriter, wherever a frame lies and whenever it came', () => {
  const buffer = new ArrayBuffer(4096);
  const memory = { u8: new Uint8Array(buffer), u16: new Uint16Array(buffer), u32: new Uint32Array(buffer) };
  for (let i = 0; i < 4096; i++) memory.u8[i] = (i * 7919) >> 3;
  const blocks = new FrameBlocks(1 << 20);
  const expected: Uint8Array[] = [];
  const writer = new PcapngWriter((bytes) => expected.push(bytes));
  writer.addInterface();
  expected.length = 0;
  const times = [0, 1, 4, 5, 1_700_000_000, 2 ** 31 - 1, 2 ** 32 - 1];
  let frames = 0;
  for (const seconds of times) {
    for (const nanoseconds of [0, 1, 294_967_295, 294_967_296, 294_967_297, 999_999_999]) {
      for (const offset of [0, 1, 2, 3, 2050]) {
        const captured = 14 + (frames % 90);
        const original = captured + (frames % 3);
        const direction = frames % 2 === 0 ? 'in' : 'out';
        writer.write({
          timestamp: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
          data: memory.u8.slice(offset, offset + captured),
          originalLength: original,
          direction,
        });
        const before = blocks.length;
        blocks.frame(memory as never, offset, captured, original, seconds, nanoseconds, direction === 'out');
        assert.equal(blocks.length - before, blockLength(captured));
        frames++;
      }
    }
  }
  assert.deepEqual(Buffer.from(blocks.bytes.subarray(0, blocks.length)), Buffer.concat(expected));
});
