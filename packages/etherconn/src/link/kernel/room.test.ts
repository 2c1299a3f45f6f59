import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { eventually } from '../../test-support/eventually.ts';
import { Attempt, RoomNews, RoomRetry } from './room.ts';

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

test('who has found no room is told once, in a later turn, and only while there is some', async () => {
  let room = 0;
  let told = 0;
  const news = new RoomNews(
    () => room > 0,
    () => {
      told++;
    },
  );
  room = 1;
  news.announce();
  await turn();
  assert.equal(told, 0, 'nobody has asked');
  news.wanted = true;
  room = 0;
  news.announce();
  await turn();
  assert.equal(told, 0, 'there is none');
  room = 1;
  news.announce();
  news.announce();
  assert.equal(told, 0, 'not from inside of a call');
  await turn();
  assert.deepEqual([told, news.wanted], [1, false]);
  news.tell();
  assert.equal(told, 1);
  news.wanted = true;
  news.tell();
  assert.equal(told, 2);
  news.wanted = true;
  news.announce();
  news.stop();
  await turn();
  assert.equal(told, 2, 'stopped');
});
