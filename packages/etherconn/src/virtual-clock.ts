import type { Clock, ClockTimer } from './clock.ts';
import { OptionError } from './errors.ts';
import { checkBoolean, checkKnown, checkNumber, requireFunction, requireNumber, show } from './options.ts';
import { setImmediate } from './real-time.ts';
import { rethrowLater } from './rethrow.ts';

/** Options of a {@link VirtualClock}. */
export interface VirtualClockOptions {
  /** Wall time at the start, in milliseconds since the Unix epoch. Default 2000-01-01T00:00Z. */
  wallTime?: number;
  /** See {@link VirtualClock.autoAdvance}. Default false. */
  autoAdvance?: boolean;
}

const YEAR_2000 = 946_684_800_000;
/**
 * Timers fire at least this much (milliseconds) after they were set, unless the delay is 0 or less. Else a
 * delay could be so small that adding it changes nothing, and code that waits for the rest of an interval would
 * wait in circles.
 */
const RESOLUTION = 0.001;
/** Turns of the event loop in which nothing happened, after which it is taken to be quiet. */
const QUIET_TURNS = 3;

/**
 * A clock that advances only when told to, without waiting. It starts at 0.
 *
 * Between two timers, even if both are due at the same moment, it runs everything that is ready in the event loop:
 * microtasks, `nextTick`s, immediates, and frames under way in a memory network. The effects of a timer are
 * therefore complete before the next timer fires. The clock does not wait for anything outside the process (other
 * sockets, files, child processes, workers).
 */
export class VirtualClock implements Clock {
  #now = 0;
  readonly #epoch: number;
  #autoAdvance = false;
  #sequence = 0;
  /** A binary heap, ordered by time and then by creation. */
  readonly #timers: VirtualTimer[] = [];
  /** Pending timers that were not made with `unref`. */
  #referenced = 0;
  readonly #activities = new Set<() => boolean>();
  /** Ends when the last of those who let time go on is done: only one does so at a time. */
  #driver: Promise<unknown> = Promise.resolve();
  #driving = false;

  /** @throws OptionError */
  constructor(options: VirtualClockOptions = {}) {
    checkKnown(options, ['wallTime', 'autoAdvance']);
    this.#epoch = checkNumber('wallTime', options.wallTime, 0, 8.64e15, YEAR_2000);
    this.autoAdvance = checkBoolean('autoAdvance', options.autoAdvance, false);
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#epoch + this.#now;
  }

  setTimer(callback: () => void, delay: number, unref = false): ClockTimer {
    requireFunction('callback', callback);
    if (typeof delay !== 'number')
      throw new OptionError('delay', `must be a number of milliseconds, got ${show(delay)}`);
    const after = delay > 0 ? Math.max(delay, RESOLUTION) : 0;
    const timer = new VirtualTimer(this.#cancel, callback, this.#now + after, this.#sequence++, unref);
    if (after !== Infinity) {
      this.#timers.push(timer);
      this.#rise(this.#timers.length - 1, timer);
      if (!unref) this.#referenced++;
      this.#startAutomatic();
    }
    return timer;
  }

  /** The number of timers that have not fired. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /**
   * Whether the clock jumps to the next timer by itself whenever the event loop is idle, as long as there is a
   * timer that was not created with `unref`. `await conn.readFrom()` with a deadline of an hour then takes a
   * moment. A program with periodic timers never becomes idle: disable this, or close them.
   */
  get autoAdvance(): boolean {
    return this.#autoAdvance;
  }

  set autoAdvance(on: boolean) {
    this.#autoAdvance = checkBoolean('autoAdvance', on, false);
    this.#startAutomatic();
  }

  /**
   * Advances the clock by `ms` milliseconds and runs the timers that become due, in order. Concurrent calls run one
   * after another. Rejects with the exception of a timer's callback, or with an OptionError if `ms` is not a finite
   * number of 0 or more. Do not await it inside an operation that another call waits for.
   */
  async advance(ms: number): Promise<void> {
    requireNumber('ms', ms, 0, Number.MAX_VALUE);
    await this.#drive(async () => {
      await this.#quiet();
      const target = this.#now + ms;
      while (await this.#fire(target)) await this.#quiet();
      this.#now = target;
    });
  }

  /**
   * Runs timers until `predicate` returns true; it is called whenever the event loop is idle. Resolves with false
   * if nothing is left to happen, or if `limit` milliseconds (default: unlimited) have passed before.
   */
  async runUntil(predicate: () => boolean, limit: number = Infinity): Promise<boolean> {
    requireFunction('predicate', predicate);
    requireNumber('limit', limit, 0, Infinity);
    return this.#drive(async () => {
      const target = this.#now + limit;
      await this.#quiet();
      while (!predicate()) {
        if (!(await this.#fire(target))) {
          if (limit !== Infinity) this.#now = target;
          return false;
        }
        await this.#quiet();
      }
      return true;
    });
  }

  /** Runs everything that is ready, without advancing the clock. */
  settle(): Promise<void> {
    return this.#drive(() => this.#quiet());
  }

  /**
   * Adds an activity that the clock waits for: while `busy` returns true, the event loop counts as active. Returns
   * a function that removes the activity.
   */
  addActivity(busy: () => boolean): () => void {
    requireFunction('busy', busy);
    this.#activities.add(busy);
    return () => {
      this.#activities.delete(busy);
    };
  }

  #drive<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#driver.then(run);
    this.#driver = result.catch(() => undefined);
    return result;
  }

  #startAutomatic(): void {
    if (this.#driving || !this.#autoAdvance || this.#referenced === 0) return;
    this.#driving = true;
    this.#driveAutomatic().catch(rethrowLater);
  }

  async #driveAutomatic(): Promise<void> {
    try {
      while (this.#autoAdvance && this.#referenced > 0) {
        await this.#drive(async () => {
          await this.#quiet();
          // Somebody may have switched it off, or cancelled the timer, in between.
          // What a timer's callback throws is uncaught, as from a real timer, and time goes on.
          if (this.#autoAdvance && this.#referenced > 0) await this.#fire(Infinity).catch(rethrowLater);
        });
      }
    } finally {
      this.#driving = false;
    }
  }

  async #quiet(): Promise<void> {
    for (let turns = 0; turns < QUIET_TURNS; turns++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      for (const busy of this.#activities) if (busy() === true) turns = -1;
    }
  }

  /**
   * Fires the next timer if it is due at `target` or before. It fires in a turn of the event loop of its own, so
   * that `nextTick`s and microtasks follow it in the order that they have after a real timer.
   */
  #fire(target: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        const timer = this.#timers[0];
        if (timer === undefined || timer.time > target) {
          resolve(false);
          return;
        }
        this.#cancel(timer);
        if (timer.time > this.#now) this.#now = timer.time;
        try {
          timer.callback();
          resolve(true);
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  readonly #cancel = (timer: VirtualTimer): void => {
    const place = timer.place;
    if (place < 0) return;
    timer.place = -1;
    if (!timer.unref) this.#referenced--;
    const last = this.#timers.pop()!;
    if (last === timer) return;
    if (!this.#rise(place, last)) this.#sink(place, last);
  };

  /** Puts a timer at `from` or above; returns whether it went up. */
  #rise(from: number, timer: VirtualTimer): boolean {
    const timers = this.#timers;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!timer.before(timers[parent]!)) break;
      this.#put(at, timers[parent]!);
      at = parent;
    }
    this.#put(at, timer);
    return at < from;
  }

  #sink(from: number, timer: VirtualTimer): void {
    const timers = this.#timers;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= timers.length) break;
      if (child + 1 < timers.length && timers[child + 1]!.before(timers[child]!)) child++;
      if (!timers[child]!.before(timer)) break;
      this.#put(at, timers[child]!);
      at = child;
    }
    this.#put(at, timer);
  }

  #put(at: number, timer: VirtualTimer): void {
    this.#timers[at] = timer;
    timer.place = at;
  }
}

class VirtualTimer implements ClockTimer {
  readonly callback: () => void;
  readonly time: number;
  readonly unref: boolean;
  /** Index in the clock's heap; -1 when it is not pending. */
  place = -1;
  readonly #sequence: number;
  readonly #cancel: (timer: VirtualTimer) => void;

  constructor(
    cancel: (timer: VirtualTimer) => void,
    callback: () => void,
    time: number,
    sequence: number,
    unref: boolean,
  ) {
    this.#cancel = cancel;
    this.callback = callback;
    this.time = time;
    this.#sequence = sequence;
    this.unref = unref;
  }

  cancel(): void {
    this.#cancel(this);
  }

  before(other: VirtualTimer): boolean {
    return this.time < other.time || (this.time === other.time && this.#sequence < other.#sequence);
  }
}
