import type { Addon, NativePoll, NativeSocket } from '../../native/addon.ts';
import { during } from '../../native/system-error.ts';
import { clearImmediate, monotonicNow, setImmediate } from '../../real-time.ts';
import type { MicroTimer } from './micro-timer.ts';
import { Moderation } from './moderation.ts';

/** Frames that one look at a queue takes at most. What is left keeps it readable, so the next turn goes on. */
export const BUDGET = 256;
/** Microseconds between looks while traffic is dense, unless the user says otherwise, and what he may say. */
export const DEFAULT_MODERATION = 100;
export const MAX_MODERATION = 1000;

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

/** How {@link Polling} is to look. */
export interface PollingManner {
  readonly mode: PollingMode;
  /** In interrupt mode, microseconds between looks while traffic is dense; needs a timer, which stays the caller's. */
  readonly moderation: number;
  readonly timer: MicroTimer | undefined;
}

/** What {@link Polling} is to do. */
export interface PollingTarget {
  /** Looks at the queue of that index; returns how much was there, at most {@link BUDGET}. */
  drain(index: number): number;
  /** Whether something waits in the queue of that index. */
  ready(index: number): boolean;
  /** The socket of that index reports an error. */
  failed(index: number): void;
  /** Frames sent so far. */
  sent(): number;
}

/**
 * When the queues are looked at: when the kernel wakes us, or in every turn of the event loop, or the one after the
 * other. While we look by ourselves the file descriptors are out of epoll: waking a sleeper costs the sender more than
 * the frame itself, and waking up costs us more than some ten frames do. So in interrupt mode, too, it is a timer that
 * wakes us while traffic is dense.
 */
export class Polling {
  /** Times there was something. */
  wakeups = 0;
  /** Those of them that were the timer's. */
  moderated = 0;
  readonly #addon: Addon;
  readonly #sockets: readonly NativeSocket[];
  readonly #manner: PollingManner;
  readonly #target: PollingTarget;
  readonly #now: () => number;
  readonly #moderation: Moderation | undefined;
  readonly #polls: NativePoll[] = [];
  #timerPoll: NativePoll | undefined;
  /** Index of the queue that is looked at first, so that a receiver that throws at one does not starve the others. */
  #first = 0;
  #started = false;
  #referenced = true;
  #closed = false;
  #turn: NodeJS.Immediate | undefined;
  #lastTraffic = 0;
  /** When the event loop got its turn. */
  #left = 0;

  constructor(
    addon: Addon,
    sockets: readonly NativeSocket[],
    manner: PollingManner,
    target: PollingTarget,
    now: () => number = monotonicNow,
  ) {
    this.#now = now;
    this.#addon = addon;
    this.#sockets = sockets;
    this.#manner = manner;
    this.#target = target;
    if (manner.timer !== undefined) {
      this.#moderation = new Moderation(manner.moderation, () => target.sent(), now);
    }
  }

  start(): void {
    this.#started = true;
    const { timer } = this.#manner;
    during('watching the sockets', () => {
      // One by one: `close` is to find those that were opened before one could not be.
      for (const [index, socket] of this.#sockets.entries()) {
        this.#polls.push(this.#addon.pollOpen(socket, (events) => this.#wake(index, events)));
      }
      if (timer !== undefined) this.#timerPoll = this.#addon.pollOpen(timer.native, () => this.#tick());
    });
    this.#refer();
    this.#sleep();
    if (this.#manner.mode === 'busy') this.#spin();
  }

  /** Whether this keeps the process alive. If not, it does not spin: that would. */
  setReferenced(referenced: boolean): void {
    this.#referenced = referenced;
    if (this.#closed || !this.#started) return;
    this.#refer();
    if (!referenced && this.#turn !== undefined) {
      clearImmediate(this.#turn);
      this.#turn = undefined;
      this.#sleep();
    }
    if (referenced && this.#manner.mode === 'busy') this.#spin();
  }

  /** Goes on after an error: it has stopped that poll. */
  resume(): void {
    this.#sleep();
  }

  /** Nothing is called any more, and the timer may be closed. */
  close(): void {
    this.#closed = true;
    clearImmediate(this.#turn);
    this.#turn = undefined;
    for (const poll of this.#polls) this.#addon.pollClose(poll);
    if (this.#timerPoll !== undefined) this.#addon.pollClose(this.#timerPoll);
  }

  #wake(index: number, events: number): void {
    if (events < 0) {
      this.#target.failed(index);
      return;
    }
    this.wakeups++;
    if (this.#manner.mode === 'adaptive') this.#spin();
    const found = this.#target.drain(index);
    if (this.#moderation?.begins(found) && !this.#closed) this.#moderate();
  }

  #moderate(): void {
    this.#stop();
    this.#setTimer();
    this.#start(this.#timerPoll!);
  }

  /** The timer has expired. */
  #tick(): void {
    const count = this.#sockets.length;
    this.#first = this.#first + 1 === count ? 0 : this.#first + 1;
    let found = 0;
    let more = false;
    // What of it is left when a receiver throws is looked at by the next turn.
    let done = false;
    try {
      for (let i = 0; i < count && !this.#closed; i++) {
        const index = this.#first + i;
        const taken = this.#target.drain(index < count ? index : index - count);
        found += taken;
        if (taken >= BUDGET) more = true;
      }
      done = true;
    } finally {
      // An expired timer stays readable until it is set again: the next turn of the loop comes at once.
      if (done && !more && !this.#closed) this.#setTimer();
    }
    if (found > 0) {
      this.wakeups++;
      this.moderated++;
    }
    if (this.#moderation!.ends(found) && !this.#closed) {
      this.#addon.pollStop(this.#timerPoll!);
      this.#sleep();
    }
  }

  #setTimer(): void {
    const { timer, moderation } = this.#manner;
    timer!.set(moderation);
  }

  #refer(): void {
    for (const poll of this.#polls) this.#addon.pollRef(poll, this.#referenced);
    if (this.#timerPoll !== undefined) this.#addon.pollRef(this.#timerPoll, this.#referenced);
  }

  /** The queues wake us again: also for what they have had since before. */
  #sleep(): void {
    for (const poll of this.#polls) this.#start(poll);
  }

  #start(poll: NativePoll): void {
    during('watching a socket', () => this.#addon.pollStart(poll));
  }

  #stop(): void {
    for (const poll of this.#polls) this.#addon.pollStop(poll);
  }

  #spin(): void {
    if (this.#turn !== undefined || !this.#referenced) return;
    this.#stop();
    this.#lastTraffic = this.#now();
    this.#turn = setImmediate(() => this.#look());
  }

  #look(): void {
    const { mode } = this.#manner;
    let found = 0;
    // First, since a receiver may throw; and it may close us, or take our reference away.
    const turn = setImmediate(() => this.#look());
    this.#turn = turn;
    if (mode === 'busy') this.#await();
    for (let i = 0; i < this.#sockets.length && this.#turn === turn; i++) found += this.#target.drain(i);
    if (this.#turn !== turn) return;
    if (found > 0) {
      this.wakeups++;
      this.#lastTraffic = this.#now();
    } else if (mode === 'adaptive' && this.#now() - this.#lastTraffic > ADAPTIVE_IDLE) {
      clearImmediate(turn);
      this.#turn = undefined;
      this.#sleep();
    }
    if (mode === 'busy') this.#left = this.#now();
  }

  /** Waits a little for a frame, when nobody else wants the time. */
  #await(): void {
    const start = this.#now();
    if (start - this.#left > QUIET_TURN) return;
    const end = start + SPIN;
    do {
      for (let look = 0; look < LOOKS; look++) {
        for (let i = 0; i < this.#sockets.length; i++) if (this.#target.ready(i)) return;
      }
    } while (this.#now() < end);
  }
}
