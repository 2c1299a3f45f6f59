import { type Clock, type ClockTimer, VirtualClock } from 'etherconn';
import { Delta, type Second } from '../metrics/delta.ts';
import type { Client } from './client.ts';
import { TimerWheel } from './timer-wheel.ts';

/** Milliseconds below which Node's timers are too coarse: for impatient clients we poll in each turn of the event loop. */
const FINEST_TIMER = 1;
/** Milliseconds before time 0 at which we begin to poll: timers may be late, but all machines must start at once. */
const START_WATCH = 2;

/** Turns of the event loop that follow a drain. */
const LAST_TURNS = 50;

export interface RunnerOptions {
  /** The relay's clock. All clients of a runner use one relay, or relays with one clock. */
  readonly clock: Clock;
  readonly clients: readonly Client[];
  /** Time 0 of the run by the clock; may be in the future. Default now. */
  readonly startAt?: number;
  /** Milliseconds after which the run ends. Default: when no client wants another tick. */
  readonly duration?: number | undefined;
  /** Milliseconds that the run continues after that, so that packets in flight arrive. Default 0. */
  readonly drain?: number;
  /** Receives the counts of each second, and those of the rest at the end. */
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
 * Runs clients with one timer wheel, and collects their counts once a second. There may be other runners, in this process
 * or another one: the caller decides which clients run, and when time 0 is.
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
  /** End of the last second that was reported. */
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

  /** Works again in the next turn of the event loop. */
  #wake(): void {
    this.#sleepNoMore();
    this.#immediate = setImmediate(this.#turn);
  }

  /** Does what is due. Returns the time of the next work, or NaN at the end. */
  #work(now: number): number {
    if (now < 0) return this.#endsAt < 0 ? Number.NaN : 0;
    if (!this.#started) {
      this.#started = true;
      for (const [number, client] of this.#clients.entries()) this.#add(number, client.start(now));
    }
    // After the end, clients get no more ticks, but still receive.
    if (now < this.#endsAt) this.#wheel.advance(now, this.#tick);
    this.#tellWhole(now);
    if (this.#drainedAt === Number.POSITIVE_INFINITY && (now >= this.#endsAt || this.#wheel.size === 0)) {
      this.#endsAt = Math.min(this.#endsAt, now);
      this.#drainedAt = now + (this.#options.drain ?? 0);
    }
    if (now >= this.#drainedAt) {
      // If the process was kept from running, frames that have arrived are still unread.
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
