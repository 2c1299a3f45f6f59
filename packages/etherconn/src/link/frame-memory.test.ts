import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { eventually } from '../test-support/eventually.ts';
import { collectGarbage } from '../test-support/garbage.ts';
import { foldSum, internetSum } from '../wire/checksum.ts';
import { internetSumIn } from '../wire/memory-sum.ts';
import { allocateFrameMemory, allocateSummableMemory, copyFrame, detachFrameMemory } from './frame-memory.ts';
import type { FrameMemory } from './link.ts';

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

test('summable memory has the size that was asked for, is zeroed, and sums by SIMD', () => {
  const memory = allocateSummableMemory(100_000);
  const { u8, u16, u32, view, simdSum } = memory;
  assert.deepEqual([u8.length, u16.length, u32.length, view.byteLength], [100_000, 50_000, 25_000, 100_000]);
  assert.ok(u8.every((byte) => byte === 0));
  for (let i = 0; i < u8.length; i++) u8[i] = Math.imul(i, 7);
  assert.equal(simdSum?.(1, 9000), foldSum(internetSum(u8, 1, 9000)));
  assert.equal(u32[20_000], view.getUint32(80_000, true));
});

for (const [name, allocate] of Object.entries({ allocateFrameMemory, allocateSummableMemory })) {
  test(`${name}: detached, nothing of it can be read or summed`, () => {
    const memory = allocate(4096);
    const { u8, u16, u32, view } = memory;
    u8.fill(1);
    const part = u8.subarray(10, 20);
    detachFrameMemory(memory);
    detachFrameMemory(memory);
    for (const kept of [u8, u16, u32, part, memory.u8, memory.u32]) assert.equal(kept.length, 0);
    assert.throws(() => view.getUint8(0), TypeError);
    assert.equal(memory.simdSum, undefined);
    assert.equal(foldSum(internetSumIn(memory, 0, 4096)), 0);
  });
}

test('only so many WebAssembly memories at a time, because of their address space; the others do without', async () => {
  const memories: FrameMemory[] = [];
  while (memories.length < 200) memories.push(allocateSummableMemory(64));
  const withSimd = memories.filter(({ simdSum }) => simdSum !== undefined).length;
  assert.ok(withSimd > 0 && withSimd <= 64, `${withSimd}`);
  for (const memory of [memories[0], memories[199]]) {
    memory.u8.set([0x12, 0x34, 0x56], 2);
    assert.equal(foldSum(internetSumIn(memory, 0, 64)), 0x1234 + 0x5600);
  }
  memories.length = 0;
  await collectGarbage();
  // Finalizers run some time after the collection.
  await eventually('room again', () => allocateSummableMemory(64).simdSum !== undefined);
});

const MODULE = fileURLToPath(new URL('frame-memory.js', import.meta.url));
const PROGRAM = `
  const { allocateSummableMemory } = await import(process.argv[1]);
  const memory = allocateSummableMemory(1 << 20);
  memory.u8[5] = 9;
  console.log(memory.u8.length, memory.u32[1] === 9 << 8, memory.simdSum === undefined);
`;

/** From Node 24 on V8 does without the address space that it sets aside otherwise. */
const NEEDS_ADDRESS_SPACE = Number.parseInt(process.versions.node, 10) < 24;

test('without WebAssembly, and without address space for it, memory is from the heap', () => {
  const child = ['--input-type=module', '-e', PROGRAM, MODULE];
  const jitless = execFileSync(process.execPath, ['--jitless', ...child], { encoding: 'utf8' });
  assert.equal(jitless.trim(), '1048576 true true');
  // 8 GB: enough for Node, too little for the 10 GiB that V8 sets aside before Node 24.
  const limited = ['-c', 'ulimit -v 8000000; exec "$@"', 'sh', process.execPath, ...child];
  const found = execFileSync('sh', limited, { encoding: 'utf8' }).trim();
  assert.equal(found, `1048576 true ${NEEDS_ADDRESS_SPACE}`);
});
