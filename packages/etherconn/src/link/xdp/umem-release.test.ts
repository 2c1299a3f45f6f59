import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { eventually } from '../../test-support/eventually.ts';
import { collectGarbage } from '../../test-support/garbage.ts';
import { Umem } from './umem.ts';

const MIB = 1 << 20;

// In a file, and so a process, of its own: memories of other tests would go while this one measures.
test('detached memory is given back, though whoever had it keeps all of it but the sum', async () => {
  await collectGarbage();
  const before = addressSpace();
  const umem = new Umem(MIB / 8, 2048);
  const { memory } = umem;
  assert.ok(memory.simdSum);
  assert.ok(addressSpace() >= before + 256 * MIB);
  umem.detach();
  await eventually('address space is free', () => {
    void collectGarbage();
    return addressSpace() < before + 128 * MIB;
  });
  assert.equal(umem.memory, memory);
});

/** Bytes of address space that the process has. */
function addressSpace(): number {
  return Number(/VmSize:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024;
}
