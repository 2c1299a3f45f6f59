import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hex } from '../test-support/frames.ts';
import {
  ChecksumState,
  checksumOf,
  checksumStateName,
  fillChecksum,
  foldSum,
  internetSum,
  internetSumWords,
  pseudoSum,
  udpChecksumOf,
  updateChecksum,
} from './checksum.ts';

/** The definition in RFC 1071 §1, word by word, with arbitrary precision. */
function reference(bytes: readonly number[]): number {
  let sum = 0n;
  for (let i = 0; i < bytes.length; i += 2) sum += BigInt((bytes[i]! << 8) | (bytes[i + 1] ?? 0));
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n);
  return Number(sum);
}

test('the example of RFC 1071 §3', () => {
  const u8 = hex('0001 f203 f4f5 f6f7');
  assert.equal(internetSum(u8, 0, 8), 0x2ddf0);
  assert.equal(foldSum(0x2ddf0), 0xddf2);
  assert.equal(checksumOf(0x2ddf0), 0x220d);
});

test('sums of any range equal the definition, by bytes and by words', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(20), fc.nat(20), (bytes, head, tail) => {
      const u8 = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
      u8.set(bytes);
      const u32 = new Uint32Array(u8.buffer);
      const end = Math.max(0, bytes.length - tail);
      const start = Math.min(head, end);
      const expected = reference([...bytes.slice(start, end)]);
      assert.equal(foldSum(internetSum(u8, start, end)), expected);
      assert.equal(foldSum(internetSumWords(u8, u32, start, end)), expected);
    }),
    { numRuns: 2000 },
  );
});

test('the largest packet of the largest words does not overflow', () => {
  const u8 = new Uint8Array(65536).fill(0xff);
  const u32 = new Uint32Array(u8.buffer);
  for (const end of [65535, 65536]) {
    const expected = reference([...u8.subarray(0, end)]);
    assert.equal(foldSum(internetSum(u8, 0, end)), expected);
    assert.equal(foldSum(internetSumWords(u8, u32, 0, end)), expected);
    assert.equal(
      foldSum(internetSum(u8, 0, end) + 40 * 0xffff),
      0xffff & reference([...u8.subarray(0, end)]),
    );
  }
});

test('an updated checksum is the one of the changed data (the example of RFC 1624 §4 too)', () => {
  assert.equal(updateChecksum(0xdd2f, 0x5555, 0x3285), 0x0000);
  const bytes = fc.uint8Array({ minLength: 2, maxLength: 60 });
  const word = fc.integer({ min: 0, max: 0xffff });
  fc.assert(
    fc.property(bytes, word, fc.nat(), (data, changed, at) => {
      const u8 = Uint8Array.from([0x45, ...data]);
      const offset = (at % (u8.length >> 1)) * 2;
      const before = checksumOf(internetSum(u8, 0, u8.length));
      const old = (u8[offset]! << 8) | u8[offset + 1]!;
      u8.set([changed >> 8, changed & 0xff], offset);
      // Data of zeros alone, whose sum is the other zero, do not occur in headers.
      fc.pre(u8.some((byte) => byte !== 0));
      assert.equal(updateChecksum(before, old, changed), checksumOf(internetSum(u8, 0, u8.length)));
    }),
    { numRuns: 1000 },
  );
});

test('a computed 0 is sent as 0xffff in UDP only', () => {
  assert.equal(checksumOf(0xffff), 0);
  assert.equal(udpChecksumOf(0xffff), 0xffff);
  assert.equal(udpChecksumOf(0x1234), checksumOf(0x1234));
  const u8 = hex('fffe 0001 0000');
  fillChecksum(u8, 4, 0, 6);
  assert.deepEqual(u8, hex('fffe 0001 0000'));
  fillChecksum(u8, 4, 0, 6, 0, true);
  assert.deepEqual(u8, hex('fffe 0001 ffff'));
});

test('pseudo-headers', () => {
  // RFC 768: addresses, zero and protocol, length. RFC 8200 §8.1: addresses, length (32 bits), zeros and next header.
  const v4 = hex('0a000001 c0a8fffe 0011 000d');
  assert.equal(foldSum(pseudoSum(v4, 4, 0, 4, 17, 13)), reference([...v4]));
  const v6 = hex('20010db8000000000000000000000001 fe80000000000000ffffffffffffffff 0001869f 0000003a');
  assert.equal(foldSum(pseudoSum(v6, 6, 0, 16, 58, 0x1869f)), reference([...v6]));
});

test('states have names', () => {
  assert.deepEqual(Object.values(ChecksumState).map(checksumStateName), [
    'absent',
    'good',
    'bad',
    'zero',
    'unverified',
    'partial',
  ]);
});
