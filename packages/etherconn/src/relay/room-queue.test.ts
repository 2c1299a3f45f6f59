import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type PendingCall, PendingCalls } from '../pending.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { RoomQueue } from './room-queue.ts';

/** A waiting call that succeeds while `room` lasts. */
function waiter(
  calls: PendingCalls<number>,
  room: { left: number },
  log: number[],
  name: number,
): PendingCall<number> {
  const call = calls.add('write', {});
  call.promise.catch(() => undefined);
  call.attempt = () => {
    if (room.left === 0) return false;
    room.left--;
    log.push(name);
    call.resolve(name);
    return true;
  };
  return call;
}

describe('RoomQueue', () => {
  it('lets writers try again, oldest first, until one finds no room', () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    const queue = new RoomQueue(10);
    const room = { left: 0 };
    const log: number[] = [];
    for (let i = 0; i < 4; i++) queue.add(waiter(calls, room, log, i));
    queue.retry();
    assert.deepEqual(log, []);
    room.left = 2;
    queue.retry();
    assert.deepEqual(log, [0, 1]);
    assert.equal(queue.size, 2);
  });

  it('keeps who comes while others try, however many have left', () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    const queue = new RoomQueue(1000);
    const room = { left: 0 };
    const log: number[] = [];
    const early = Array.from({ length: 300 }, (_, i) => waiter(calls, room, log, i));
    for (const call of early) queue.add(call);
    // All but the last few have given up; the first of those sends another as soon as it has room.
    for (const call of early.slice(0, 297)) call.reject(new Error('timeout'));
    const first = early[297]!;
    const { attempt } = first;
    first.attempt = () => {
      queue.add(waiter(calls, room, log, 1000));
      return attempt!();
    };
    room.left = 10;
    queue.retry();
    queue.retry();
    assert.deepEqual(log, [297, 298, 299, 1000]);
    assert.equal(queue.size, 0);
  });

  it('is full at its depth, and depth 0 is always full', () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    assert.equal(new RoomQueue(0).full, true);
    const queue = new RoomQueue(1);
    assert.equal(queue.full, false);
    const call = waiter(calls, { left: 0 }, [], 0);
    queue.add(call);
    assert.equal(queue.full, true);
    call.reject(new Error('timeout'));
    assert.equal(queue.full, false);
    assert.equal(queue.empty, true);
  });

  it('skips calls that were settled while they stood in line', () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    const queue = new RoomQueue(10);
    const room = { left: 1 };
    const log: number[] = [];
    const first = waiter(calls, room, log, 0);
    queue.add(first);
    queue.add(waiter(calls, room, log, 1));
    first.reject(new Error('timeout'));
    queue.retry();
    assert.deepEqual(log, [1]);
  });

  it('counts those who wait under any order of adding, settling and retrying', () => {
    const steps = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 1000 })), { maxLength: 300 });
    fc.assert(
      fc.property(steps, (list) => {
        const calls = new PendingCalls<number>(new VirtualClock());
        const queue = new RoomQueue(1000);
        const room = { left: 0 };
        const log: number[] = [];
        const all: PendingCall<number>[] = [];
        for (const [action, number] of list) {
          if (action <= 1) {
            const call = waiter(calls, room, log, all.length);
            all.push(call);
            queue.add(call);
          } else if (action === 2) {
            all[number % (all.length || 1)]?.reject(new Error('timeout'));
          } else {
            room.left = number % 5;
            queue.retry();
            room.left = 0;
          }
          assert.equal(queue.size, all.filter((call) => !call.settled).length);
        }
        assert.deepEqual(
          log,
          log.toSorted((x, y) => x - y),
        );
        queue.rejectAll(new Error('stopped'));
        assert.equal(queue.empty, true);
        assert.ok(all.every((call) => call.settled));
      }),
    );
  });

  it('keeps everybody in line when a try gives room at once', () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    const queue = new RoomQueue(10);
    const log: number[] = [];
    for (let i = 0; i < 4; i++) {
      const call = waiter(calls, { left: 1 }, log, i);
      const { attempt } = call;
      call.attempt = () => {
        const done = attempt!();
        queue.retry();
        return done;
      };
      queue.add(call);
    }
    queue.retry();
    assert.deepEqual(log, [0, 1, 2, 3]);
    assert.equal(queue.size, 0);
  });

  it('a try that signals room but finds none is made again', () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    const queue = new RoomQueue(10);
    const room = { left: 0 };
    const log: number[] = [];
    const call = waiter(calls, room, log, 7);
    const { attempt } = call;
    call.attempt = () => {
      const done = attempt!();
      if (!done) {
        room.left = 1;
        queue.retry();
      }
      return done;
    };
    queue.add(call);
    queue.retry();
    assert.deepEqual(log, [7]);
  });

  it('a try that throws fails its own call, and the next are made', async () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    const queue = new RoomQueue(10);
    const log: number[] = [];
    const bad = calls.add('write', {});
    bad.attempt = () => {
      throw new Error('broken');
    };
    queue.add(bad);
    queue.add(waiter(calls, { left: 1 }, log, 1));
    queue.retry();
    await assert.rejects(bad.promise, /broken/);
    assert.deepEqual(log, [1]);
  });

  it('has who is not to be refused try again every turn while the line is full', async () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    const queue = new RoomQueue(1);
    const room = { left: 0 };
    const log: number[] = [];
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    queue.add(waiter(calls, room, log, 0));
    for (let i = 1; i < 4; i++) {
      const call = waiter(calls, room, log, i);
      queue.stand(call);
      queue.stand(call);
    }
    await turn();
    assert.deepEqual([log, queue.size], [[], 1]);
    room.left = 2;
    await turn();
    await turn();
    assert.deepEqual([log, queue.size], [[1, 2], 1], 'without a word that there is room');
    room.left = 1;
    queue.retry();
    assert.deepEqual([log, queue.size], [[1, 2, 0], 0]);
    await turn();
    assert.deepEqual([log, queue.size], [[1, 2, 0], 1], 'the line has a place now');
    room.left = 1;
    queue.retry();
    assert.deepEqual([log, queue.size], [[1, 2, 0, 3], 0]);
  });

  it('rejects those outside of the line, too', async () => {
    const calls = new PendingCalls<number>(new VirtualClock());
    const queue = new RoomQueue(1);
    const both = [0, 1].map((name) => waiter(calls, { left: 0 }, [], name));
    for (const call of both) queue.stand(call);
    queue.rejectAll(new Error('closed'));
    for (const call of both) await assert.rejects(call.promise, { message: 'closed' });
  });
});
