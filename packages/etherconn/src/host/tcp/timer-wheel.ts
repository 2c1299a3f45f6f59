import type { Clock, ClockTimer } from '../../clock.ts';

/** Slots of a millisecond each. What is due later goes into the last one, and on from there. A power of two. */
const SLOTS = 2048;
const NONE = -1;

/**
 * Timers of many connections, one each, on one timer of the clock: setting one makes nothing. Each slot is a list of
 * the numbers that are due in one millisecond. A timer fires within the millisecond after it is due.
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #fired: (id: number) => void;
  readonly #heads = new Int32Array(SLOTS).fill(NONE);
  #next = new Int32Array(16);
  #previous = new Int32Array(16);
  /** The millisecond that a number is due in; NaN if it has no timer. */
  #ticks: Float64Array = new Float64Array(16).fill(Number.NaN);
  /** No slot before that of this millisecond has anything in it. */
  #tick: number;
  #size = 0;
  #timer: ClockTimer | null = null;
  #timerTick = Infinity;
  #holds = false;

  constructor(clock: Clock, fired: (id: number) => void) {
    this.#clock = clock;
    this.#fired = fired;
    this.#tick = Math.ceil(clock.now());
  }

  /** Has `fired` called with a number at `due`, at the latest; perhaps also before that. */
  set(id: number, due: number, now: number): void {
    if (id >= this.#next.length) this.#grow(id);
    if (this.#size === 0) this.#tick = Math.ceil(now);
    // Never into the slot that is being emptied.
    const tick = Math.min(Math.max(Math.ceil(due), this.#tick), this.#tick + SLOTS - 2);
    if (this.#ticks[id] <= tick) return;
    this.cancel(id);
    const slot = tick & (SLOTS - 1);
    const head = this.#heads[slot];
    this.#next[id] = head;
    this.#previous[id] = NONE;
    if (head !== NONE) this.#previous[head] = id;
    this.#heads[slot] = id;
    this.#ticks[id] = tick;
    this.#size++;
    if (tick < this.#timerTick) this.#arm(tick, now);
  }

  cancel(id: number): void {
    if (id >= this.#ticks.length || Number.isNaN(this.#ticks[id])) return;
    const next = this.#next[id];
    const previous = this.#previous[id];
    if (next !== NONE) this.#previous[next] = previous;
    if (previous !== NONE) this.#next[previous] = next;
    else this.#heads[this.#ticks[id] & (SLOTS - 1)] = next;
    this.#ticks[id] = Number.NaN;
    this.#size--;
  }

  /** Whether the timer of the clock keeps the process alive. */
  hold(holds: boolean): void {
    if (holds === this.#holds) return;
    this.#holds = holds;
    if (this.#timer !== null) this.#arm(this.#timerTick, this.#clock.now());
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerTick = Infinity;
    this.#heads.fill(NONE);
    this.#ticks.fill(Number.NaN);
    this.#size = 0;
  }

  #arm(tick: number, now: number): void {
    this.#timer?.cancel();
    this.#timerTick = tick;
    this.#timer = this.#clock.setTimer(this.#turn, Math.max(0, tick - now), !this.#holds);
  }

  readonly #turn = (): void => {
    // The clock may be a fraction before the millisecond that it was asked for.
    const until = Math.max(Math.floor(this.#clock.now()), this.#timerTick);
    this.#timer = null;
    this.#timerTick = Infinity;
    // After a long time each slot needs one look.
    this.#tick = Math.max(this.#tick, until - SLOTS + 1);
    while (this.#tick <= until && this.#size > 0) {
      const slot = this.#tick & (SLOTS - 1);
      // What is set anew while the slot is emptied goes at least one further.
      this.#tick++;
      for (let id = this.#heads[slot]; id !== NONE; id = this.#heads[slot]) {
        this.cancel(id);
        this.#fired(id);
      }
    }
    if (this.#size === 0) return;
    let tick = this.#tick;
    while (this.#heads[tick & (SLOTS - 1)] === NONE) tick++;
    if (tick < this.#timerTick) this.#arm(tick, this.#clock.now());
  };

  #grow(id: number): void {
    const length = 2 ** Math.ceil(Math.log2(id + 1));
    const ticks = new Float64Array(length).fill(Number.NaN);
    ticks.set(this.#ticks);
    this.#ticks = ticks;
    const [next, previous] = [new Int32Array(length), new Int32Array(length)];
    next.set(this.#next);
    previous.set(this.#previous);
    this.#next = next;
    this.#previous = previous;
  }
}
