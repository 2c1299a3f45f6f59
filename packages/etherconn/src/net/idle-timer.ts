import type { Clock, ClockTimer } from '../clock.ts';

/** The timeout of a socket on a clock that is not Node's: calls back when the socket was idle for that long. */
export class IdleTimer {
  readonly #clock: Clock;
  readonly #delay: number;
  readonly #callback: () => void;
  #touched: number;
  #timer: ClockTimer | null = null;

  constructor(clock: Clock, delay: number, callback: () => void) {
    this.#clock = clock;
    this.#delay = delay;
    this.#callback = callback;
    this.#touched = clock.now();
    this.#arm(delay);
  }

  /** The socket is not idle. */
  touch(): void {
    this.#touched = this.#clock.now();
    // After it has called back, it begins anew.
    if (this.#timer === null) this.#arm(this.#delay);
  }

  cancel(): void {
    this.#timer?.cancel();
  }

  #arm(delay: number): void {
    this.#timer = this.#clock.setTimer(() => this.#fired(), delay, true);
  }

  #fired(): void {
    this.#timer = null;
    const rest = this.#touched + this.#delay - this.#clock.now();
    if (rest > 0) this.#arm(rest);
    else this.#callback();
  }
}
