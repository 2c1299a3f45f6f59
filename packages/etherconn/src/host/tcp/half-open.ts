import type { Clock, ClockTimer } from '../../clock.ts';

/** Answers to SYNs that are remembered, to be sent again. Beyond that, a lost answer costs the client a second SYN. */
const ANSWERS_MAX = 128;
/** Milliseconds until an answer is sent again; doubled each time. */
const AGAIN = 1000;
const TIMES = 5;

interface Answer {
  /** Sequence number of the SYN. */
  readonly initial: number;
  readonly send: () => void;
  due: number;
  wait: number;
}

/**
 * Answers to SYNs that no acknowledgment has come for, so that a lost one is sent again, and data that overtakes the
 * acknowledgment is understood. Without them a connection opens all the same: what is to be known of a SYN comes back with
 * the acknowledgment.
 */
export class HalfOpen {
  readonly #clock: Clock;
  readonly #answers: Map<string, Answer> = new Map();
  #timer: ClockTimer | null = null;
  /** When an answer was last not remembered. */
  overflowedAt: number = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Has `send` called again now and then, until `tuple` is removed. A SYN with another number takes the place of the first. */
  add(tuple: Int32Array, initial: number, send: () => void): void {
    const key = tuple.join();
    const known = this.#answers.get(key);
    if (known?.initial === initial) return;
    if (known === undefined && this.#answers.size >= ANSWERS_MAX) {
      this.overflowedAt = this.#clock.now();
      return;
    }
    this.#answers.set(key, { initial, send, due: this.#clock.now() + AGAIN, wait: AGAIN });
    this.#arm();
  }

  /** Sequence number of the SYN from there, or null. */
  initialOf(tuple: Int32Array): number | null {
    if (this.#answers.size === 0) return null;
    return this.#answers.get(tuple.join())?.initial ?? null;
  }

  remove(tuple: Int32Array): void {
    if (this.#answers.size > 0) this.#answers.delete(tuple.join());
  }

  close(): void {
    this.#answers.clear();
    this.#timer?.cancel();
    this.#timer = null;
  }

  #arm(): void {
    if (this.#answers.size === 0 || this.#timer !== null) return;
    let first = Infinity;
    for (const { due } of this.#answers.values()) first = Math.min(first, due);
    this.#timer = this.#clock.setTimer(this.#sendAgain, first - this.#clock.now(), true);
  }

  readonly #sendAgain = (): void => {
    this.#timer = null;
    const now = this.#clock.now();
    for (const [key, answer] of [...this.#answers]) {
      if (answer.due > now) continue;
      if (answer.wait >= AGAIN * 2 ** (TIMES - 1)) {
        this.#answers.delete(key);
        continue;
      }
      answer.wait *= 2;
      answer.due = now + answer.wait;
      answer.send();
    }
    this.#arm();
  };
}
