import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import type { Addon, NativePoll, NativeSocket } from '../../native/addon.ts';
import { MicroTimer } from './micro-timer.ts';
import { BUDGET, Polling, type PollingMode } from './polling.ts';

const TIMER = {} as NativeSocket;

interface FakePoll {
  readonly socket: NativeSocket;
  started: boolean;
  referenced: boolean;
  closed: boolean;
}

/** Polling of `queues` queues in which frames wait as `waiting` says; each drain takes `most` at the most. */
function simulate(
  mode: PollingMode,
  waiting: number[],
  { moderation = 0, most = 1, now = () => performance.now() } = {},
) {
  const log: string[] = [];
  const callbacks: ((events: number) => void)[] = [];
  const polls: FakePoll[] = [];
  const state = {
    looks: 0,
    sent: 0,
    /** Of the timer: as it was set last, and how often. */
    microseconds: 0,
    sets: 0,
    /** Queues waiting in epoll. */
    get started() {
      return polls.filter(({ socket, started }) => started && socket !== TIMER).length;
    },
    get timing() {
      return polls.some(({ socket, started }) => started && socket === TIMER);
    },
  };
  const as = (poll: NativePoll) => poll as unknown as FakePoll;
  const addon = {
    pollOpen: (socket: NativeSocket, callback: (events: number) => void) => {
      callbacks.push(callback);
      polls.push({ socket, started: false, referenced: true, closed: false });
      return polls.at(-1) as unknown as NativePoll;
    },
    pollStart: (poll: NativePoll) => {
      assert.ok(!as(poll).closed);
      as(poll).started = true;
    },
    pollStop: (poll: NativePoll) => {
      as(poll).started = false;
    },
    pollRef: (poll: NativePoll, keep: boolean) => {
      as(poll).referenced = keep;
    },
    pollClose: (poll: NativePoll) => {
      as(poll).started = false;
      as(poll).closed = true;
    },
    timerOpen: () => TIMER,
    timerSet: (_timer: NativeSocket, microseconds: number) => {
      state.microseconds = microseconds;
      state.sets++;
    },
  } as unknown as Addon;
  const hooks = { delivered: (_index: number, _count: number) => {} };
  const polling = new Polling(
    addon,
    waiting.map(() => ({}) as NativeSocket),
    { mode, moderation, timer: moderation > 0 ? new MicroTimer(addon) : undefined },
    {
      drain: (index) => {
        const taken = Math.min(waiting[index], most);
        if (taken === 0) return 0;
        waiting[index] -= taken;
        log.push(`drain ${index}`);
        hooks.delivered(index, taken);
        return taken;
      },
      ready: (index) => {
        state.looks++;
        return waiting[index] > 0;
      },
      failed: () => log.push('failed'),
      sent: () => state.sent,
    },
    now,
  );
  return { polling, log, state, callbacks, polls, hooks };
}

/** A simulation in which dense traffic (a frame in a microsecond) has brought moderation about. */
function moderated(queues: number, { most = BUDGET } = {}) {
  let time = 1000;
  const waiting = new Array<number>(queues).fill(0);
  const simulation = simulate('interrupt', waiting, { moderation: 100, most, now: () => time });
  const { polling, state, callbacks } = simulation;
  polling.start();
  const pass = (milliseconds: number) => {
    time += milliseconds;
  };
  for (let i = 0; i < 1000 && !state.timing; i++) {
    pass(0.01);
    waiting[0] = 10;
    callbacks[0](1);
  }
  assert.ok(state.timing);
  simulation.log.length = 0;
  return { ...simulation, waiting, pass, expire: () => callbacks[queues](1) };
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

describe('polling by interrupts, moderated', () => {
  it('dense traffic takes all queues out of epoll, and the timer wakes us for them', () => {
    const { log, state, waiting, polling, expire } = moderated(3);
    assert.equal(state.started, 0);
    assert.equal(state.microseconds, 100);
    const sets = state.sets;
    waiting[0] = 7;
    waiting[2] = 9;
    expire();
    assert.deepEqual(log.toSorted(), ['drain 0', 'drain 2']);
    assert.equal(state.sets, sets + 1);
    assert.equal(polling.moderated, 1);
    // A period without a frame is no wake-up.
    const { wakeups } = polling;
    expire();
    assert.equal(polling.wakeups, wakeups);
  });

  it('goes back to epoll, with all queues, when nothing comes for some periods', () => {
    const { state, waiting, expire, pass } = moderated(2);
    for (let i = 0; i < 10 && state.timing; i++) {
      pass(0.1);
      waiting[1] = i === 0 ? 20 : 0;
      expire();
    }
    assert.equal(state.timing, false);
    assert.equal(state.started, 2);
  });

  it('goes back when traffic is dense no longer, and begins again when it is', () => {
    const { state, waiting, callbacks, expire, pass } = moderated(1);
    for (let i = 0; i < 200; i++) {
      pass(0.1);
      waiting[0] = 40;
      expire();
    }
    assert.ok(state.timing, 'as long as it is dense');
    let periods = 0;
    while (state.timing) {
      pass(0.1);
      waiting[0] = 1;
      expire();
      assert.ok(++periods < 100);
    }
    assert.equal(state.started, 1);
    for (let i = 0; i < 1000 && !state.timing; i++) {
      pass(0.01);
      waiting[0] = 5;
      callbacks[0](1);
    }
    assert.ok(state.timing);
  });

  it('every frame is taken once, through all changes', () => {
    const { state, waiting, callbacks, expire, pass, hooks } = moderated(1);
    let offered = 0;
    let taken = 0;
    let changes = 0;
    hooks.delivered = (_index, count) => {
      taken += count;
    };
    for (let burst = 0; burst < 20; burst++) {
      for (let i = 0; i < 1000; i++) {
        const timing = state.timing;
        // Half of the burst is dense.
        const frames = i < 500 ? 1 + (i % 300) : 0;
        waiting[0] += frames;
        offered += frames;
        pass(0.01);
        if (timing) expire();
        else if (waiting[0] > 0) callbacks[0](1);
        if (state.timing !== timing) changes++;
        assert.notEqual(state.timing, state.started === 1, 'one of them waits');
      }
    }
    assert.ok(changes >= 20, `${changes}`);
    assert.equal(taken + waiting[0], offered);
    assert.equal(waiting[0], 0);
  });

  it('more than one look takes: the timer stays expired, so that the next turn comes at once', () => {
    const { state, waiting, expire } = moderated(2);
    waiting[1] = BUDGET + 1;
    const { sets } = state;
    expire();
    assert.equal(waiting[1], 1);
    assert.equal(state.sets, sets);
    expire();
    assert.equal(waiting[1], 0);
    assert.equal(state.sets, sets + 1);
  });

  it('a receiver that throws at one queue: the next turn comes at once, and the other queue has its turn', () => {
    const { state, waiting, expire, hooks, log } = moderated(2);
    hooks.delivered = (index) => {
      if (index === 0) throw new Error('mine');
    };
    const { sets } = state;
    let thrown = 0;
    for (let i = 0; i < 4; i++) {
      waiting.fill(1);
      try {
        expire();
      } catch {
        thrown++;
      }
    }
    assert.equal(thrown, 4);
    assert.equal(state.sets, sets);
    assert.ok(log.includes('drain 1'));
    // It ends as always when nothing comes.
    waiting.fill(0);
    for (let i = 0; i < 4; i++) expire();
    assert.equal(state.started, 2);
  });

  it('closed from inside: nothing is looked at, set or started after it', () => {
    const { state, waiting, polling, polls, expire, hooks, log } = moderated(2);
    waiting.fill(5);
    hooks.delivered = () => polling.close();
    const { sets } = state;
    expire();
    assert.equal(log.length, 1);
    assert.equal(state.sets, sets);
    assert.ok(polls.every(({ closed, started }) => closed && !started));
  });

  it('closed by the wake-up that would have begun it', () => {
    let time = 1000;
    /** Wake-ups until it begins, or has been closed by that one. */
    const wakeUps = (closing: number) => {
      const waiting = [0];
      const { polling, state, callbacks, hooks } = simulate('interrupt', waiting, {
        moderation: 100,
        most: BUDGET,
        now: () => time,
      });
      polling.start();
      let count = 0;
      hooks.delivered = () => {
        if (++count === closing) polling.close();
      };
      while (!state.timing && count < closing) {
        time += 0.01;
        waiting[0] = 5;
        callbacks[0](1);
      }
      assert.equal(state.sets, closing === Number.POSITIVE_INFINITY ? 1 : 0);
      return count;
    };
    wakeUps(wakeUps(Number.POSITIVE_INFINITY));
  });

  it('ref and unref are for the timer, too', () => {
    const { polling, polls, waiting, expire, state } = moderated(2);
    polling.setReferenced(false);
    assert.ok(polls.every(({ referenced }) => !referenced));
    waiting[0] = 3;
    expire();
    assert.equal(waiting[0], 0);
    assert.ok(state.timing, 'it goes on all the same');
    polling.setReferenced(true);
    assert.ok(polls.every(({ referenced }) => referenced));
  });

  it('an error of a queue is told, and polling goes on when asked to', () => {
    const { polling, log, state, callbacks, polls } = simulate('interrupt', [0], { moderation: 100 });
    polling.start();
    polls[0].started = false;
    callbacks[0](-9);
    assert.deepEqual(log, ['failed']);
    polling.resume();
    assert.equal(state.started, 1);
  });

  it('turned off, and in the other modes, there is no timer', () => {
    const { polling, polls } = simulate('interrupt', [0]);
    polling.start();
    assert.equal(polls.length, 1);
  });
});
