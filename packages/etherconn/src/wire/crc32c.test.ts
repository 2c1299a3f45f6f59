import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hex } from '../test-support/frames.ts';
import { crc32c } from './crc32c.ts';

test('the examples of RFC 3720 §B.4', () => {
  assert.equal(crc32c(new Uint8Array(32), 0, 32), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff), 0, 32), 0x62a8ab43);
  assert.equal(
    crc32c(
      Uint8Array.from({ length: 34 }, (_, i) => i - 1),
      1,
      33,
    ),
    0x46dd794e,
  );
});

test('a field taken as zero', () => {
  const u8 = hex('00070009 deadbeef 733bb9c0 0b000004');
  const zeroed = hex('00070009 deadbeef 00000000 0b000004');
  assert.equal(crc32c(u8, 0, 16, 8), crc32c(zeroed, 0, 16));
  assert.notEqual(crc32c(u8, 0, 16), crc32c(zeroed, 0, 16));
});
