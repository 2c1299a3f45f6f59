import type { Addon, NativePoll } from '../../native/addon.ts';

/** Milliseconds without a frame after which adaptive polling waits to be woken again. */
const ADAPTIVE_IDLE = 0.5;
/**
 * In busy mode, milliseconds to look on for a frame before the event loop gets its turn. A turn takes longer than all
 * that is done for a frame, so an answer would wait for it. Only where the loop does nothing else: when it came back
 * in less than `QUIET_TURN` milliseconds.
 */
const SPIN = 0.03;
const QUIET_TURN = 0.01;
/** Looks between two looks at the clock. */
const LOOKS = 16;

export type PollingMode = 'interrupt' | 'adaptive' | 'busy';

/** What {@link Polling} is to do. */
export interface PollingTarget {
  /** Looks at the queue of that index; returns how much was there. */
  drain(index: number): number;
  /** Whether something waits in the queue of that index. */
  ready(index: number): boolean;
  /** The fd of that index reports an error. */
  failed(index: number): void;
}

/**
 * When the queues are looked at: when the kernel wakes us, or in every turn of the event loop, or the one after the
 * other. While we look by ourselves the file descriptors are out of epoll: waking a sleeper costs the sender more than
 * the frame itself.
 */
export class Polling {
  /** Times there was something. */
  wakeups = 0;
  readonly #addon: Addon;
  readonly #fds: readonly number[];
  readonly #mode: PollingMode;
  readonly #target: PollingTarget;
  #polls: NativePoll[] = [];
  #started = false;
  #referenced = true;
  #closed = false;
  #turn: NodeJS.Immediate | undefined;
  #lastTraffic = 0;
  /** When the event loop got its turn. */
  #left = 0;

  constructor(addon: Addon, fds: readonly number[], mode: PollingMode, target: PollingTarget) {
    this.#addon = addon;
    this.#fds = fds;
    this.#mode = mode;
    this.#target = target;
  }

  start(): void {
    this.#started = true;
    this.#polls = this.#fds.map((fd, index) =>
      this.#addon.pollOpen(fd, (events) => this.#wake(index, events)),
    );
    for (const poll of this.#polls) this.#addon.pollRef(poll, this.#referenced);
    this.#sleep();
    if (this.#mode === 'busy') this.#spin();
  }

  /** Whether this keeps the process alive. If not, it does not spin: that would. */
  setReferenced(referenced: boolean): void {
    this.#referenced = referenced;
    if (this.#closed) return;
    for (const poll of this.#polls) this.#addon.pollRef(poll, referenced);
    if (!this.#started) return;
    if (!referenced && this.#turn !== undefined) {
      clearImmediate(this.#turn);
      this.#turn = undefined;
      this.#sleep();
    }
    if (referenced && this.#mode === 'busy') this.#spin();
  }

  /** Nothing is called any more. */
  close(): void {
    this.#closed = true;
    clearImmediate(this.#turn);
    this.#turn = undefined;
    for (const poll of this.#polls) this.#addon.pollClose(poll);
  }

  #wake(index: number, events: number): void {
    if (events < 0) {
      this.#target.failed(index);
      return;
    }
    this.wakeups++;
    if (this.#mode === 'adaptive') this.#spin();
    this.#target.drain(index);
  }

  #sleep(): void {
    for (const poll of this.#polls) this.#addon.pollStart(poll);
  }

  #spin(): void {
    if (this.#turn !== undefined || !this.#referenced) return;
    for (const poll of this.#polls) this.#addon.pollStop(poll);
    this.#lastTraffic = performance.now();
    this.#turn = setImmediate(() => this.#look());
  }

  #look(): void {
    let found = 0;
    // First, since a receiver may throw; and it may close us, or take our reference away.
    const turn = setImmediate(() => this.#look());
    this.#turn = turn;
    if (this.#mode === 'busy') this.#await();
    for (let i = 0; i < this.#fds.length && this.#turn === turn; i++) found += this.#target.drain(i);
    if (this.#turn !== turn) return;
    if (found > 0) {
      this.wakeups++;
      this.#lastTraffic = performance.now();
    } else if (this.#mode === 'adaptive' && performance.now() - this.#lastTraffic > ADAPTIVE_IDLE) {
      clearImmediate(turn);
      this.#turn = undefined;
      this.#sleep();
    }
    if (this.#mode === 'busy') this.#left = performance.now();
  }

  /** Waits a little for a frame, when nobody else wants the time. */
  #await(): void {
    const start = performance.now();
    if (start - this.#left > QUIET_TURN) return;
    const end = start + SPIN;
    do {
      for (let look = 0; look < LOOKS; look++) {
        for (let i = 0; i < this.#fds.length; i++) if (this.#target.ready(i)) return;
      }
    } while (performance.now() < end);
  }
}
