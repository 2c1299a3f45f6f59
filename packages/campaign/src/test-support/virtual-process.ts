import type { Clock, ClockTimer } from 'etherconn';

export interface VirtualProcessOptions {
  /** Milliseconds that its monotonic clock shows at the true time 0. */
  readonly offset?: number;
  /** How fast its clock runs, against the true time. */
  readonly rate?: number;
}

/**
 * A process in virtual time: a clock of its own, which is a little wrong, and signals. While it is stopped, timers and
 * messages wait; once it is killed nothing happens any more.
 */
export class VirtualProcess implements Clock {
  isStopped = false;
  isDead = false;
  readonly #clock: Clock;
  readonly #offset: number;
  readonly #rate: number;
  readonly #waiting: (() => void)[] = [];
  readonly #timers = new Set<object>();

  constructor(clock: Clock, { offset = 0, rate = 1 }: VirtualProcessOptions = {}) {
    this.#clock = clock;
    this.#offset = offset;
    this.#rate = rate;
  }

  now(): number {
    return this.#clock.now() * this.#rate + this.#offset;
  }

  wallTime(): number {
    return this.#clock.wallTime();
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  setTimer(callback: () => void, delay: number, unref = false): ClockTimer {
    let isPending = true;
    const end = (): boolean => {
      const was = isPending;
      isPending = false;
      this.#timers.delete(timer);
      return was;
    };
    const inner = this.#clock.setTimer(
      () =>
        this.run(() => {
          if (end()) callback();
        }),
      delay / this.#rate,
      unref,
    );
    const timer = {
      cancel: () => {
        end();
        inner.cancel();
      },
    };
    this.#timers.add(timer);
    return timer as ClockTimer;
  }

  /** Something that happens in this process. */
  run(callback: () => void): void {
    if (this.isDead) return;
    if (this.isStopped) this.#waiting.push(callback);
    else callback();
  }

  stop(): void {
    this.isStopped = true;
  }

  continue(): void {
    this.isStopped = false;
    for (const callback of this.#waiting.splice(0)) this.run(callback);
  }

  kill(): void {
    this.isDead = true;
    this.#waiting.length = 0;
  }
}
