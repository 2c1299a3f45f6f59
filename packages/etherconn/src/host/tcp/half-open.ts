import type { Clock, ClockTimer } from '../../clock.ts';

/** Answers to SYNs that are remembered, to be sent again. Beyond that, a lost answer costs the client a second SYN. */
const ANSWERS_MAX = 128;
/** Milliseconds until an answer is sent again; doubled each time. */
const AGAIN = 1000;
const TIMES = 5;

interface Answer {
  readonly tuple: Int32Array;
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
  readonly #answers: Answer[] = [];
  #timer: ClockTimer | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Has `send` called again now and then, until `tuple` is removed. A SYN with another number takes the place of the first. */
  add(tuple: Int32Array, initial: number, send: () => void): void {
    const known = this.initialOf(tuple);
    if (known === initial) return;
    if (known !== null) this.remove(tuple);
    if (this.#answers.length >= ANSWERS_MAX) return;
    this.#answers.push({ tuple: tuple.slice(), initial, send, due: this.#clock.now() + AGAIN, wait: AGAIN });
    this.#arm();
  }

  /** Sequence number of the SYN from there, or null. */
  initialOf(tuple: Int32Array): number | null {
    const at = this.#find(tuple);
    return at < 0 ? null : this.#answers[at].initial;
  }

  remove(tuple: Int32Array): void {
    const at = this.#find(tuple);
    if (at >= 0) this.#answers.splice(at, 1);
  }

  close(): void {
    this.#answers.length = 0;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #find(tuple: Int32Array): number {
    return this.#answers.findIndex(({ tuple: other }) => {
      return other.length === tuple.length && other.every((word, i) => word === tuple[i]);
    });
  }

  #arm(): void {
    if (this.#answers.length === 0 || this.#timer !== null) return;
    const first = Math.min(...this.#answers.map(({ due }) => due));
    this.#timer = this.#clock.setTimer(this.#sendAgain, first - this.#clock.now(), true);
  }

  readonly #sendAgain = (): void => {
    this.#timer = null;
    const now = this.#clock.now();
    for (const answer of [...this.#answers]) {
      if (answer.due > now) continue;
      if (answer.wait >= AGAIN * 2 ** (TIMES - 1)) {
        this.remove(answer.tuple);
        continue;
      }
      answer.wait *= 2;
      answer.due = now + answer.wait;
      answer.send();
    }
    this.#arm();
  };
}
