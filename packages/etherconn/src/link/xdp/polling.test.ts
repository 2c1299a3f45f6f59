import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import type { Addon, NativePoll } from '../../native/addon.ts';
import { Polling, type PollingMode } from './polling.ts';

/** Polling of `queues` queues in which frames wait as `waiting` says; each drain takes one. */
function simulate(mode: PollingMode, waiting: number[]) {
  const log: string[] = [];
  const callbacks: ((events: number) => void)[] = [];
  const state = { started: 0, looks: 0 };
  const addon = {
    pollOpen: (_fd: number, callback: (events: number) => void) => {
      callbacks.push(callback);
      return {} as NativePoll;
    },
    pollStart: () => state.started++,
    pollStop: () => state.started--,
    pollRef: () => {},
    pollClose: () => {},
  } as unknown as Addon;
  const polling = new Polling(
    addon,
    waiting.map((_, index) => index),
    mode,
    {
      drain: (index) => {
        if (waiting[index] === 0) return 0;
        waiting[index]--;
        log.push(`drain ${index}`);
        return 1;
      },
      ready: (index) => {
        state.looks++;
        return waiting[index] > 0;
      },
      failed: () => log.push('failed'),
    },
  );
  return { polling, log, state, callbacks };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await immediate();
}

describe('polling', () => {
  for (const mode of ['busy', 'adaptive'] as const) {
    it(`${mode}: immediates, promises and timers have their turn between any two batches`, async () => {
      const waiting = [1_000_000];
      const { polling, log, callbacks } = simulate(mode, waiting);
      polling.start();
      if (mode === 'adaptive') callbacks[0](1);
      log.length = 0;
      let timers = 0;
      const timer = setInterval(() => timers++, 1);
      let turns = 0;
      while (timers < 3) {
        await immediate();
        log.push('immediate');
        turns++;
      }
      clearInterval(timer);
      polling.close();
      const drains = log.filter((entry) => entry === 'drain 0').length;
      assert.ok(turns > 0 && drains > 0);
      for (let i = 1; i < log.length; i++) {
        assert.ok(log[i] !== 'drain 0' || log[i - 1] !== 'drain 0', `two batches in one turn, at ${i}`);
      }
    });
  }

  it('busy: every queue is looked at, whichever has frames, and all of them are taken', async () => {
    const waiting = [0, 3, 5];
    const { polling, log, state } = simulate('busy', waiting);
    polling.start();
    await until(() => waiting.every((count) => count === 0));
    assert.equal(log.length, 8);
    assert.equal(state.started, 0, 'not in epoll meanwhile');
    polling.close();
  });

  it('busy: where nothing else runs it looks on within a turn; with other work it does not', async () => {
    const quiet = simulate('busy', [0]);
    quiet.polling.start();
    // Nothing is due but this timer, so some turns are quiet.
    while (quiet.state.looks === 0) await sleep(1);
    quiet.polling.close();

    const working = simulate('busy', [0]);
    working.polling.start();
    let turns = 0;
    await new Promise<void>((resolve) => {
      const work = () => {
        for (const start = performance.now(); performance.now() - start < 0.1; );
        if (++turns === 50) resolve();
        else setImmediate(work);
      };
      work();
    });
    assert.equal(working.state.looks, 0);
    working.polling.close();
  });

  it('busy: not while it does not keep the process alive', async () => {
    const { polling, log, state } = simulate('busy', [1]);
    polling.start();
    polling.setReferenced(false);
    for (let i = 0; i < 5; i++) await immediate();
    assert.deepEqual(log, []);
    assert.equal(state.started, 1, 'waits in epoll');
    polling.close();
  });

  it('adaptive: sleeps again when nothing has come for a while', async () => {
    const { polling, state, callbacks } = simulate('adaptive', [1]);
    polling.start();
    assert.equal(state.started, 1);
    callbacks[0](1);
    assert.equal(state.started, 0);
    await until(() => state.started === 1);
    polling.close();
  });
});
