import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Clock } from '../../clock.ts';
import { VirtualClock } from '../../virtual-clock.ts';
import { TimerWheel } from './timer-wheel.ts';

describe('timer wheel', () => {
  it('fires each number within the millisecond after it is due, and none that has been cancelled', async () => {
    const due = fc.double({ min: 0, max: 10_000, noNaN: true });
    const timers = fc.array(fc.record({ due, cancelled: fc.boolean() }), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(timers, fc.double({ min: 0, max: 5000, noNaN: true }), async (all, start) => {
        const clock = new VirtualClock();
        await clock.advance(start);
        const fired = new Map<number, number>();
        const wheel = new TimerWheel(clock, (id) => {
          const at = start + all[id].due;
          // It may be too early, for what is far ahead is looked at in between.
          if (clock.now() < at) wheel.set(id, at, clock.now());
          else fired.set(id, clock.now() - at);
        });
        for (const [id, one] of all.entries()) wheel.set(id, start + one.due, clock.now());
        for (const [id, one] of all.entries()) if (one.cancelled) wheel.cancel(id);
        await clock.advance(10_010);
        for (const [id, one] of all.entries()) {
          if (one.cancelled) assert.equal(fired.has(id), false);
          else assert.ok(fired.get(id)! <= 2, `${fired.get(id)} ms late`);
        }
        wheel.close();
      }),
    );
  });

  it('takes an earlier time for a number, and keeps it when a later one is set', async () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    const wheel = new TimerWheel(clock, () => fired.push(clock.now()));
    wheel.set(0, 500, 0);
    wheel.set(0, 20, 0);
    wheel.set(0, 100, 0);
    await clock.advance(1000);
    assert.deepEqual(fired, [20]);
  });

  it('fires everything once after the clock has gone on for a year unheard, without a look at each millisecond', () => {
    let time = 0;
    const due: (() => void)[] = [];
    const clock: Clock = {
      now: () => time,
      wallTime: () => time,
      setTimer: (callback) => {
        due.push(callback);
        return { cancel: () => due.splice(due.indexOf(callback), 1) };
      },
    };
    const fired: number[] = [];
    const wheel = new TimerWheel(clock, (id) => fired.push(id));
    for (const [id, at] of [1, 500, 2000, 100_000].entries()) wheel.set(id, at, 0);
    time = 365 * 86_400_000;
    due.pop()!();
    assert.deepEqual(fired.toSorted(), [0, 1, 2, 3]);
    assert.equal(due.length, 0);
  });
});
