/** Milliseconds of a span, and spans in which a client counts that gets no answer: then another may go in its place. */
const SPAN = 50;
const SPANS = 8;

/**
 * Clients that ask and have no lease yet: so many at most, so that a server's queue does not overflow and answers come
 * before they are waited for in vain. Who waits long counts no more, for nobody is to be kept waiting by a server that is silent.
 */
export class InFlight {
  readonly #limit: number;
  /** The span in which each client began, from 1; 0 of those who are not in flight. */
  readonly #spanOf: Int32Array;
  /** Clients of each of the last spans, and of all of them. */
  readonly #counts = new Int32Array(SPANS);
  #size = 0;
  #span = 1;

  constructor(clients: number, limit: number) {
    this.#limit = limit;
    this.#spanOf = new Int32Array(clients);
  }

  /** Whether another client may begin. */
  hasRoom(now: number): boolean {
    if (this.#size < this.#limit) return true;
    this.#advance(now);
    return this.#size < this.#limit;
  }

  enter(n: number, now: number): void {
    this.leave(n, now);
    this.#spanOf[n] = this.#span;
    this.#counts[this.#span % SPANS]++;
    this.#size++;
  }

  leave(n: number, now: number): void {
    this.#advance(now);
    const span = this.#spanOf[n];
    if (span === 0) return;
    this.#spanOf[n] = 0;
    if (span <= this.#span - SPANS) return;
    this.#counts[span % SPANS]--;
    this.#size--;
  }

  /** Forgets spans that are over. */
  #advance(now: number): void {
    const span = Math.floor(now / SPAN) + 1;
    if (span - this.#span >= SPANS) {
      this.#counts.fill(0);
      this.#size = 0;
      this.#span = span;
    }
    while (this.#span < span) {
      const slot = ++this.#span % SPANS;
      this.#size -= this.#counts[slot];
      this.#counts[slot] = 0;
    }
  }
}
