import { monotonicNow } from '../../real-time.ts';

/** Frames between two looks at the clock while each wake-up is the kernel's. */
const FRAMES = 128;
/** Frames per millisecond of dense traffic at the least, and of traffic that is so no longer: not to go to and fro. */
const DENSE = 100;
const SPARSE = 60;
/**
 * Frames that a period must bring as well, and wake-ups that it must save: to sleep until a timer expires costs several
 * times as much as to be woken while more is coming, in virtual machines ten times.
 */
const DENSE_PERIOD = 25;
const SPARSE_PERIOD = 15;
const SAVED_WAKEUPS = 4;
/** Milliseconds of dense traffic before it begins. */
const LASTING = 1;
/** Periods between two looks at the clock, and periods in a row without a frame that end it at once. */
const PERIODS = 32;
const IDLE_PERIODS = 4;
/** Who sends one frame for so many received is answering: somebody waits, and would send less if it took longer. */
const ANSWERING = 16;

/**
 * Whether frames come so densely, and nobody waits for answers to them, that looking for them from period to period
 * costs less than being woken for them: interrupt moderation, as network cards do it.
 */
export class Moderation {
  readonly #sent: () => number;
  readonly #now: () => number;
  /** Per millisecond. */
  readonly #dense: number;
  readonly #sparse: number;
  readonly #often: number;
  /** Since the last look at the clock. */
  #frames = 0;
  #wakeups = 0;
  #lookedAt = 0;
  #sentBefore = 0;
  /** Of the dense traffic so far. */
  #denseSince = 0;
  #denseWakeups = 0;
  #idle = 0;

  /** `sent` tells how many frames have been sent in all, `now` milliseconds. */
  constructor(microseconds: number, sent: () => number, now: () => number = monotonicNow) {
    this.#now = now;
    const period = microseconds / 1000;
    this.#dense = Math.max(DENSE, DENSE_PERIOD / period);
    this.#sparse = Math.max(SPARSE, SPARSE_PERIOD / period);
    this.#often = SAVED_WAKEUPS / period;
    this.#sent = sent;
  }

  /** After a wake-up by the kernel that brought `frames`: whether to begin. */
  begins(frames: number): boolean {
    this.#frames += frames;
    this.#wakeups++;
    if (this.#frames < FRAMES) return false;
    const wakeups = this.#wakeups;
    if (!this.#look(this.#dense)) {
      this.#startOver();
      return false;
    }
    this.#denseWakeups += wakeups;
    const lasted = this.#lookedAt - this.#denseSince;
    if (lasted < LASTING) return false;
    const often = this.#denseWakeups >= this.#often * lasted;
    this.#startOver();
    this.#idle = 0;
    return often;
  }

  /** After a period that brought `frames`: whether to end. */
  ends(frames: number): boolean {
    this.#frames += frames;
    this.#wakeups++;
    this.#idle = frames > 0 ? 0 : this.#idle + 1;
    const idle = this.#idle === IDLE_PERIODS;
    if (!idle && this.#wakeups < PERIODS) return false;
    const dense = this.#look(this.#sparse);
    this.#startOver();
    return idle || !dense;
  }

  #startOver(): void {
    this.#denseSince = this.#lookedAt;
    this.#denseWakeups = 0;
  }

  /** Whether at least `least` frames per millisecond have come since the last look, and few were answered. */
  #look(least: number): boolean {
    const now = this.#now();
    const sent = this.#sent();
    const dense =
      this.#frames >= least * (now - this.#lookedAt) && (sent - this.#sentBefore) * ANSWERING < this.#frames;
    this.#frames = 0;
    this.#wakeups = 0;
    this.#lookedAt = now;
    this.#sentBefore = sent;
    return dense;
  }
}
