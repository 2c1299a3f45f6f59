import {
  clearTimeout,
  monotonicNanoseconds,
  monotonicNow,
  setTimeout,
  timeOrigin,
  wallNow,
} from './real-time.ts';
/**
 * The time of everything above the links. A relay has exactly one clock, that of its link. All deadlines, retries
 * and expiries use it: on a memory network with virtual time, a lease of an hour expires in a microsecond, and a
 * test replays exactly.
 */
export interface Clock {
  /** Milliseconds, with a fraction, since a fixed point. Never runs backwards. */
  now(): number;
  /** Milliseconds since the Unix epoch, for timestamps of captures and for deadlines given as a Date. */
  wallTime(): number;
  /**
   * Calls `callback` once after `delay` milliseconds, never synchronously. With `unref` (default false) the timer
   * does not keep the process alive.
   */
  setTimer(callback: () => void, delay: number, unref?: boolean): ClockTimer;
}

/** A pending timer of a {@link Clock}. */
export interface ClockTimer {
  /** Cancels the timer. Harmless if it has fired. */
  cancel(): void;
}

/** Node's setTimeout wraps delays over 2^31 - 1 ms to 1 ms: longer ones are taken in steps. */
const MAX_TIMEOUT = 0x7fffffff;

class SystemTimer implements ClockTimer {
  #handle: NodeJS.Timeout | undefined;

  constructor(callback: () => void, delay: number, unref: boolean) {
    this.#arm(callback, Math.max(0, delay), unref);
  }

  #arm(callback: () => void, delay: number, unref: boolean): void {
    const step = Math.min(delay, MAX_TIMEOUT);
    this.#handle = setTimeout(() => {
      if (delay > step) this.#arm(callback, delay - step, unref);
      else callback();
    }, step);
    if (unref) this.#handle.unref();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

/** The machine's time: `performance.now()`, `Date.now()` and Node's timers. */
export const systemClock: Clock = {
  now: () => monotonicNow(),
  wallTime: () => wallNow(),
  setTimer: (callback, delay, unref = false) => new SystemTimer(callback, delay, unref),
};

const NANOS = 1_000_000n;
/** Date.now() may lag this much without a clock having been set meanwhile, milliseconds. */
const CLOCK_STEP = 20;
/** Nanoseconds from the monotonic clock's zero to the Unix epoch's; 0n until it is asked for. */
let toEpoch = 0n;

/**
 * Nanoseconds since the Unix epoch by `clock`, for captures. The system's clock has real ones: its monotonic clock, set
 * by the time of day when the process began, and again whenever somebody has set that.
 */
export function wallNanoseconds(clock: Clock): bigint {
  if (clock !== systemClock) return nanoseconds(clock.wallTime());
  if (toEpoch === 0n)
    toEpoch = nanoseconds(timeOrigin) + nanoseconds(monotonicNow()) - monotonicNanoseconds();
  const time = monotonicNanoseconds() + toEpoch;
  const wall = wallNow();
  if (Math.abs(Number(time / NANOS) - wall) <= CLOCK_STEP) return time;
  toEpoch += nanoseconds(wall) - time;
  return nanoseconds(wall);
}

function nanoseconds(milliseconds: number): bigint {
  const whole = Math.floor(milliseconds);
  return BigInt(whole) * NANOS + BigInt(Math.round((milliseconds - whole) * 1e6));
}
