import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OptionError } from '../../errors.ts';
import { flipBit, Impairer, type Impairments } from './impairments.ts';
import { Prng } from './prng.ts';

function impairer(options: Impairments, seed = 1): Impairer {
  const result = new Impairer(new Prng(seed));
  result.set(options);
  return result;
}

/** Due times of the copies of `count` frames of `length` bytes that come at time 0. */
function dues(subject: Impairer, count: number, length = 1000, now = 0): number[] {
  const result: number[] = [];
  for (let frame = 0; frame < count; frame++) {
    const copies = subject.decide(now, length);
    for (let copy = 0; copy < copies; copy++) result.push(subject.due[copy]!);
  }
  return result;
}

test('nothing set: not active, and every frame goes on at once', () => {
  const subject = impairer({});
  assert.equal(subject.active, false);
  assert.deepEqual(dues(subject, 3, 60, 5), [5, 5, 5]);
  assert.equal(subject.flip[0], -1);
});

test('loss and duplication of 0 and 1 are exact', () => {
  assert.deepEqual(dues(impairer({ loss: 1 }), 100), []);
  assert.equal(dues(impairer({ loss: 0, delay: 1 }), 100).length, 100);
  const twice = impairer({ duplicate: 1 });
  assert.equal(dues(twice, 100).length, 200);
  assert.equal(twice.stats.duplicated, 100);
});

test('rates of faults are those asked for, and counted', () => {
  const subject = impairer({ loss: 0.2, duplicate: 0.1, corrupt: 0.3, reorder: 0.05 });
  const copies = dues(subject, 20_000).length;
  const { stats } = subject;
  assert.equal(stats.frames, 20_000);
  assert.equal(copies, stats.frames - stats.lost + stats.duplicated);
  assert.ok(Math.abs(stats.lost / 20_000 - 0.2) < 0.02);
  assert.ok(Math.abs(stats.duplicated / (20_000 - stats.lost) - 0.1) < 0.02);
  assert.ok(Math.abs(stats.corrupted / copies - 0.3) < 0.02);
  assert.ok(Math.abs(stats.reordered / copies - 0.05) < 0.02);
  assert.equal(stats.delayed, stats.reordered);
});

test('a corrupted frame has one bit flipped, anywhere in it', () => {
  const subject = impairer({ corrupt: 1 });
  const seen = new Set<number>();
  for (let index = 0; index < 5000; index++) {
    subject.decide(0, 20);
    const bit = subject.flip[0]!;
    assert.ok(bit >= 0 && bit < 160);
    seen.add(bit);
  }
  assert.equal(seen.size, 160);
  const bytes = new Uint8Array(4);
  flipBit(bytes, 1, 11);
  assert.deepEqual([...bytes], [0, 0, 8, 0]);
  flipBit(bytes, 1, 11);
  assert.deepEqual([...bytes], [0, 0, 0, 0]);
});

test('jitter stays within its bounds and uses them', () => {
  const uniform = dues(impairer({ delay: 10, jitter: 4 }), 2000);
  assert.ok(uniform.every((due) => due >= 6 && due <= 14));
  assert.ok(Math.min(...uniform) < 6.2 && Math.max(...uniform) > 13.8);
  const normal = dues(impairer({ delay: 100, jitter: 5, distribution: 'normal' }), 2000);
  assert.ok(normal.every((due) => due >= 70 && due <= 130));
  assert.ok(normal.some((due) => due > 108));
  // Never into the past.
  const early = dues(impairer({ delay: 1, jitter: 10 }), 500, 60, 50);
  assert.ok(early.every((due) => due >= 50));
  assert.ok(early.some((due) => due === 50));
});

test('keepOrder lets only reordered frames fall back', () => {
  const kept = dues(impairer({ delay: 10, jitter: 5, keepOrder: true }), 1000);
  assert.deepEqual(
    kept,
    [...kept].sort((x, y) => x - y),
  );
  const free = dues(impairer({ delay: 10, jitter: 5 }), 1000);
  assert.notDeepEqual(
    free,
    [...free].sort((x, y) => x - y),
  );
  const both = impairer({ delay: 10, jitter: 5, keepOrder: true, reorder: 0.1, reorderDelay: 100 });
  const late = dues(both, 1000).filter((due) => due > 100);
  assert.equal(late.length, both.stats.reordered);
});

test('a rate spaces frames by their length and drops what its queue cannot hold', () => {
  // 8000 bits at 8 Mbit/s: a millisecond for each frame of 1000 bytes.
  const subject = impairer({ rate: 8_000_000, queueFrames: 5, delay: 3 });
  assert.deepEqual(dues(subject, 7), [4, 5, 6, 7, 8]);
  assert.equal(subject.stats.queueDropped, 2);
  // 2.5 ms later two of the five have left.
  assert.deepEqual(dues(subject, 3, 1000, 2.5), [9, 10]);
  assert.deepEqual(dues(subject, 1, 500, 50), [53.5]);
  const bytes = impairer({ rate: 8_000_000, queueBytes: 2500 });
  assert.equal(dues(bytes, 10).length, 2);
});

test('the queue in front of a rate: never more than allowed, never out of order (against a model)', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.tuple(fc.nat(3000), fc.integer({ min: 14, max: 1500 })), { maxLength: 60 }),
      (queueFrames, arrivals) => {
        const subject = impairer({ rate: 1_000_000, queueFrames });
        let now = 0;
        let free = 0;
        let departures: number[] = [];
        for (const [gap, length] of arrivals) {
          now += gap / 100;
          departures = departures.filter((departure) => departure > now);
          const copies = subject.decide(now, length);
          if (departures.length === queueFrames) {
            assert.equal(copies, 0);
            continue;
          }
          assert.equal(copies, 1);
          free = (departures.length > 0 ? free : now) + (length * 8000) / 1_000_000;
          departures.push(free);
          assert.equal(subject.due[0], free);
        }
      },
    ),
  );
});

test('the same seed decides the same, another one does not', () => {
  const options: Impairments = { loss: 0.1, duplicate: 0.1, corrupt: 0.1, reorder: 0.1, delay: 5, jitter: 2 };
  assert.deepEqual(dues(impairer(options, 3), 500), dues(impairer(options, 3), 500));
  assert.notDeepEqual(dues(impairer(options, 3), 500), dues(impairer(options, 4), 500));
});

test('wrong settings are named, and change nothing', () => {
  const subject = impairer({ delay: 7 });
  for (const [name, options] of Object.entries({
    loss: { loss: 1.1 },
    duplicate: { duplicate: -0.1 },
    corrupt: { corrupt: Number.NaN },
    reorder: { reorder: '1' },
    delay: { delay: -1 },
    jitter: { jitter: Infinity },
    rate: { rate: 0 },
    queueFrames: { queueFrames: 0 },
    queueBytes: { queueBytes: 1.5 },
    distribution: { distribution: 'pareto' },
    keepOrder: { keepOrder: 1 },
    latency: { latency: 1 },
  })) {
    assert.throws(
      () => subject.set(options as Impairments),
      (error) => error instanceof OptionError && error.option === name,
    );
  }
  assert.deepEqual(dues(subject, 1), [7]);
});
