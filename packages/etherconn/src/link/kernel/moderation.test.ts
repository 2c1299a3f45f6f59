import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Moderation } from './moderation.ts';

/** Moderation with 100 microseconds, and a clock that passes as it is told. */
function timed() {
  const clock = { now: 1000, sent: 0 };
  const moderation = new Moderation(
    100,
    () => clock.sent,
    () => clock.now,
  );
  return {
    moderation,
    clock,
    /** Wake-ups with `frames` each, so many per millisecond, for a time; whether one of them began it. */
    wakes(perMillisecond: number, frames: number, milliseconds: number, answered = 0): boolean {
      for (const end = clock.now + milliseconds; clock.now < end; ) {
        clock.now += 1 / perMillisecond;
        clock.sent += answered * frames;
        if (moderation.begins(frames)) return true;
      }
      return false;
    },
    /** Periods with `frames` each; which one ended it, or -1. */
    periods(count: number, frames: number, answered = 0): number {
      for (let i = 0; i < count; i++) {
        clock.now += 0.1;
        clock.sent += answered * frames;
        if (moderation.ends(frames)) return i;
      }
      return -1;
    },
  };
}

describe('moderation begins', () => {
  it('with dense traffic of more than a millisecond', () => {
    const { wakes, clock } = timed();
    const start = clock.now;
    assert.ok(wakes(150, 3, 10));
    assert.ok(clock.now - start >= 1);
  });

  it('not with less', () => {
    const { wakes } = timed();
    assert.equal(wakes(200, 1, 1000), false);
  });

  it('the longer a period is, the less it takes, but never less than 100,000 frames in a second', () => {
    const clock = { now: 1000 };
    const begins = (microseconds: number, perMillisecond: number) => {
      const moderation = new Moderation(
        microseconds,
        () => 0,
        () => clock.now,
      );
      for (let i = 0; i < 100_000; i++) {
        clock.now += 1 / perMillisecond;
        if (moderation.begins(1)) return true;
      }
      return false;
    };
    assert.deepEqual([begins(50, 490), begins(50, 510)], [false, true]);
    assert.deepEqual([begins(1000, 90), begins(1000, 110)], [false, true]);
  });

  it('not with bursts, however dense', () => {
    const { wakes, clock } = timed();
    for (let i = 0; i < 1000; i++) {
      assert.equal(wakes(500, 1, 0.8), false);
      clock.now += 5;
    }
  });

  it('not where each wake-up brings many frames already', () => {
    const { wakes } = timed();
    assert.equal(wakes(10, 100, 100), false);
  });

  it('not where frames are answered', () => {
    assert.equal(timed().wakes(200, 2, 100, 1), false);
  });

  it('also where a few are', () => {
    assert.ok(timed().wakes(200, 2, 100, 0.01));
  });
});

describe('moderation ends', () => {
  const begun = () => {
    const all = timed();
    assert.ok(all.wakes(150, 3, 10));
    return all;
  };

  it('not while traffic is dense', () => {
    assert.equal(begun().periods(10_000, 30), -1);
  });

  it('not as soon as it is less dense than where it begins', () => {
    assert.equal(begun().periods(10_000, 20), -1);
  });

  it('when it is dense no longer', () => {
    const { periods, wakes } = begun();
    assert.ok(periods(100, 10) > 0);
    assert.equal(wakes(20, 1, 100), false);
  });

  it('soon when nothing comes', () => {
    const { periods } = begun();
    assert.ok(periods(1000, 0) < 10);
  });

  it('not for some periods without a frame', () => {
    const { periods } = begun();
    for (let i = 0; i < 1000; i++) {
      assert.equal(periods(3, 0), -1);
      assert.equal(periods(1, 80), -1);
    }
  });

  it('when frames are answered', () => {
    const { periods } = begun();
    assert.equal(periods(1000, 30), -1);
    assert.ok(periods(100, 30, 0.5) > 0);
  });

  it('and begins only after as long a time of dense traffic as before', () => {
    const { periods, wakes, clock } = begun();
    assert.ok(periods(100, 0) > 0);
    const { now } = clock;
    assert.ok(wakes(150, 3, 10));
    assert.ok(clock.now - now >= 1);
  });
});
