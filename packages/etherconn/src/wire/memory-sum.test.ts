import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { foldSum, internetSum } from './checksum.ts';
import { copyAndSum, internetSumIn, type SimdSum, type SummableMemory, simdSumOver } from './memory-sum.ts';
import { newWasmMemory, type WasmMemory, webAssembly } from './webassembly.ts';

const LONGEST = 9000;
const ALIGNMENTS = 64;

function allocate(bytes: number): WasmMemory {
  assert.ok(webAssembly);
  return newWasmMemory(webAssembly, bytes);
}

function summable(bytes: number): { u8: Uint8Array; u32: Uint32Array; simdSum: SimdSum } {
  const memory = allocate(bytes);
  const simdSum = simdSumOver(memory);
  assert.ok(simdSum, 'every processor that the tests run on has SIMD');
  return { u8: new Uint8Array(memory.buffer), u32: new Uint32Array(memory.buffer), simdSum };
}

/** What the bytes of a content are, by place. */
const CONTENTS: Readonly<Record<string, (at: number) => number>> = {
  'all ones, where every addition carries': () => 0xff,
  zeros: () => 0,
  'all different': (at) => (Math.imul(at + 1, 0x9e3779b1) >>> 11) & 0xff,
  'carries beside none': (at) => ((at >> 1) & 1) * 0xff,
};

for (const [name, byteAt] of Object.entries(CONTENTS)) {
  test(`every length up to ${LONGEST} at every alignment: ${name}`, () => {
    const { u8, simdSum } = summable(LONGEST + ALIGNMENTS);
    for (let at = 0; at < u8.length; at++) u8[at] = byteAt(at);
    for (let start = 0; start < ALIGNMENTS; start++) {
      // RFC 1071 §1, one byte more each time.
      let sum = 0;
      for (let length = 0; length <= LONGEST; length++) {
        const found = simdSum(start, start + length);
        if (found !== foldSum(sum)) assert.equal(found, foldSum(sum), `[${start}, ${start + length})`);
        sum += u8[start + length]! << (length % 2 === 0 ? 8 : 0);
      }
    }
  });
}

test('random bytes in a random range, beside bytes that do not belong to it', () => {
  const memory = summable(64 << 10);
  const property = fc.property(
    fc.uint8Array({ maxLength: LONGEST, size: 'max' }),
    fc.nat(5000),
    fc.constantFrom(0, 0xff, 0x5a),
    (bytes, start, around) => {
      const { u8, simdSum } = memory;
      u8.fill(around);
      u8.set(bytes, start);
      const end = start + bytes.length;
      const expected = foldSum(internetSum(bytes, 0, bytes.length));
      assert.equal(simdSum(start, end), expected);
      assert.equal(foldSum(internetSumIn(memory, start, end)), expected);
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test('the most that may be summed, of the largest words', () => {
  const { u8, simdSum } = summable(512 << 10);
  u8.fill(0xff);
  assert.equal(simdSum(0, u8.length), 0xffff);
  assert.equal(simdSum(1, u8.length), foldSum(0xffff + 0xff00));
});

test('addresses from 2 GiB on', () => {
  const { u8, simdSum } = summable(2 ** 31 + 64);
  const start = 2 ** 31 - 101;
  for (let i = 0; i < 165; i++) u8[start + i] = i;
  const bytes = u8.slice(start, start + 165);
  assert.equal(simdSum(start, start + 165), foldSum(internetSum(bytes, 0, 165)));
  assert.equal(simdSum(2 ** 31, 2 ** 31 + 64), foldSum(internetSum(u8, 2 ** 31, 2 ** 31 + 64)));
});

test('a range that leaves the memory is refused, and nothing outside of it is read', () => {
  const { u8, simdSum } = summable(1);
  u8.fill(0xff, u8.length - 200);
  for (let length = 0; length < 200; length++) {
    const [start, end] = [u8.length - length, u8.length];
    assert.equal(simdSum(start, end), foldSum(internetSum(u8, start, end)));
  }
  assert.throws(() => simdSum(u8.length - 10, u8.length + 1), { name: 'RuntimeError' });
});

/** Memory as a link has it that has no WebAssembly. */
function plain(bytes: number): SummableMemory {
  const buffer = new ArrayBuffer(bytes);
  return { u8: new Uint8Array(buffer), u32: new Uint32Array(buffer) };
}

test('memory without SIMD gives the same sums', () => {
  const simd = summable(64 << 10);
  const other = plain(4096);
  for (let i = 0; i < 4096; i++) other.u8[i] = Math.imul(i, i);
  simd.u8.set(other.u8);
  for (let length = 0; length < 300; length++) {
    for (const start of [0, 1, 2, 44]) {
      const sum = foldSum(internetSumIn(other, start, start + length));
      assert.equal(foldSum(internetSumIn(simd, start, start + length)), sum);
      assert.equal(foldSum(internetSum(other.u8, start, start + length)), sum);
    }
  }
});

test('a copy with its sum writes exactly the range, of any part, of any length, to any place', () => {
  const memories = { simd: summable(64 << 10), plain: plain(64 << 10) };
  const property = fc.property(
    fc.constantFrom<'simd' | 'plain'>('simd', 'plain'),
    fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 1500, size: 'max' })),
    fc.nat(9),
    fc.boolean(),
    fc.nat(30),
    fc.nat(30),
    (kind, bytes, to, isBuffer, head, tail) => {
      const end = Math.max(0, bytes.length - tail);
      const start = Math.min(head, end);
      const memory = memories[kind];
      memory.u8.fill(0x55, 0, 2048);
      const source = isBuffer ? Buffer.from(bytes) : bytes;
      const isWhole = start === 0 && end === bytes.length;
      const sum = isWhole ? copyAndSum(memory, to, source) : copyAndSum(memory, to, source, start, end);
      const expected = new Uint8Array(2048).fill(0x55);
      expected.set(bytes.subarray(start, end), to);
      assert.deepEqual(memory.u8.subarray(0, 2048), expected);
      assert.equal(foldSum(sum), foldSum(internetSum(bytes, start, end)));
    },
  );
  fc.assert(property, { numRuns: 1500 });
});
