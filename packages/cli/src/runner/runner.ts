import { type Clock, type ClockTimer, VirtualClock } from 'etherconn';
import { Delta, type Second } from '../metrics/delta.ts';
import type { Client } from './client.ts';
import { TimerWheel } from './timer-wheel.ts';

/** Milliseconds below which a timer of Node's is too coarse: then we look in each turn of the event loop, for who is not patient. */
const FINEST_TIMER = 1;
/** Milliseconds before time 0 from which on we look in each turn: timers may be late by some, and all machines start at once. */
const START_WATCH = 2;

/** Turns of the event loop that follow a drain. */
const LAST_TURNS = 50;

export interface RunnerOptions {
  /** The relay's clock: all clients of a runner are on one relay, or on relays of one clock. */
  readonly clock: Clock;
  readonly clients: readonly Client[];
  /** When time 0 is, by the clock; may be in the future. Default now. */
  readonly startAt?: number;
  /** Milliseconds after which the run ends. Default: when no client wants another tick. */
  readonly duration?: number | undefined;
  /** Milliseconds that the run goes on after that, so that what is under way arrives. Default 0. */
  readonly drain?: number;
  /** Told what happened, once a second and at the end. */
  readonly onSecond?: (second: Second) => void;
  /** Ends the run early, as if the duration were over. */
  readonly signal?: AbortSignal;
}

/** How a run ended. */
export interface RunEnd {
  /** Milliseconds from time 0 to the end, drain included. */
  readonly length: number;
  readonly interrupted: boolean;
}

/**
 * Runs clients by one timer wheel, and collects what they count once a second. It assumes nothing of being alone: which
 * clients there are, and when time 0 is, comes from outside.
 */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #clock: Clock;
  readonly #clients: readonly Client[];
  readonly #isPatient: boolean;
  readonly #startAt: number;
  readonly #wheel: TimerWheel;
  readonly #finish: () => void;
  readonly #fail: (error: unknown) => void;
  readonly #finished: Promise<void>;
  #timer: ClockTimer | null = null;
  #immediate: NodeJS.Immediate | null = null;
  #over = false;
  #started = false;
  /** Time up to which seconds have been told. */
  #told = 0;
  #endsAt: number;
  #lastTurns: number = LAST_TURNS;
  #drainedAt: number = Number.POSITIVE_INFINITY;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#clients = options.clients;
    this.#isPatient = options.clients.every((client) => client.isPatient === true);
    this.#startAt = options.startAt ?? options.clock.now();
    this.#endsAt = options.duration ?? Number.POSITIVE_INFINITY;
    this.#wheel = new TimerWheel(options.clients.length, 0);
    let [finish, fail]: [() => void, (error: unknown) => void] = [() => {}, () => {}];
    this.#finished = new Promise((resolve, reject) => {
      [finish, fail] = [resolve, reject];
    });
    this.#finish = finish;
    this.#fail = fail;
  }

  /** Runs to the end, stops all clients, and resolves; rejects with what a client throws. Called once. */
  async run(): Promise<RunEnd> {
    const { signal } = this.#options;
    const abort = (): void => {
      this.#endsAt = Math.min(this.#endsAt, this.#now());
      this.#wake();
    };
    signal?.addEventListener('abort', abort);
    let length = 0;
    try {
      if (signal?.aborted !== true) {
        this.#turn();
        await this.#finished;
      }
    } finally {
      this.#over = true;
      signal?.removeEventListener('abort', abort);
      this.#sleepNoMore();
      length = Math.max(0, this.#now());
      this.#tellWhole(length);
      await Promise.all(this.#clients.map((client) => client.stop()));
      this.#tell(Math.max(0, length - this.#told));
    }
    return { length, interrupted: signal?.aborted === true };
  }

  #now(): number {
    return this.#clock.now() - this.#startAt;
  }

  #turn = (): void => {
    if (this.#over) return;
    this.#timer = null;
    this.#immediate = null;
    try {
      this.#wait(this.#work(this.#now()));
    } catch (error) {
      this.#fail(error);
    }
  };

  #sleepNoMore(): void {
    this.#timer?.cancel();
    if (this.#immediate !== null) clearImmediate(this.#immediate);
  }

  /** Looks again in the next turn of the event loop. */
  #wake(): void {
    this.#sleepNoMore();
    this.#immediate = setImmediate(this.#turn);
  }

  /** Does what is due; returns when there is something to do again, or NaN at the end. */
  #work(now: number): number {
    if (now < 0) return this.#endsAt < 0 ? Number.NaN : 0;
    if (!this.#started) {
      this.#started = true;
      for (const [number, client] of this.#clients.entries()) this.#add(number, client.start(now));
    }
    // Behind the end clients get no more ticks, but still receive.
    if (now < this.#endsAt) this.#wheel.advance(now, this.#tick);
    this.#tellWhole(now);
    if (this.#drainedAt === Number.POSITIVE_INFINITY && (now >= this.#endsAt || this.#wheel.size === 0)) {
      this.#endsAt = Math.min(this.#endsAt, now);
      this.#drainedAt = now + (this.#options.drain ?? 0);
    }
    if (now >= this.#drainedAt) {
      // A process that was kept from running has not looked yet: what has arrived is still to be taken.
      if (this.#options.drain === undefined || this.#lastTurns === 0) return Number.NaN;
      this.#lastTurns--;
      return now;
    }
    const nextTick = this.#drainedAt === Number.POSITIVE_INFINITY ? this.#wheel.nextDue() : this.#drainedAt;
    return Math.min(nextTick, this.#endsAt > now ? this.#endsAt : this.#drainedAt, this.#told + 1000);
  }

  #tick = (number: number): void => {
    const now = this.#now();
    this.#add(number, this.#clients[number].tick(now));
  };

  #add(number: number, time: number): void {
    if (time !== Number.POSITIVE_INFINITY) this.#wheel.add(number, time);
  }

  #wait(until: number): void {
    if (Number.isNaN(until)) {
      this.#finish();
      return;
    }
    const delay = until - this.#now();
    if (this.#clock instanceof VirtualClock) {
      this.#timer = this.#clock.setTimer(this.#turn, Math.max(delay, 0.001));
    } else if (
      delay <= 0 ||
      (delay < FINEST_TIMER && !this.#isPatient) ||
      (!this.#started && delay < START_WATCH)
    ) {
      this.#immediate = setImmediate(this.#turn);
    } else {
      // Rounded down, since timers fire late rather than early.
      const early = this.#started ? 0 : START_WATCH - FINEST_TIMER;
      this.#timer = this.#clock.setTimer(this.#turn, Math.max(FINEST_TIMER, Math.floor(delay - early)));
    }
  }

  #tellWhole(now: number): void {
    while (now >= this.#told + 1000) this.#tell(1000);
  }

  #tell(length: number): void {
    const delta = new Delta();
    for (const client of this.#clients) client.counters(delta);
    const second = this.#told / 1000;
    this.#told += length;
    this.#options.onSecond?.({ second, length, delta });
  }
}
