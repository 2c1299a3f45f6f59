import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ClosedError } from '../errors.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { ReceiveQueue } from './receive-queue.ts';

describe('ReceiveQueue', () => {
  it('gives packets in order, to readers that wait as well', async () => {
    const queue = new ReceiveQueue<number>(new VirtualClock(), 4);
    const waiting = [queue.shift({}), queue.shift({})];
    for (const packet of [1, 2, 3, 4]) queue.push(packet);
    assert.deepEqual(await Promise.all(waiting), [1, 2]);
    assert.equal(queue.tryShift(), 3);
    assert.equal(await queue.shift({}), 4);
    assert.equal(queue.tryShift(), undefined);
  });

  it('drops the oldest when it is full, and counts it', () => {
    for (const depth of [1, 3, 8, 100]) {
      const queue = new ReceiveQueue<number>(new VirtualClock(), depth);
      for (let i = 0; i < depth + 5; i++) queue.push(i);
      assert.deepEqual(queue.counters(), { enqueued: depth + 5, read: 0, dropped: 5, queued: depth });
      for (let i = 5; i < depth + 5; i++) assert.equal(queue.tryShift(), i);
      assert.equal(queue.size, 0);
    }
  });

  it('has enqueued = read + dropped + queued under any interleaving, and keeps the order', async () => {
    const steps = fc.array(fc.constantFrom('push', 'push', 'shift', 'tryShift', 'drop', 'abort'), {
      maxLength: 120,
    });
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 20 }), fc.boolean(), async (list, depth, closes) => {
        const queue = new ReceiveQueue<number>(new VirtualClock(), depth);
        const check = () => {
          const { enqueued, read, dropped, queued } = queue.counters();
          assert.equal(enqueued, read + dropped + queued);
          assert.ok(queued <= depth);
        };
        const got: Promise<number>[] = [];
        const taken: number[] = [];
        let next = 0;
        let controller = new AbortController();
        for (const action of list) {
          if (action === 'push') queue.push(next++);
          else if (action === 'shift') got.push(queue.shift({ signal: controller.signal }).catch(() => -1));
          else if (action === 'tryShift') taken.push(queue.tryShift() ?? -1);
          else if (action === 'drop') queue.countDropped(1);
          else {
            controller.abort();
            controller = new AbortController();
          }
          check();
        }
        if (closes) {
          queue.close(new ClosedError('read'));
          check();
          queue.push(next++);
          check();
          assert.equal(queue.size, 0);
        } else {
          controller.abort();
        }
        const read = (await Promise.all(got)).filter((packet) => packet >= 0);
        assert.deepEqual(
          read,
          read.toSorted((a, b) => a - b),
        );
        const tried = taken.filter((packet) => packet >= 0);
        assert.deepEqual(
          tried,
          tried.toSorted((a, b) => a - b),
        );
        assert.equal(new Set([...read, ...tried]).size, read.length + tried.length);
      }),
      { numRuns: 200 },
    );
  });
});
