import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { eventually } from '../../test-support/eventually.ts';
import { allocateFrameMemory } from '../frame-memory.ts';
import { PacketTx, Refusal } from './transmit.ts';

const STRIDE = 64;
const MAX_FRAME = 60;
const EAGAIN = -11;
const EMSGSIZE = -90;

/** A kernel that takes as many frames as it has room for, and remembers their first bytes. */
class Kernel {
  room = Number.POSITIVE_INFINITY;
  errno = EAGAIN;
  refusal: number = Refusal.AGAIN;
  calls = 0;
  readonly sent: number[] = [];

  transmitter(slots: number): PacketTx {
    return new PacketTx(
      allocateFrameMemory(slots * STRIDE),
      slots,
      STRIDE,
      MAX_FRAME,
      (memory, descriptors, head, count) => this.#take(memory, descriptors, head, count),
      (errno) => {
        assert.equal(errno, this.errno);
        return this.refusal;
      },
    );
  }

  #take(memory: Uint8Array, descriptors: Uint32Array, head: number, count: number): number {
    this.calls++;
    const taken = Math.min(count, this.room);
    for (let i = 0; i < taken; i++)
      this.sent.push(memory[descriptors[((head + i) & (descriptors.length / 2 - 1)) * 2]]);
    this.room -= taken;
    return taken > 0 ? taken : this.errno;
  }
}

function write(tx: PacketTx, mark: number, length = MAX_FRAME): boolean {
  const offset = tx.reserve(length);
  if (offset < 0) return false;
  tx.memory.u8[offset] = mark;
  tx.commit(offset, length);
  return true;
}

test('frames leave in order, once, with one call', () => {
  const kernel = new Kernel();
  const tx = kernel.transmitter(8);
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 7; i++) assert.ok(write(tx, round * 10 + i));
    assert.equal(tx.flush(), 7);
    assert.equal(kernel.calls, round + 1);
  }
  assert.deepEqual(
    kernel.sent,
    [0, 10, 20, 30, 40].flatMap((base) => [0, 1, 2, 3, 4, 5, 6].map((i) => base + i)),
  );
  assert.equal(tx.txFrames, 35);
  assert.equal(tx.txBytes, 35 * MAX_FRAME);
  assert.equal(tx.flush(), 0);
});

test('slots start 2 modulo 4, do not overlap, and cancelled ones come back in any order', () => {
  const tx = new Kernel().transmitter(5);
  const offsets = Array.from({ length: 5 }, () => tx.reserve(MAX_FRAME));
  assert.equal(tx.reserve(MAX_FRAME), -1);
  assert.equal(tx.txNoRoom, 1);
  assert.deepEqual(
    offsets.map((offset) => offset % 4),
    [2, 2, 2, 2, 2],
  );
  assert.equal(new Set(offsets.map((offset) => Math.floor(offset / STRIDE))).size, 5);
  for (const offset of [2, 0, 4, 1, 3].map((i) => offsets[i])) tx.cancel(offset);
  assert.throws(() => tx.cancel(offsets[0]), RangeError);
  assert.deepEqual(Array.from({ length: 5 }, () => tx.reserve(14)).sort(), [...offsets].sort());
});

test('refuses what does not fit', () => {
  const tx = new Kernel().transmitter(4);
  assert.throws(() => tx.reserve(MAX_FRAME + 1), RangeError);
  const offset = tx.reserve(MAX_FRAME);
  assert.throws(() => tx.commit(offset, 13), RangeError);
  assert.throws(() => tx.commit(offset, MAX_FRAME + 1), RangeError);
  tx.commit(offset, 14);
  assert.throws(() => tx.commit(offset, 14), RangeError);
});

test('a full ring calls onRoom from the event loop, and goes on by itself', async () => {
  const kernel = new Kernel();
  const tx = kernel.transmitter(4);
  kernel.room = 0;
  let next = 0;
  let calls = 0;
  while (write(tx, next)) next++;
  assert.equal(next, 4);
  assert.equal(tx.flush(), 0);
  tx.onRoom = () => {
    calls++;
    while (next < 10 && write(tx, next)) next++;
    tx.flush();
  };
  await turn();
  assert.equal(calls, 0);
  kernel.room = 5;
  await eventually('five sent', () => kernel.sent.length === 5);
  kernel.room = Number.POSITIVE_INFINITY;
  await eventually('all sent', () => kernel.sent.length === 10);
  assert.deepEqual(kernel.sent, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.ok(calls >= 1);
  assert.equal(tx.txErrors, 0);
  assert.ok(!tx.retry.armed);
});

test('a cancelled slot is room too', async () => {
  const tx = new Kernel().transmitter(1);
  const offset = tx.reserve(14);
  assert.equal(tx.reserve(14), -1);
  let calls = 0;
  tx.onRoom = () => calls++;
  tx.cancel(offset);
  assert.equal(calls, 0);
  await turn();
  assert.equal(calls, 1);
});

test('a frame that is refused for good does not hold up the others', () => {
  const kernel = new Kernel();
  const tx = kernel.transmitter(4);
  for (let i = 0; i < 3; i++) write(tx, i);
  kernel.room = 0;
  kernel.errno = EMSGSIZE;
  kernel.refusal = Refusal.FRAME;
  assert.equal(tx.flush(), 0);
  assert.equal(tx.txErrors, 3);
  assert.equal(tx.pending, 0);
});

test('on an interface that is down all is given up', () => {
  const kernel = new Kernel();
  const tx = kernel.transmitter(4);
  for (let i = 0; i < 4; i++) write(tx, i);
  kernel.room = 1;
  kernel.refusal = Refusal.ALL;
  assert.equal(tx.flush(), 1);
  assert.equal(tx.txErrors, 3);
  assert.equal(tx.txFrames, 1);
  assert.ok(write(tx, 9));
});

test('after stop nothing is reserved or sent', async () => {
  const kernel = new Kernel();
  const tx = kernel.transmitter(2);
  kernel.room = 0;
  const offset = tx.reserve(14);
  write(tx, 1);
  assert.equal(tx.reserve(14), -1);
  let calls = 0;
  tx.onRoom = () => calls++;
  tx.flush();
  tx.stop();
  kernel.room = 10;
  tx.cancel(offset);
  tx.commit(offset, 14);
  assert.equal(tx.reserve(14), -1);
  assert.equal(tx.flush(), 0);
  await turn();
  await turn();
  assert.deepEqual([calls, kernel.sent.length], [0, 0]);
});

test('whatever the kernel takes when: no slot leaks, nothing is lost, doubled or reordered', () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('write' as const), cancel: fc.boolean() }),
    fc.record({ kind: fc.constant('flush' as const), room: fc.integer({ min: 0, max: 4 }) }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(action, { maxLength: 60 }), (slots, actions) => {
      const kernel = new Kernel();
      const tx = kernel.transmitter(slots);
      let next = 0;
      for (const step of actions) {
        if (step.kind === 'flush') {
          kernel.room = step.room;
          const before = kernel.sent.length;
          assert.equal(tx.flush(), kernel.sent.length - before);
        } else if (step.cancel) {
          const offset = tx.reserve(14);
          if (offset >= 0) tx.cancel(offset);
        } else if (write(tx, next & 0xff)) next++;
      }
      assert.equal(tx.pending + kernel.sent.length, next);
      kernel.room = Number.POSITIVE_INFINITY;
      tx.flush();
      assert.deepEqual(
        kernel.sent,
        Array.from({ length: next }, (_, i) => i & 0xff),
      );
      for (let i = 0; i < slots; i++) assert.notEqual(tx.reserve(14), -1);
      assert.equal(tx.reserve(14), -1);
      tx.stop();
    }),
  );
});
