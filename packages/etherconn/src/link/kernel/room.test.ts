import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { eventually } from '../../test-support/eventually.ts';
import { Attempt, RoomRetry } from './room.ts';

test('tries again until nothing waits, never inside of arm', async () => {
  const results: number[] = [
    ...Array.from({ length: 12 }, () => Attempt.BLOCKED),
    Attempt.PROGRESS,
    Attempt.DONE,
  ];
  let attempts = 0;
  const retry = new RoomRetry(() => results[attempts++]);
  retry.arm();
  assert.equal(attempts, 0);
  assert.ok(retry.armed);
  await eventually('all attempts made', () => attempts === results.length);
  assert.ok(!retry.armed);
  await turn();
  assert.equal(attempts, results.length);
});

test('a wake-up tries at once when armed, and else not', async () => {
  let attempts = 0;
  const retry = new RoomRetry(() => {
    attempts++;
    return Attempt.DONE;
  });
  retry.wake();
  assert.equal(attempts, 0);
  retry.arm();
  retry.wake();
  assert.equal(attempts, 1);
  await turn();
  assert.equal(attempts, 1);
});

test('arming inside of an attempt adds no second one', async () => {
  let attempts = 0;
  const retry = new RoomRetry(() => {
    retry.arm();
    return ++attempts < 3 ? Attempt.BLOCKED : Attempt.DONE;
  });
  retry.arm();
  await eventually('three attempts', () => attempts === 3);
  assert.ok(!retry.armed);
});

test('goes on after an attempt has thrown, and not after stop', async () => {
  let attempts = 0;
  const retry = new RoomRetry(() => {
    if (++attempts === 1) throw new Error('from a callback');
    return Attempt.BLOCKED;
  });
  retry.arm();
  assert.throws(() => retry.wake(), /from a callback/);
  assert.ok(retry.armed);
  await eventually('tried again', () => attempts > 1);
  retry.stop();
  assert.ok(!retry.armed);
  retry.arm();
  assert.ok(!retry.armed);
});
