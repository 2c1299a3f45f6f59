/** Words of a taker's list. A power of two, so that its place is a shift. */
export const LIST_SHIFT = 2;
export const List = {
  /** First and last row of the batch under way; meaningless while there is none. */
  HEAD: 0,
  TAIL: 1,
  /** Rows. */
  COUNT: 2,
} as const;

/**
 * The rows of each taker of a relay in the batch under way, as lists. Lists are integers in one array, so that the
 * layers and the front for UDP note a frame without touching an object of the taker, which among many takers is not
 * in the processor's cache. One array serves all batches, because they never nest: links deliver only from the
 * event loop.
 */
export class TakerLists<Taker> {
  words: Int32Array = new Int32Array(64 << LIST_SHIFT);
  readonly #takers: (Taker | null)[] = [];
  readonly #free: number[] = [];

  /** Gives a taker its list; returns the list's number. */
  add(taker: Taker): number {
    const list = this.#free.pop() ?? this.#takers.length;
    this.#takers[list] = taker;
    if (list << LIST_SHIFT >= this.words.length) {
      const words = new Int32Array(this.words.length * 2);
      words.set(this.words);
      this.words = words;
    }
    return list;
  }

  /** Takes a list back. Returns how many rows of the batch under way its taker will not see. */
  remove(list: number): number {
    this.#takers[list] = null;
    this.#free.push(list);
    return this.take(list);
  }

  /** Empties a list; returns how many rows it had, the first of which stays its {@link head}. */
  take(list: number): number {
    const at = (list << LIST_SHIFT) + List.COUNT;
    const count = this.words[at];
    this.words[at] = 0;
    return count;
  }

  head(list: number): number {
    return this.words[list << LIST_SHIFT];
  }

  /** Null where a list has no taker any more. */
  taker(list: number): Taker | null {
    return this.#takers[list];
  }
}
