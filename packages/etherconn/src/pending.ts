import { type Clock, type ClockTimer, systemClock } from './clock.ts';
import { OptionError, TimeoutError } from './errors.ts';
import { checkObject, show } from './options.ts';
import { programNow } from './real-time.ts';

/** Options of all calls that may wait. */
export interface CallOptions {
  /** Aborting it rejects the call with the signal's reason. */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds that this call may wait. 0 fails at once instead of waiting. By default only the conn's deadline
   * applies.
   */
  timeout?: number | undefined;
}

/** Throws an OptionError when they are wrong. */
function checkCallOptions(options: CallOptions): void {
  checkObject(options);
  const { signal, timeout } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new OptionError('signal', `must be an AbortSignal, got ${show(signal)}`);
  }
  if (timeout !== undefined && !(typeof timeout === 'number' && timeout >= 0)) {
    throw new OptionError('timeout', `must be a number of milliseconds, 0 or more, got ${show(timeout)}`);
  }
}

/** A point in time for `setDeadline`: a Date, milliseconds since the Unix epoch, or null for no deadline. */
export type DeadlineTime = Date | number | null;

/** A call that waits. It is settled once; a settled one is skipped where it still stands in a queue. */
export class PendingCall<T> {
  readonly promise: Promise<T>;
  settled = false;
  /** Tries the operation again; true when it succeeded and has settled the call (writers use it). */
  attempt: (() => boolean) | null = null;
  /** Called once when it settles, in whichever way. */
  onSettled: (() => void) | null = null;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #timer: ClockTimer | undefined;
  #signal: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;

  constructor(clock: Clock, operation: string, options: CallOptions) {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal, timeout } = options;
    // A timer of 0 ms would need the clock to move on; virtual time may stand still.
    if (timeout === 0) {
      this.reject(new TimeoutError(operation));
      return;
    }
    if (timeout !== undefined && timeout !== Number.POSITIVE_INFINITY) {
      this.#timer = clock.setTimer(() => this.reject(new TimeoutError(operation)), timeout);
    }
    if (signal !== undefined) {
      this.#signal = signal;
      this.#onAbort = () => this.reject(signal.reason);
      signal.addEventListener('abort', this.#onAbort, { once: true });
    }
  }

  resolve(value: T): void {
    if (this.#settle()) this.#resolve(value);
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.#timer?.cancel();
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
    this.onSettled?.();
    return true;
  }
}

/**
 * The calls that wait on one side (reading or writing) of one conn, first come first served, under that
 * side's deadline.
 */
export class PendingCalls<T> {
  readonly #clock: Clock;
  /** In the order in which they came. Made when the first call waits: there may be 100,000 idle conns. */
  #calls: Set<PendingCall<T>> | null = null;
  #deadline = Number.POSITIVE_INFINITY;
  #timer: ClockTimer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#calls === null ? 0 : this.#calls.size;
  }

  /**
   * Sets or clears the deadline. Calls that wait now are held to the new one; one in the past fails them,
   * and every later call until it is changed, at once. Throws an OptionError for what is not a point in time.
   */
  setDeadline(time: DeadlineTime, operation: string): void {
    if (time === null) {
      this.#deadline = Number.POSITIVE_INFINITY;
    } else {
      const wall = time instanceof Date ? time.getTime() : time;
      if (typeof wall !== 'number' || Number.isNaN(wall)) {
        const rule = 'must be a valid Date, milliseconds since the epoch, or null';
        throw new OptionError('deadline', `${rule}, got ${show(time)}`);
      }
      // In real time it is a point of the program's time: where Date is a fake, the program has reckoned by it.
      const wallNow = this.#clock === systemClock ? programNow() : this.#clock.wallTime();
      this.#deadline = this.#clock.now() + (wall - wallNow);
    }
    this.#disarm();
    this.#arm(operation);
  }

  /** Throws if a call that starts now must fail without waiting or looking. */
  check(operation: string, options: CallOptions): void {
    checkCallOptions(options);
    options.signal?.throwIfAborted();
    if (this.#deadline !== Number.POSITIVE_INFINITY && this.#clock.now() >= this.#deadline) {
      throw new TimeoutError(operation);
    }
  }

  /** Waits. The call settles by `peek().resolve`, deadline, timeout, signal or `rejectAll`. */
  add(operation: string, options: CallOptions): PendingCall<T> {
    const call = new PendingCall<T>(this.#clock, operation, options);
    if (call.settled) return call;
    this.#calls ??= new Set();
    this.#calls.add(call);
    call.onSettled = () => this.#remove(call);
    this.#arm(operation);
    return call;
  }

  /** The call that has waited longest, or undefined. It stays in line until it is settled. */
  peek(): PendingCall<T> | undefined {
    return this.size === 0 ? undefined : this.#calls!.values().next().value;
  }

  rejectAll(error: unknown): void {
    if (this.#calls === null) return;
    for (const call of [...this.#calls]) call.reject(error);
  }

  #remove(call: PendingCall<T>): void {
    this.#calls!.delete(call);
    if (this.size === 0) this.#disarm();
  }

  /** One timer for all calls that wait, and none while nobody does, so an idle conn with a deadline costs nothing. */
  #arm(operation: string): void {
    if (this.#timer !== undefined || this.size === 0 || this.#deadline === Number.POSITIVE_INFINITY) return;
    const left = this.#deadline - this.#clock.now();
    const expire = () => {
      this.#timer = undefined;
      this.rejectAll(new TimeoutError(operation));
    };
    if (left > 0) this.#timer = this.#clock.setTimer(expire, left);
    else expire();
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
