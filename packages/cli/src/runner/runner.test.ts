import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryNetwork } from 'etherconn';
import { Delta, type Second } from '../metrics/delta.ts';
import type { Client } from './client.ts';
import { Runner } from './runner.ts';
import { TimerWheel } from './timer-wheel.ts';

test('the wheel gives everybody when he is due, and not before', () => {
  const count = 500;
  const wheel = new TimerWheel(count, 0);
  const due = Array.from({ length: count }, (_, n) => ((n * 7919) % 5000) + (n % 4) / 4);
  for (const [n, time] of due.entries()) wheel.add(n, time);
  let before = -1;
  let seen = 0;
  while (wheel.size > 0) {
    const now = wheel.nextDue();
    assert.ok(now >= before, `${now} after ${before}`);
    wheel.advance(now, (n) => {
      assert.ok(due[n] <= now && due[n] > before - 1e-9, `${n} of ${due[n]} between ${before} and ${now}`);
      seen++;
    });
    before = now;
  }
  assert.equal(seen, count);
  assert.equal(wheel.nextDue(), Number.POSITIVE_INFINITY);
});

test('who is added while the wheel turns, and is due, comes with the next turn', () => {
  const wheel = new TimerWheel(1, 0);
  wheel.add(0, 3);
  let calls = 0;
  const again = (n: number): void => {
    calls++;
    wheel.add(n, 0);
  };
  wheel.advance(10, again);
  assert.equal(calls, 1);
  wheel.advance(10, again);
  assert.equal(calls, 2);
  // After a pause that is longer than a round.
  wheel.advance(1e6, again);
  assert.equal(calls, 3);
});

test('who is taken out is not called; who is put in again is due at the new time', () => {
  const wheel = new TimerWheel(4, 0);
  for (let n = 0; n < 4; n++) wheel.add(n, 3);
  wheel.remove(2);
  wheel.remove(2);
  wheel.add(1, 7);
  assert.equal(wheel.size, 3);
  const seen: number[] = [];
  // The first one called takes the other out, in the middle of a turn.
  wheel.advance(5, (n) => {
    seen.push(n);
    wheel.remove(3 - n);
  });
  assert.equal(seen.length, 1);
  wheel.add(seen[0], 6);
  wheel.add(seen[0], 2000);
  const later: number[] = [];
  wheel.advance(1500, (n) => later.push(n));
  assert.deepEqual(later, [1]);
  wheel.advance(2000, (n) => later.push(n));
  assert.deepEqual(later, [1, seen[0]]);
  assert.equal(wheel.size, 0);
});

class Beat implements Client {
  readonly times: number[] = [];
  readonly interval: number;
  readonly #last: number;
  #fresh = 0;
  stopped = 0;

  constructor(interval: number, last: number) {
    this.interval = interval;
    this.#last = last;
  }

  start(): number {
    return 0;
  }

  tick(now: number): number {
    this.times.push(now);
    this.#fresh++;
    const next = this.times.length * this.interval;
    return next > this.#last ? Number.POSITIVE_INFINITY : next;
  }

  counters(into: Delta): void {
    into.add('beats', this.#fresh);
    this.#fresh = 0;
  }

  stop(): void {
    this.stopped++;
  }
}

async function play(
  clients: readonly Client[],
  options: { duration?: number; drain?: number; startAt?: number; signal?: AbortSignal } = {},
): Promise<{ seconds: Second[]; length: number; interrupted: boolean }> {
  const network = new MemoryNetwork({ time: 'virtual' });
  const clock = network.virtualClock;
  const seconds: Second[] = [];
  const runner = new Runner({ clock, clients, ...options, onSecond: (second) => seconds.push(second) });
  const running = runner.run();
  let over = false;
  const end = (): void => {
    over = true;
  };
  running.then(end, end);
  await clock.runUntil(() => over, 1e6);
  await network.close();
  return { seconds, ...(await running) };
}

test('a thousand clients in virtual time: every tick in time, counts second by second', async () => {
  const clients = Array.from({ length: 1000 }, (_, n) => new Beat(100 + n / 10, 2500));
  const { seconds, length, interrupted } = await play(clients, { drain: 100 });
  assert.equal(interrupted, false);
  for (const client of clients) {
    assert.equal(client.stopped, 1);
    assert.equal(client.times.length, Math.floor(2500 / client.interval) + 1);
    for (const [i, time] of client.times.entries()) {
      const late = time - i * client.interval;
      assert.ok(late >= -1e-6 && late < 0.01, `tick ${i} of ${client.interval} came at ${time}`);
    }
  }
  assert.deepEqual(
    seconds.map((each) => each.second),
    [0, 1, 2],
  );
  assert.ok(Math.abs(seconds[2]!.length - (length - 2000)) < 1e-6);
  const total = new Delta();
  for (const { delta } of seconds) total.merge(delta);
  assert.equal(
    total.get('beats'),
    clients.reduce((sum, client) => sum + client.times.length, 0),
  );
  const first = clients.reduce((sum, client) => sum + client.times.filter((time) => time < 1000).length, 0);
  assert.ok(Math.abs(seconds[0]!.delta.get('beats') - first) <= 100);
});

test('a run ends after its duration, drains, and begins when it is told', async () => {
  const client = new Beat(10, Number.POSITIVE_INFINITY);
  const { length } = await play([client], { duration: 55, drain: 20, startAt: 5000 });
  assert.deepEqual(
    client.times.map((time) => Math.round(time)),
    [0, 10, 20, 30, 40, 50],
  );
  assert.equal(Math.round(length), 75);
});

test('a client that throws ends the run, and all are stopped', async () => {
  const client = new Beat(10, 100);
  const broken: Client = {
    start: () => 35,
    tick() {
      throw new Error('broken');
    },
    counters() {},
    stop() {},
  };
  await assert.rejects(play([client, broken]), /broken/);
  assert.equal(client.stopped, 1);
  assert.equal(client.times.length, 4);
});

test('an abort ends the run with what it has', async () => {
  const stop = new AbortController();
  const client = new Beat(10, Number.POSITIVE_INFINITY);
  const aborting: Client = {
    start: () => 1505,
    tick() {
      stop.abort();
      return Number.POSITIVE_INFINITY;
    },
    counters() {},
    stop() {},
  };
  const { seconds, interrupted } = await play([client, aborting], { signal: stop.signal, drain: 100 });
  assert.equal(interrupted, true);
  assert.equal(client.stopped, 1);
  assert.equal(seconds.length, 2);
  assert.equal(seconds[0]!.delta.get('beats') + seconds[1]!.delta.get('beats'), client.times.length);
});
