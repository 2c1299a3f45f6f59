import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { simulatedRing } from '../../test-support/simulated-xsk.ts';
import { XDP_RING_NEED_WAKEUP } from './if-xdp.ts';
import { CompletionRing, FillRing, RxRing, TxRing } from './ring.ts';

/** Where indices begin: also just before they become negative as 32-bit integers, and before they wrap. */
const STARTS = [0, 5, 0x7ffffffd, 0xfffffffd];

for (const start of STARTS) {
  test(`what is written is seen when it is published, in order; indices from ${start}`, () => {
    const memory = simulatedRing(8, 4, start);
    const tx = new TxRing(memory);
    const kernel = new RxRing(memory);
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 5; i++) tx.write(round * 100 + i, 60 + i, i & 1);
      assert.equal(kernel.available, 0);
      assert.equal(tx.unpublished, 5);
      assert.equal(tx.addressAt(1), round * 100 + 4);
      tx.unwrite();
      tx.publish();
      assert.deepEqual([tx.unpublished, tx.waiting, kernel.available], [0, 4, 4]);
      for (let i = 0; i < 4; i++) {
        assert.deepEqual(
          [kernel.addressAt(i), kernel.lengthAt(i), kernel.optionsAt(i)],
          [round * 100 + i, 60 + i, i & 1],
        );
        assert.deepEqual(
          [tx.addressAt(4 - i), tx.lengthAt(4 - i), tx.optionsAt(4 - i)],
          [round * 100 + i, 60 + i, i & 1],
        );
      }
      kernel.release(3);
      assert.deepEqual([tx.waiting, kernel.available], [1, 1]);
      assert.equal(kernel.addressAt(0), round * 100 + 3);
      kernel.release(1);
    }
    assert.equal(memory.u32[memory.producer], (start + 40) % 2 ** 32);
    assert.equal(memory.u32[memory.consumer], (start + 40) % 2 ** 32);
  });
}

test('a ring goes on where the memory says', () => {
  const memory = simulatedRing(4, 2, 7);
  const fill = new FillRing(memory);
  fill.write(4096);
  fill.publish();
  const again = new FillRing(memory);
  again.write(8192);
  again.publish();
  const completion = new CompletionRing(memory);
  assert.deepEqual([completion.available, completion.addressAt(0), completion.addressAt(1)], [2, 4096, 8192]);
});

test('addresses beyond 31 bits are no addresses of ours', () => {
  const memory = simulatedRing(4, 2);
  memory.u32.set([4096, 1], memory.entries);
  memory.u32[memory.producer] = 1;
  assert.equal(new CompletionRing(memory).addressAt(0), -1);
  const rx = simulatedRing(4, 4);
  rx.u32.set([4096, 1, 60, 0], rx.entries);
  assert.equal(new RxRing(rx).addressAt(0), -1);
});

test('the wake-up flag is one bit', () => {
  const memory = simulatedRing(4, 4);
  const tx = new TxRing(memory);
  memory.u32[memory.flags] = 2;
  assert.equal(tx.needsWakeup, false);
  memory.u32[memory.flags] = XDP_RING_NEED_WAKEUP | 2;
  assert.equal(tx.needsWakeup, true);
});

test('any interleaving of producing and consuming keeps order and loses nothing', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...STARTS),
      fc.array(fc.record({ produce: fc.nat(8), consume: fc.nat(8) }), { maxLength: 60 }),
      (start, steps) => {
        const memory = simulatedRing(8, 2, start);
        const fill = new FillRing(memory);
        const kernel = new CompletionRing(memory);
        let written = 0;
        let read = 0;
        for (const { produce, consume } of steps) {
          const room = 8 - (written - read);
          for (let i = 0; i < Math.min(produce, room); i++) fill.write(written++);
          fill.publish();
          assert.equal(kernel.available, written - read);
          assert.equal(fill.waiting, written - read);
          const count = Math.min(consume, kernel.available);
          for (let i = 0; i < count; i++) assert.equal(kernel.addressAt(i), read++);
          kernel.release(count);
        }
      },
    ),
  );
});
