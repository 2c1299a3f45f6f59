import { isBefore, laterOf } from '../../wire/tcp-sequence.ts';

/**
 * A few disjoint ranges of sequence numbers in order, `[start, end)` each, that lie within 2^31 of each other. Ranges
 * that touch become one.
 */
export class Ranges {
  count = 0;
  #words = new Int32Array(8);
  readonly #limit: number;

  /** At most `limit` ranges. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  start(i: number): number {
    return this.#words[2 * i];
  }

  end(i: number): number {
    return this.#words[2 * i + 1];
  }

  /** Adds a range. Returns how many of its numbers are new, or -1 if there are too many ranges and nothing is added. */
  add(start: number, end: number): number {
    let first = 0;
    while (first < this.count && isBefore(this.end(first), start)) first++;
    let last = first;
    let known = 0;
    let from = start;
    let to = end;
    while (last < this.count && !isBefore(end, this.start(last))) {
      const [a, b] = [this.start(last), this.end(last)];
      if (isBefore(a, from)) from = a;
      to = laterOf(to, b);
      const overlap = ((isBefore(b, end) ? b : end) - laterOf(a, start)) | 0;
      known += Math.max(0, overlap);
      last++;
    }
    if (first === last) {
      if (this.count >= this.#limit) return -1;
      this.#insert(first);
    } else {
      this.#remove(first + 1, last);
    }
    this.#words[2 * first] = from;
    this.#words[2 * first + 1] = to;
    return ((end - start) | 0) - known;
  }

  /** Forgets all numbers before `start`. */
  dropBefore(start: number): void {
    let gone = 0;
    while (gone < this.count && !isBefore(start, this.end(gone))) gone++;
    this.#remove(0, gone);
    if (this.count > 0) this.#words[0] = laterOf(this.#words[0], start);
  }

  /** Forgets all numbers from `end` on. */
  dropFrom(end: number): void {
    while (this.count > 0 && !isBefore(this.start(this.count - 1), end)) this.count--;
    if (this.count > 0 && isBefore(end, this.end(this.count - 1))) this.#words[2 * this.count - 1] = end;
  }

  /** The range that holds `number`, or -1. */
  find(number: number): number {
    for (let i = 0; i < this.count && !isBefore(number, this.start(i)); i++) {
      if (isBefore(number, this.end(i))) return i;
    }
    return -1;
  }

  clear(): void {
    this.count = 0;
  }

  #insert(place: number): void {
    if (2 * this.count === this.#words.length) {
      const words = new Int32Array(2 * this.#words.length);
      words.set(this.#words);
      this.#words = words;
    }
    this.#words.copyWithin(2 * place + 2, 2 * place, 2 * this.count);
    this.count++;
  }

  #remove(first: number, last: number): void {
    if (first >= last) return;
    this.#words.copyWithin(2 * first, 2 * last, 2 * this.count);
    this.count -= last - first;
  }
}
