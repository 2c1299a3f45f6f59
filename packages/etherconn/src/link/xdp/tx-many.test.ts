import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimulatedXsk } from '../../test-support/simulated-xsk.ts';
import { auditChunks } from './audit.ts';
import { XdpTx } from './tx.ts';
import { Umem } from './umem.ts';

const SIZE = 16;
const CHUNK = 2048;

/** A sender over simulated rings, with 16 chunks to send from; slots have several where frames may be longer. */
function open(maxFrameLength: number) {
  const umem = new Umem(SIZE, CHUNK);
  const xsk = new SimulatedXsk(umem, SIZE, { start: 0xfffffff0 });
  const socket = { copyMode: true, needWakeup: true, kick: () => xsk.kick(), refused: () => {} };
  const tx = new XdpTx(umem, xsk.tx, xsk.completion, { first: 0, count: SIZE }, maxFrameLength, socket);
  const audit = () => auditChunks(umem, [{ ...xsk, ringSize: 0 }], tx.accounts());
  return { umem, xsk, tx, audit };
}

test('many frames in one go leave as they do one by one, whatever else is done, and no chunk is lost', () => {
  const step = fc.record({
    count: fc.integer({ min: 1, max: 20 }),
    cancel: fc.nat(3),
    length: fc.integer({ min: 60, max: 1500 }),
    flush: fc.boolean(),
    budget: fc.integer({ min: 1, max: 32 }),
  });
  for (const maxFrameLength of [1522, 9018]) {
    const property = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const many = open(maxFrameLength);
      const single = open(maxFrameLength);
      let mark = 0;
      for (const { count, cancel, length, flush, budget } of steps) {
        for (const { xsk } of [many, single]) xsk.budget = budget;
        const offsets = new Int32Array(count);
        const lengths = Int32Array.from({ length: count }, (_, i) => length - i);
        const taken = many.tx.reserveMany(offsets, count, length);
        const slots: number[] = [];
        while (slots.length < count) {
          const offset = single.tx.reserve(length);
          if (offset < 0) break;
          slots.push(offset);
        }
        assert.equal(taken, slots.length);
        const kept = Math.max(0, taken - cancel);
        for (const offset of slots.splice(kept)) single.tx.cancel(offset);
        for (const [i, offset] of slots.entries()) {
          single.umem.memory.u8.fill((mark + i) & 255, offset, offset + length);
          single.tx.commit(offset, lengths[i]!);
        }
        for (let i = kept; i < taken; i++) many.tx.cancel(offsets[i]!);
        for (let i = 0; i < kept; i++) {
          many.umem.memory.u8.fill((mark + i) & 255, offsets[i]!, offsets[i]! + length);
        }
        many.tx.commitMany(offsets, lengths, kept);
        mark += kept;
        if (flush) assert.equal(many.tx.flush(), single.tx.flush());
        for (const { audit } of [many, single]) audit();
      }
      for (const { tx } of [many, single]) {
        tx.flush();
        tx.flush();
      }
      assert.deepEqual(
        many.xsk.sent.map((frame) => [frame[0], frame.length]),
        single.xsk.sent.map((frame) => [frame[0], frame.length]),
      );
      assert.deepEqual([many.tx.txFrames, many.tx.txBytes], [single.tx.txFrames, single.tx.txBytes]);
      for (const { tx } of [many, single]) tx.stop();
    });
    fc.assert(property, { numRuns: 200 });
  }
});

test('many in one go: what is wrong is refused, without room there is none, after stop neither', () => {
  const { tx, audit } = open(1522);
  const offsets = new Int32Array(SIZE + 1);
  const lengths = new Int32Array(SIZE + 1).fill(60);
  assert.throws(() => tx.reserveMany(offsets, 1, 1523), RangeError);
  assert.equal(tx.reserveMany(offsets, SIZE + 1, 60), SIZE);
  assert.equal(tx.reserveMany(new Int32Array(1), 1, 60), 0);
  assert.equal(tx.txNoRoom, 1);
  // Those before a wrong one are committed.
  lengths[2] = 13;
  assert.throws(() => tx.commitMany(offsets, lengths, 4), RangeError);
  assert.throws(() => tx.commitMany(offsets, lengths, 1), RangeError, 'committed already');
  assert.equal(tx.flush(), 2);
  for (let i = 2; i < SIZE; i++) tx.cancel(offsets[i]!);
  audit();
  tx.stop();
  assert.equal(tx.reserveMany(offsets, 1, 60), 0);
  tx.commitMany(offsets, lengths, 1);
});
