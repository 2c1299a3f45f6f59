import { TimerWheel } from '../../runner/timer-wheel.ts';

/** What an address is now. */
export const LeaseState = { FREE: 0, OFFERED: 1, BOUND: 2, DECLINED: 3 } as const;

const NONE = -1;

/**
 * The addresses of a DHCP server, by their numbers from 0, and whose they are. Whatever clients send, it holds no more
 * than one entry for each address. A client gets the address again that it had, as long as nobody else has got it
 * since; free addresses are given in the order in which they became free.
 */
export class LeasePool {
  readonly size: number;
  readonly #wheel: TimerWheel;
  readonly #state: Uint8Array;
  readonly #keys: (string | undefined)[] = [];
  readonly #byKey = new Map<string, number>();
  /** Free addresses, the one that is free the longest first: a list through these. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  #first: number;
  #last: number;
  #bound = 0;
  #free: number;

  constructor(size: number, now: number) {
    this.size = size;
    this.#wheel = new TimerWheel(size, now);
    this.#state = new Uint8Array(size);
    this.#next = new Int32Array(size);
    this.#previous = new Int32Array(size);
    for (let i = 0; i < size; i++) {
      this.#next[i] = i + 1 < size ? i + 1 : NONE;
      this.#previous[i] = i - 1;
    }
    this.#first = 0;
    this.#last = size - 1;
    this.#free = size;
  }

  /** Leases that are held. */
  get bound(): number {
    return this.#bound;
  }

  /** Addresses that can be offered. */
  get free(): number {
    return this.#free;
  }

  state(number: number): number {
    return this.#state[number];
  }

  /** The address that a client has, or had last; -1 for none. */
  of(key: string): number {
    return this.#byKey.get(key) ?? NONE;
  }

  /**
   * Offers an address to a client until `until`: the one it has or had, the one it wishes if that is free (-1 for no
   * wish), or the one that is free the longest. Returns its number, -1 when there is none.
   */
  offer(key: string, wish: number, until: number): number {
    const own = this.of(key);
    const number = own >= 0 && this.#state[own] !== LeaseState.DECLINED ? own : this.#choose(wish);
    if (number < 0) return NONE;
    // A client that has a lease and asks anew keeps it: it may be somebody who pretends.
    if (this.#state[number] === LeaseState.BOUND) return number;
    this.#take(number, key);
    this.#set(number, LeaseState.OFFERED, until);
    return number;
  }

  /** Gives a client an address until `until`; false when it is another's, or declined. */
  bind(key: string, number: number, until: number): boolean {
    const state = this.#state[number];
    const isOwn = this.#keys[number] === key;
    if (state === LeaseState.DECLINED || (state !== LeaseState.FREE && !isOwn)) return false;
    const before = this.of(key);
    if (before >= 0 && before !== number) this.release(key);
    this.#take(number, key);
    this.#set(number, LeaseState.BOUND, until);
    return true;
  }

  /** A client gives its address back, or does not take what it was offered. Returns whether it had one. */
  release(key: string): boolean {
    const number = this.of(key);
    if (
      number < 0 ||
      (this.#state[number] !== LeaseState.BOUND && this.#state[number] !== LeaseState.OFFERED)
    )
      return false;
    this.#set(number, LeaseState.FREE, 0);
    return true;
  }

  /** A client has found somebody else at its address: nobody gets it until `until`. */
  decline(key: string, number: number, until: number): boolean {
    if (this.of(key) !== number) return false;
    this.#byKey.delete(key);
    this.#keys[number] = undefined;
    this.#set(number, LeaseState.DECLINED, until);
    return true;
  }

  /** Frees what has expired. */
  advance(now: number): void {
    this.#wheel.advance(now, (number) => this.#set(number, LeaseState.FREE, 0));
  }

  /** When {@link advance} has something to do next. */
  nextDue(): number {
    return this.#wheel.nextDue();
  }

  #choose(wish: number): number {
    if (wish >= 0 && wish < this.size && this.#state[wish] === LeaseState.FREE) return wish;
    return this.#first;
  }

  #take(number: number, key: string): void {
    const before = this.#keys[number];
    if (before === key) return;
    if (before !== undefined) this.#byKey.delete(before);
    const old = this.#byKey.get(key);
    if (old !== undefined) this.#keys[old] = undefined;
    this.#keys[number] = key;
    this.#byKey.set(key, number);
  }

  #set(number: number, state: number, until: number): void {
    const before = this.#state[number];
    if (before === LeaseState.FREE && state !== LeaseState.FREE) this.#unlink(number);
    if (before !== LeaseState.FREE && state === LeaseState.FREE) this.#append(number);
    if (before === LeaseState.BOUND) this.#bound--;
    if (state === LeaseState.BOUND) this.#bound++;
    this.#state[number] = state;
    if (state === LeaseState.FREE || until === Number.POSITIVE_INFINITY) this.#wheel.remove(number);
    else this.#wheel.add(number, until);
  }

  #unlink(number: number): void {
    const [previous, next] = [this.#previous[number], this.#next[number]];
    if (previous === NONE) this.#first = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#last = previous;
    else this.#previous[next] = previous;
    this.#free--;
  }

  #append(number: number): void {
    this.#previous[number] = this.#last;
    this.#next[number] = NONE;
    if (this.#last === NONE) this.#first = number;
    else this.#next[this.#last] = number;
    this.#last = number;
    this.#free++;
  }
}
