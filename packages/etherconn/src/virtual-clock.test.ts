import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { OptionError } from './errors.ts';
import { uncaught } from './test-support/uncaught.ts';
import { VirtualClock } from './virtual-clock.ts';

test('time stands still until it is advanced', async () => {
  const clock = new VirtualClock();
  assert.equal(clock.now(), 0);
  assert.equal(clock.wallTime(), Date.UTC(2000, 0, 1));
  await clock.advance(1500);
  assert.equal(clock.now(), 1500);
  assert.equal(clock.wallTime(), Date.UTC(2000, 0, 1) + 1500);
  await clock.advance(0);
  assert.equal(clock.now(), 1500);
  assert.equal(new VirtualClock({ wallTime: 5 }).wallTime(), 5);
});

test('timers fire in order of time, then of creation (against a sort)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ delay: fc.nat(20), cancelled: fc.boolean() }), { maxLength: 40 }),
      fc.nat(25),
      async (timers, span) => {
        const clock = new VirtualClock();
        const fired: number[] = [];
        const handles = timers.map(({ delay }, index) =>
          clock.setTimer(() => {
            assert.equal(clock.now(), delay);
            fired.push(index);
          }, delay),
        );
        for (const [index, { cancelled }] of timers.entries()) if (cancelled) handles[index]!.cancel();
        assert.deepEqual(fired, []);
        await clock.advance(span);
        const expected = timers
          .map((timer, index) => ({ ...timer, index }))
          .filter(({ delay, cancelled }) => !cancelled && delay <= span)
          .sort((x, y) => x.delay - y.delay || x.index - y.index);
        assert.deepEqual(
          fired,
          expected.map(({ index }) => index),
        );
        const pending = timers.filter(({ delay, cancelled }) => !cancelled && delay > span).length;
        assert.equal(clock.pendingTimers, pending);
        for (const handle of handles) handle.cancel();
        assert.equal(clock.pendingTimers, 0);
      },
    ),
    { numRuns: 60 },
  );
});

test('what a timer sets off happens before the next one fires', async () => {
  const clock = new VirtualClock();
  const log: string[] = [];
  clock.setTimer(() => {
    log.push('first');
    process.nextTick(() => log.push('tick'));
    void Promise.resolve().then(() => log.push('microtask'));
    setImmediate(() => {
      log.push('immediate');
      setImmediate(() => log.push('second immediate'));
    });
    clock.setTimer(() => log.push('nested'), 0);
  }, 10);
  clock.setTimer(() => log.push('same time'), 10);
  clock.setTimer(() => log.push('later'), 11);
  await clock.advance(10.5);
  assert.deepEqual(log, [
    'first',
    'tick',
    'microtask',
    'immediate',
    'second immediate',
    'same time',
    'nested',
  ]);
});

test('it waits for what is busy', async () => {
  const clock = new VirtualClock();
  let left = 50;
  const count = (): void => {
    if (--left > 0) setImmediate(count);
  };
  const remove = clock.addActivity(() => left > 0);
  clock.setTimer(() => assert.equal(left, 0), 1);
  setImmediate(count);
  await clock.advance(1);
  assert.equal(left, 0);
  remove();
  left = 1;
  await clock.settle();
  assert.equal(left, 1);
});

test('advances follow each other', async () => {
  const clock = new VirtualClock();
  const log: number[] = [];
  for (const delay of [5, 15, 25]) clock.setTimer(() => log.push(clock.now()), delay);
  await Promise.all([clock.advance(10).then(() => log.push(-1)), clock.advance(10).then(() => log.push(-2))]);
  assert.deepEqual(log, [5, -1, 15, -2]);
  assert.equal(clock.now(), 20);
});

test('runUntil jumps from timer to timer', async () => {
  const clock = new VirtualClock();
  let ticks = 0;
  const tick = (): void => {
    ticks++;
    clock.setTimer(tick, 3_600_000);
  };
  const first = clock.setTimer(tick, 3_600_000);
  assert.equal(await clock.runUntil(() => ticks === 1000), true);
  assert.equal(clock.now(), 3_600_000_000);
  assert.equal(await clock.runUntil(() => false, 5 * 3_600_000), false);
  assert.equal(ticks, 1005);
  assert.equal(clock.now(), 1005 * 3_600_000);
  first.cancel();
  assert.equal(await new VirtualClock().runUntil(() => false), false, 'nothing is left to happen');
});

test('autoAdvance lets an hour pass by itself', async () => {
  const clock = new VirtualClock({ autoAdvance: true });
  await new Promise<void>((resolve) => clock.setTimer(resolve, 3_600_000));
  assert.equal(clock.now(), 3_600_000);
  await new Promise<void>((resolve) => clock.setTimer(resolve, 1));
  assert.equal(clock.now(), 3_600_001);
});

test('autoAdvance can be switched on and off, and unref timers do not drive it', async () => {
  const clock = new VirtualClock();
  let fired = 0;
  clock.setTimer(() => fired++, 10, true);
  clock.autoAdvance = true;
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(fired, 0);
  // One that counts takes the others along.
  await new Promise<void>((resolve) => clock.setTimer(resolve, 20));
  assert.equal(fired, 1);
  clock.autoAdvance = false;
  clock.setTimer(() => fired++, 10);
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(fired, 1);
  assert.equal(clock.now(), 20);
});

test('a timer that throws rejects the advance, and the clock goes on', async () => {
  const clock = new VirtualClock();
  let later = false;
  clock.setTimer(() => {
    throw new Error('from the timer');
  }, 5);
  clock.setTimer(() => {
    later = true;
  }, 6);
  await assert.rejects(clock.advance(10), /from the timer/);
  assert.equal(clock.now(), 5);
  await clock.advance(1);
  assert.equal(later, true);
});

test('delays too small to add up still come to an end; odd ones are taken', async () => {
  const clock = new VirtualClock();
  await clock.advance(1e12);
  const deadline = clock.now() + 1;
  let rounds = 0;
  const wait = (): void => {
    rounds++;
    const rest = (deadline - clock.now()) / 2;
    if (rest > 0) clock.setTimer(wait, rest);
  };
  wait();
  await clock.advance(2);
  assert.ok(rounds > 1);
  let fired = 0;
  for (const delay of [-5, Number.NaN]) clock.setTimer(() => fired++, delay);
  clock.setTimer(() => fired++, Infinity).cancel();
  await clock.advance(0);
  assert.equal(fired, 2);
  assert.equal(clock.pendingTimers, 0);
});

test('a timer that throws while time goes on by itself is uncaught, and time goes on', async () => {
  const clock = new VirtualClock({ autoAdvance: true });
  const fired: number[] = [];
  for (const at of [1, 2, 3]) {
    clock.setTimer(() => {
      fired.push(at);
      if (at < 3) throw new Error(`from the timer at ${at}`);
    }, at);
  }
  const errors = await uncaught(
    () => undefined,
    () => fired.length < 3,
  );
  assert.deepEqual(errors.map(String), ['Error: from the timer at 1', 'Error: from the timer at 2']);
  assert.deepEqual(fired, [1, 2, 3]);
  assert.equal(clock.now(), 3);
  // And a later timer has it go on again.
  await new Promise<void>((resolve) => clock.setTimer(resolve, 3_600_000));
  assert.equal(clock.now(), 3_600_003);
});

test('an activity that answers with a promise does not hold time up', async () => {
  const clock = new VirtualClock();
  const remove = clock.addActivity((async () => true) as unknown as () => boolean);
  await clock.advance(1);
  remove();
  assert.equal(clock.now(), 1);
});

test('wrong options are refused', () => {
  assert.throws(() => new VirtualClock({ wallTime: -1 }), OptionError);
  assert.throws(() => new VirtualClock({ speed: 2 } as object), OptionError);
});
