import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
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
});
