import type { BoundPort } from './bound-port.ts';

/** The bound ports of a host by number. Most hosts have one number, which needs no map. */
export class PortNumbers {
  #number = 0;
  #only: BoundPort[] | null = null;
  /** All of them, once there are several. */
  #lists: Map<number, BoundPort[]> | null = null;

  get(number: number): BoundPort[] | undefined {
    if (this.#lists !== null) return this.#lists.get(number);
    return this.#only !== null && this.#number === number ? this.#only : undefined;
  }

  has(number: number): boolean {
    return this.get(number) !== undefined;
  }

  set(number: number, list: BoundPort[]): void {
    if (this.#lists === null && this.#only !== null) {
      this.#lists = new Map([[this.#number, this.#only]]);
      this.#only = null;
    }
    if (this.#lists !== null) {
      this.#lists.set(number, list);
    } else {
      this.#number = number;
      this.#only = list;
    }
  }

  delete(number: number): void {
    if (this.#lists !== null) this.#lists.delete(number);
    else if (this.#number === number) this.#only = null;
  }

  /** The ports of each number. */
  lists(): Iterable<BoundPort[]> {
    if (this.#lists !== null) return this.#lists.values();
    return this.#only === null ? [] : [this.#only];
  }
}
