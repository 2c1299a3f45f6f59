/** Clients that wait for their turn, in order: a ring. Each client is in it at most once. */
export class TurnQueue {
  readonly #ring: Int32Array;
  #head = 0;
  #size = 0;

  constructor(clients: number) {
    this.#ring = new Int32Array(clients);
  }

  get size(): number {
    return this.#size;
  }

  add(n: number): void {
    this.#ring[(this.#head + this.#size++) % this.#ring.length] = n;
  }

  /** The client that has waited longest; there must be one. */
  take(): number {
    const n = this.#ring[this.#head];
    this.#head = (this.#head + 1) % this.#ring.length;
    this.#size--;
    return n;
  }
}
