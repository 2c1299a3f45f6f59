/** Slots of the wheel, a millisecond each; what is due later stays for another round. */
const SLOTS = 1024;
const NONE = -1;

/**
 * Who is due when, for any number of clients: putting one in and taking it out are a few integers, whatever the number.
 * It has no timer of its own; times are milliseconds.
 */
export class TimerWheel {
  /** The list behind the slots is of those who are due before {@link #at}. */
  readonly #lists = new Int32Array(SLOTS + 1).fill(NONE);
  readonly #next: Int32Array;
  readonly #due: Float64Array;
  /** The next millisecond to look at. */
  #at: number;
  #size = 0;

  /** @param count numbers go from 0 to count - 1 */
  constructor(count: number, now: number) {
    this.#next = new Int32Array(count);
    this.#due = new Float64Array(count);
    this.#at = Math.floor(now);
  }

  /** How many are waiting. */
  get size(): number {
    return this.#size;
  }

  /** `number`, which is not waiting, is due at `time`; what is in the past is due at once. */
  add(number: number, time: number): void {
    this.#due[number] = time;
    const list = time < this.#at ? SLOTS : Math.floor(time) % SLOTS;
    this.#next[number] = this.#lists[list];
    this.#lists[list] = number;
    this.#size++;
  }

  /** Takes out who is due at `now` and calls `each`. Who is added meanwhile waits for the next call. */
  advance(now: number, each: (number: number) => void): void {
    const overdue = this.#take(SLOTS);
    const end = Math.floor(now);
    const from = Math.max(this.#at, end - SLOTS + 1);
    this.#at = Math.max(this.#at, end + 1);
    this.#visit(overdue, now, each);
    for (let time = from; time <= end; time++) this.#visit(this.#take(time % SLOTS), now, each);
  }

  /** When {@link advance} has something to do next, at the latest; Infinity when nobody waits. */
  nextDue(): number {
    if (this.#size === 0) return Number.POSITIVE_INFINITY;
    const overdue = this.#earliest(SLOTS);
    if (overdue !== Number.POSITIVE_INFINITY) return overdue;
    for (let time = this.#at; time < this.#at + SLOTS; time++) {
      const due = this.#earliest(time % SLOTS);
      // Else it is for a later round, and found when the wheel has turned.
      if (due < time + 1) return due;
    }
    return this.#at + SLOTS;
  }

  #take(list: number): number {
    const first = this.#lists[list];
    this.#lists[list] = NONE;
    return first;
  }

  #visit(first: number, now: number, each: (number: number) => void): void {
    for (let number = first; number !== NONE; ) {
      const next = this.#next[number];
      this.#size--;
      if (this.#due[number] <= now) each(number);
      else this.add(number, this.#due[number]);
      number = next;
    }
  }

  #earliest(list: number): number {
    let due = Number.POSITIVE_INFINITY;
    for (let number = this.#lists[list]; number !== NONE; number = this.#next[number])
      due = Math.min(due, this.#due[number]);
    return due;
  }
}
