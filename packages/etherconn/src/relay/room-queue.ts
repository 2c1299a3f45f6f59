import { setImmediate } from '../real-time.ts';

/** A call that waits for room; `PendingCall` is one. */
export interface RoomCall {
  readonly settled: boolean;
  /** Tries again; true when it needs no more tries. */
  attempt: (() => boolean) | null;
  /** Called once when it settles, in whichever way. */
  onSettled: (() => void) | null;
  reject(error: unknown): void;
}

/** Settled calls that may stand in line before it is tidied up. */
const SETTLED_MAX = 64;

/**
 * The writers of all conns of a relay that wait for transmit room, in the order in which they came; at
 * most `depth` (Go: the depth of the send channel). Calls that time out or are aborted stay in line, settled,
 * until they are met or outnumber the others.
 */
export class RoomQueue {
  readonly #depth: number;
  #calls: RoomCall[] = [];
  #waiting = 0;
  #retrying = false;
  /** Room came up while writers were trying. */
  #again = false;
  /** Who found the line full and is not to be refused. Made when the first does. */
  #outside: Set<RoomCall> | null = null;

  constructor(depth: number) {
    this.#depth = depth;
  }

  /** Writers that wait now. */
  get size(): number {
    return this.#waiting;
  }

  get full(): boolean {
    return this.#waiting >= this.#depth;
  }

  get empty(): boolean {
    return this.#waiting === 0;
  }

  add(call: RoomCall): void {
    const before = call.onSettled;
    call.onSettled = () => {
      this.#waiting--;
      before?.();
    };
    this.#waiting++;
    // Not under the feet of who walks through them.
    if (!this.#retrying && this.#calls.length > 2 * this.#waiting + SETTLED_MAX)
      this.#calls = this.#calls.filter((one) => !one.settled);
    this.#calls.push(call);
  }

  /** As {@link add}, but never refuses: while the queue is full, the caller tries again in every turn of the event loop. */
  stand(call: RoomCall): void {
    if (!this.full) {
      this.add(call);
      return;
    }
    this.#outside ??= new Set();
    if (this.#outside.size === 0) setImmediate(retryOutside, this);
    this.#outside.add(call);
  }

  /** Lets writers try again, oldest first, until one finds no room. May be called from inside of a try. */
  retry(): void {
    this.#again = true;
    // The tries under way go on by themselves; two at once would lose their place in line.
    if (this.#retrying) return;
    this.#retrying = true;
    while (this.#again) {
      this.#again = false;
      this.#retryAll();
    }
    this.#retrying = false;
  }

  #retryAll(): void {
    let done = 0;
    while (done < this.#calls.length) {
      const call = this.#calls[done];
      try {
        if (!call.settled && call.attempt?.() === false) break;
      } catch (error) {
        call.reject(error);
      }
      done++;
    }
    this.#calls.splice(0, done);
  }

  /** A turn of the event loop later. */
  retryOutside(): void {
    const calls = [...this.#outside!];
    this.#outside!.clear();
    for (const call of calls) {
      try {
        if (!call.settled && call.attempt?.() === false) this.stand(call);
      } catch (error) {
        call.reject(error);
      }
    }
  }

  rejectAll(error: Error): void {
    const calls = [...this.#calls, ...(this.#outside ?? [])];
    this.#calls = [];
    this.#outside?.clear();
    for (const call of calls) call.reject(error);
  }
}

function retryOutside(queue: RoomQueue): void {
  queue.retryOutside();
}
