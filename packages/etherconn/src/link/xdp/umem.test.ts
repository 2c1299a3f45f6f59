import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldSum, internetSum } from '../../wire/checksum.ts';
import { Umem } from './umem.ts';

test('packet memory: chunks, scratch behind them, and views that read as detached', () => {
  const umem = new Umem(100, 2048, 5000);
  assert.deepEqual([umem.bytes, umem.shift, umem.chunks], [204_800, 11, 100]);
  const { u8, u16, u32, view } = umem.memory;
  assert.ok(u8.length >= 204_800 + 5000);
  view.setUint32(204_800, 0x01020304, true);
  assert.deepEqual([u8[204_803], u16[102_401], u32[51_200]], [1, 0x0102, 0x01020304]);
  const kept = u8.subarray(0, 100);
  umem.detach();
  assert.deepEqual([u8.length, u16.length, u32.length, kept.length], [0, 0, 0, 0]);
  assert.throws(() => view.getUint8(0), TypeError);
});

test('more memory than there can be', () => {
  assert.throws(() => new Umem(2 ** 22, 4096), { code: 'ERR_ETHERCONN_MEMORY', message: /lower 'chunks'/ });
});

test('sums by SIMD, until it is detached', () => {
  const umem = new Umem(16, 2048, 100);
  const { memory } = umem;
  memory.u8.set([1, 2, 3, 4, 5], 2048);
  assert.equal(memory.simdSum?.(2048, 2053), foldSum(internetSum(memory.u8, 2048, 2053)));
  umem.detach();
  assert.equal(memory.simdSum, undefined);
});
