/** Slots of the wheel, a millisecond each. An entry that is due later stays for another round. */
const SLOTS = 1024;
const NONE = -1;

/** Lists after the slots: entries that are due before the wheel's time, and those that `advance` is visiting. */
const OVERDUE = SLOTS;
const VISITED = SLOTS + 1;

/**
 * Due times of any number of clients. Adding and removing one takes constant time and allocates nothing. The wheel has
 * no timer of its own. Times are milliseconds.
 */
export class TimerWheel {
  readonly #lists = new Int32Array(SLOTS + 2).fill(NONE);
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** The list that each number is in; NONE if it does not wait. */
  readonly #listOf: Int16Array;
  readonly #due: Float64Array;
  /** The next millisecond to look at. */
  #at: number;
  #size = 0;

  /** @param count numbers go from 0 to count - 1 */
  constructor(count: number, now: number) {
    this.#next = new Int32Array(count);
    this.#previous = new Int32Array(count);
    this.#listOf = new Int16Array(count).fill(NONE);
    this.#due = new Float64Array(count);
    this.#at = Math.floor(now);
  }

  /** How many numbers wait. */
  get size(): number {
    return this.#size;
  }

  /** Makes `number` due at `time`, instead of its earlier time if it had one. A time in the past is due at once. */
  add(number: number, time: number): void {
    this.remove(number);
    this.#due[number] = time;
    this.#link(number, time < this.#at ? OVERDUE : Math.floor(time) % SLOTS);
    this.#size++;
  }

  /** Removes `number` if it waits. */
  remove(number: number): void {
    if (this.#listOf[number] === NONE) return;
    this.#unlink(number);
    this.#size--;
  }

  /** Removes the numbers that are due at `now` and calls `each`. Numbers that are added meanwhile wait for the next call. */
  advance(now: number, each: (number: number) => void): void {
    const end = Math.floor(now);
    const from = Math.max(this.#at, end - SLOTS + 1);
    this.#at = Math.max(this.#at, end + 1);
    // Only the numbers that are overdue now: those that are added meanwhile are overdue, too.
    this.#visit(OVERDUE, now, each);
    for (let time = from; time <= end; time++) this.#visit(time % SLOTS, now, each);
  }

  /** The time of the next call of {@link advance}, at the latest; Infinity if no number waits. */
  nextDue(): number {
    if (this.#size === 0) return Number.POSITIVE_INFINITY;
    const overdue = this.#earliest(OVERDUE);
    if (overdue !== Number.POSITIVE_INFINITY) return overdue;
    for (let time = this.#at; time < this.#at + SLOTS; time++) {
      const due = this.#earliest(time % SLOTS);
      // Otherwise it is for a later round, and found when the wheel has turned.
      if (due < time + 1) return due;
    }
    return this.#at + SLOTS;
  }

  #link(number: number, list: number): void {
    const first = this.#lists[list];
    this.#next[number] = first;
    this.#previous[number] = NONE;
    if (first !== NONE) this.#previous[first] = number;
    this.#lists[list] = number;
    this.#listOf[number] = list;
  }

  #unlink(number: number): void {
    const next = this.#next[number];
    const previous = this.#previous[number];
    if (previous === NONE) this.#lists[this.#listOf[number]] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.#listOf[number] = NONE;
  }

  /** Moves a list to the visited list first, so that it leaves out numbers that `each` adds or removes. */
  #visit(list: number, now: number, each: (number: number) => void): void {
    const first = this.#lists[list];
    this.#lists[list] = NONE;
    this.#lists[VISITED] = first;
    for (let number = first; number !== NONE; number = this.#next[number]) this.#listOf[number] = VISITED;
    for (let number = first; number !== NONE; number = this.#lists[VISITED]) {
      const due = this.#due[number];
      this.remove(number);
      if (due <= now) each(number);
      else this.add(number, due);
    }
  }

  #earliest(list: number): number {
    let due = Number.POSITIVE_INFINITY;
    for (let number = this.#lists[list]; number !== NONE; number = this.#next[number])
      due = Math.min(due, this.#due[number]);
    return due;
  }
}
