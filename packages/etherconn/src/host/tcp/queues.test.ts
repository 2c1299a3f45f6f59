import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { allocateFrameMemory } from '../../link/frame-memory.ts';
import { sequenceAdd } from '../../wire/tcp-sequence.ts';
import { Congestion } from './congestion.ts';
import { Ranges } from './ranges.ts';
import { ReceiveQueue } from './receive-queue.ts';
import { Rto } from './rto.ts';
import { Scoreboard } from './sack.ts';
import { SendQueue } from './send-queue.ts';

/** Sequence numbers begin around 2^32, 2^31 or anywhere. */
const start = fc.oneof(fc.constantFrom(-100, 0x7fffff00, -0x80000000, 0), fc.integer());

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 13);
}

describe('send queue', () => {
  it('holds what is written and not yet dropped, up to its limit', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(4000)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 9000 }), (all, limit) => {
        const source = pattern(300_000);
        const queue = new SendQueue(limit);
        let [written, dropped] = [0, 0];
        for (const [isWrite, count] of all) {
          if (isWrite) {
            const taken = queue.write(source, written, written + count);
            assert.equal(taken, Math.min(count, limit - (written - dropped)));
            written += taken;
          } else {
            const gone = Math.min(count, written - dropped);
            queue.drop(gone);
            dropped += gone;
          }
          assert.equal(queue.length, written - dropped);
          const copy = allocateFrameMemory((queue.length + 3) & ~3);
          queue.copyTo(0, queue.length, copy, 0);
          assert.deepEqual(copy.u8.slice(0, queue.length), source.slice(dropped, written));
          const half = queue.length >> 1;
          queue.copyTo(half, queue.length - half, copy, 0);
          assert.deepEqual(copy.u8.slice(0, queue.length - half), source.slice(dropped + half, written));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('ranges', () => {
  it('are those of a set of numbers', () => {
    const pieces = fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 20 })), { maxLength: 30 });
    fc.assert(
      fc.property(start, pieces, fc.nat(60), (first, all, cut) => {
        const ranges = new Ranges(40);
        const set = new Set<number>();
        for (const [offset, length] of all) {
          const before = set.size;
          for (let i = 0; i < length; i++) set.add(offset + i);
          const from = sequenceAdd(first, offset);
          assert.equal(ranges.add(from, sequenceAdd(from, length)), set.size - before);
        }
        ranges.dropBefore(sequenceAdd(first, cut));
        for (let i = 0; i < 90; i++) {
          const isIn = i >= cut && set.has(i);
          assert.equal(ranges.find(sequenceAdd(first, i)) >= 0, isIn);
        }
        for (let i = 1; i < ranges.count; i++) assert.ok(((ranges.start(i) - ranges.end(i - 1)) | 0) > 0);
      }),
    );
  });

  it('are refused beyond the limit, unless they touch one that is there', () => {
    const ranges = new Ranges(2);
    assert.deepEqual(
      [ranges.add(0, 2), ranges.add(10, 12), ranges.add(5, 6), ranges.add(2, 3)],
      [2, 2, -1, 1],
    );
    assert.equal(ranges.count, 2);
  });
});

describe('receive queue', () => {
  it('reads as a prefix of the data, and as all of it once every piece has come', () => {
    const pieces = fc.array(fc.tuple(fc.nat(9000), fc.integer({ min: 1, max: 1500 })), { maxLength: 60 });
    fc.assert(
      fc.property(start, pieces, fc.integer({ min: 1, max: 10_000 }), (first, all, limit) => {
        const data = pattern(10_500);
        const frame = { u8: data, u32: new Uint32Array(data.buffer) };
        const queue = new ReceiveQueue(limit, first);
        const got = new Uint8Array(data.length);
        let read = 0;
        for (const [offset, length] of all) {
          queue.add(sequenceAdd(first, offset), frame, offset, offset + length);
          assert.ok(queue.length <= limit);
          if (length % 3 === 0) read += queue.read(got, read, read + length);
          assert.equal(queue.next, sequenceAdd(first, read + queue.length));
        }
        for (let offset = 0; offset < data.length; offset += 700) {
          const end = Math.min(data.length, offset + 700);
          while (((queue.next - sequenceAdd(first, end)) | 0) < 0) {
            const was = queue.next;
            // It may be full of what came before.
            read += queue.read(got, read, got.length);
            queue.add(sequenceAdd(first, offset), frame, offset, end);
            assert.notEqual(queue.next, was);
          }
          assert.deepEqual(got.subarray(0, read), data.subarray(0, read));
        }
        read += queue.read(got, read, got.length);
        assert.equal(read, data.length);
        assert.equal(queue.hasGaps, false);
      }),
    );
  });
});

describe('scoreboard (RFC 6675)', () => {
  it('tells lost from under way', () => {
    const board = new Scoreboard();
    const mss = 1000;
    // Ten segments from 0; 0 and 3 are missing.
    assert.equal(board.note(Int32Array.of(1000, 3000), 1, 0, 10_000), 2000);
    assert.equal(board.nextLost(0, 10_000, mss), 10_000);
    assert.equal(board.pipe(0, 10_000, 0, mss), 8000);
    assert.equal(board.note(Int32Array.of(4000, 5000, 1000, 3000), 2, 0, 10_000), 1000);
    assert.equal(board.nextLost(0, 10_000, mss), 0);
    assert.equal(board.gapEnd(0, 10_000), 1000);
    assert.equal(board.pipe(0, 10_000, 0, mss), 6000);
    // Sent again: it is under way once more.
    assert.equal(board.pipe(0, 10_000, 1000, mss), 7000);
    assert.equal(board.nextLost(1000, 10_000, mss), 10_000);
    board.note(Int32Array.of(5000, 6500), 1, 0, 10_000);
    assert.equal(board.nextLost(1000, 10_000, mss), 3000);
    assert.equal(board.bytesIn(2000, 4500), 1500);
    // Blocks outside of what is under way are lies, or duplicates (RFC 2883).
    assert.equal(board.note(Int32Array.of(9000, 11_000, -5, 3, 6, 6), 3, 0, 10_000), 0);
  });
});

describe('timeout (RFC 6298)', () => {
  it('follows the round trips and doubles without answers', () => {
    const rto = new Rto();
    assert.equal(rto.timeout, 1000);
    rto.sample(400);
    assert.equal(rto.timeout, 400 + 4 * 200);
    rto.sample(400);
    assert.equal(rto.timeout, 400 + 4 * 150);
    rto.backOff();
    assert.equal(rto.timeout, 2 * (400 + 4 * 150));
    for (let i = 0; i < 20; i++) rto.backOff();
    assert.equal(rto.timeout, 120_000);
    for (let i = 0; i < 100; i++) rto.sample(1);
    assert.equal(rto.timeout, 200);
  });
});

describe('congestion window (RFC 5681)', () => {
  it('doubles per round trip, then grows by a segment, and shrinks on loss', () => {
    const congestion = new Congestion(1460);
    assert.equal(congestion.window, 14_600);
    congestion.acknowledged(14_600);
    assert.equal(congestion.window, 29_200);
    congestion.halve(29_200);
    assert.deepEqual([congestion.window, congestion.threshold], [14_600, 14_600]);
    congestion.acknowledged(14_000);
    assert.equal(congestion.window, 14_600);
    congestion.acknowledged(600);
    assert.equal(congestion.window, 14_600 + 1460);
    congestion.collapse(16_060, true);
    assert.deepEqual([congestion.window, congestion.threshold], [1460, 8030]);
    congestion.collapse(1460, false);
    assert.equal(congestion.threshold, 8030);
    congestion.acknowledged(100_000);
    assert.equal(congestion.window, 8030);
  });
});
