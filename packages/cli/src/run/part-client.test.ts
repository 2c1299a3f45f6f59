import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from 'etherconn';
import type { Client } from '../runner/client.ts';
import { Runner } from '../runner/runner.ts';
import { PartClient } from './part-client.ts';

const TICKS = 5;

/** Wants its ticks half a millisecond apart: closer than a timer can tell. */
function client(isPatient: boolean): Client {
  let ticks = 0;
  return {
    isPatient,
    start: (now) => now + 0.5,
    tick: (now) => (++ticks === TICKS ? Number.POSITIVE_INFINITY : now + 0.5),
    counters() {},
    stop() {},
  };
}

/** How many timers a run of one client sets. The clock advances by a tenth of a millisecond whenever it is read. */
async function timersOf(isPatient: boolean): Promise<number> {
  let now = 0;
  let timers = 0;
  const clock: Clock = {
    now: () => {
      now += 0.1;
      return now;
    },
    wallTime: () => now,
    setTimer(callback, delay) {
      timers++;
      const timer = setImmediate(() => {
        now += delay;
        callback();
      });
      return { cancel: () => clearImmediate(timer) };
    },
  };
  const part = { part: 'voice', begin: 0, sharesLatency: true, holds: false };
  await new Runner({ clock, clients: [new PartClient(client(isPatient), part)] }).run();
  return timers;
}

test('the runner sleeps between the ticks of a part whose client is patient, and only then', async () => {
  assert.equal(await timersOf(true), TICKS);
  assert.equal(await timersOf(false), 0);
});
