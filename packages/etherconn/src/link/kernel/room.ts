import { clearImmediate, clearTimeout, setImmediate, setTimeout } from '../../real-time.ts';
/**
 * There is no event for "the kernel has room to send again", and waiting for POLLOUT spins. So what waits is tried
 * again at receive wake-ups, in the next turns of the event loop, then once a millisecond.
 */

/** What an attempt has found. */
export const Attempt = {
  /** Nothing waits any more. */
  DONE: 0,
  /** Something went, something still waits. */
  PROGRESS: 1,
  /** Nothing went. */
  BLOCKED: 2,
} as const;

/** Attempts in successive turns of the event loop without progress, before the timer takes over. */
const TURNS = 8;
/** Milliseconds. */
const INTERVAL = 1;

/** Repeats an attempt for as long as something waits for room. Links that send into the kernel have one. */
export class RoomRetry {
  readonly #attempt: () => number;
  #turns = 0;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #referenced = true;
  #running = false;
  #stopped = false;

  /** `attempt` returns one of {@link Attempt}; it is called from the event loop only. */
  constructor(attempt: () => number) {
    this.#attempt = attempt;
  }

  /** Whether an attempt is to come. */
  get armed(): boolean {
    return this.#immediate !== undefined || this.#timer !== undefined;
  }

  /** Something waits: the first attempt comes in the next turn of the event loop. */
  arm(): void {
    // What is added inside an attempt counts as that attempt's rest.
    if (this.#stopped || this.#running || this.armed) return;
    this.#turns = 0;
    this.#schedule();
  }

  /** A good moment, in the event loop: when something waits, try now. */
  wake(): void {
    if (!this.armed) return;
    this.#clear();
    this.#run();
  }

  /** Whether a pending attempt keeps the process alive (the default). */
  setReferenced(referenced: boolean): void {
    this.#referenced = referenced;
    if (referenced) {
      this.#immediate?.ref();
      this.#timer?.ref();
    } else {
      this.#immediate?.unref();
      this.#timer?.unref();
    }
  }

  /** No attempt comes any more. */
  stop(): void {
    this.#stopped = true;
    this.#clear();
  }

  #clear(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
    this.#timer = undefined;
  }

  #schedule(): void {
    if (this.#turns < TURNS) {
      this.#immediate = setImmediate(() => this.#turn());
      if (!this.#referenced) this.#immediate.unref();
    } else {
      this.#timer = setTimeout(() => this.#turn(), INTERVAL);
      if (!this.#referenced) this.#timer.unref();
    }
  }

  #turn(): void {
    this.#immediate = undefined;
    this.#timer = undefined;
    this.#run();
  }

  #run(): void {
    let result: number = Attempt.PROGRESS;
    this.#running = true;
    try {
      result = this.#attempt();
    } finally {
      this.#running = false;
      // Also when a callback of the attempt has thrown: what waits is not forgotten.
      if (result !== Attempt.DONE && !this.#stopped) {
        this.#turns = result === Attempt.PROGRESS ? 0 : this.#turns + 1;
        this.#schedule();
      }
    }
  }
}

/**
 * Tells who has found no room that there is some again: once, and from the event loop only, for room may come up inside of a
 * call of his.
 */
export class RoomNews {
  /** Somebody has found no room. */
  wanted = false;
  readonly #hasRoom: () => boolean;
  readonly #tell: () => void;
  #call: NodeJS.Immediate | undefined;

  constructor(hasRoom: () => boolean, tell: () => void) {
    this.#hasRoom = hasRoom;
    this.#tell = tell;
  }

  /** There may be room: tells of it in the next turn. */
  announce(): void {
    if (!this.wanted || this.#call !== undefined || !this.#hasRoom()) return;
    this.#call = setImmediate(() => {
      this.#call = undefined;
      this.tell();
    });
  }

  /** In the event loop: tells of it now, if there is room. */
  tell(): void {
    if (!this.wanted || !this.#hasRoom()) return;
    this.wanted = false;
    this.#tell();
  }

  /** Nobody is told any more. */
  stop(): void {
    this.wanted = false;
    clearImmediate(this.#call);
  }
}
