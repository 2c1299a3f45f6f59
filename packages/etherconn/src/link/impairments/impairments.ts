import { checkBoolean, checkInteger, checkKnown, checkNumber, checkOneOf } from '../../options.ts';
import type { Prng } from './prng.ts';

/**
 * The faults of one direction of a wire. They apply in this order: loss, duplication, then for each copy
 * corruption, rate, delay with jitter, reordering. Probabilities are from 0 to 1 and default to 0.
 */
export interface Impairments {
  /** Probability that a frame is lost. */
  loss?: number;
  /** Probability that a frame arrives twice; the copies are corrupted and delayed independently. */
  duplicate?: number;
  /** Probability that one random bit of a frame is flipped. */
  corrupt?: number;
  /** Probability that a frame is delayed by another `reorderDelay`, so that later frames overtake it. */
  reorder?: number;
  /** Milliseconds by which `reorder` delays a frame. Default 1. */
  reorderDelay?: number;
  /** Milliseconds by which each frame is delayed. Default 0. */
  delay?: number;
  /** Milliseconds by which the delay varies, see `distribution`. The total is never below 0. Default 0. */
  jitter?: number;
  /**
   * 'uniform' (default): evenly from delay - jitter to delay + jitter. 'normal': with the standard deviation
   * `jitter`, limited to six times that.
   */
  distribution?: 'uniform' | 'normal';
  /** Prevents frames from overtaking earlier ones because of jitter. `reorder` still applies. */
  keepOrder?: boolean;
  /** Bits per second, counted without preamble, FCS and gap. A frame arrives with its last bit. Default unlimited. */
  rate?: number;
  /** Maximum number of frames that wait for the rate or are being sent. Further frames are dropped. Default 1000. */
  queueFrames?: number;
  /** Maximum number of bytes of these frames. Default unlimited. */
  queueBytes?: number;
}

/** Cumulative counters of the faults of one direction. */
export interface ImpairmentStats {
  /** Frames that entered the direction. */
  frames: number;
  lost: number;
  duplicated: number;
  corrupted: number;
  reordered: number;
  /** Copies that were delayed. */
  delayed: number;
  /** Copies dropped because the queue for the rate was full. */
  queueDropped: number;
  /** Copies dropped because too many frames were delayed, or there was no room for a copy. */
  overflowed: number;
}

const NAMES: readonly string[] = [
  'loss',
  'duplicate',
  'corrupt',
  'reorder',
  'reorderDelay',
  'delay',
  'jitter',
  'distribution',
  'keepOrder',
  'rate',
  'queueFrames',
  'queueBytes',
];

const TWO_TO_32 = 0x100000000;
/** A year, in milliseconds: the longest delay. */
const MAX_DELAY = 366 * 86_400_000;

/**
 * Decides the fate of one direction's frames. It draws from its generator only for what is switched on, in a
 * fixed order, so a run replays exactly.
 */
export class Impairer {
  /** When copy 0 and 1 of the frame just decided are to go on, in the clock's milliseconds. */
  readonly due: Float64Array = new Float64Array(2);
  /** Number of the bit to flip in copy 0 and 1, or -1. */
  readonly flip: Int32Array = new Int32Array(2);
  readonly stats: ImpairmentStats = {
    frames: 0,
    lost: 0,
    duplicated: 0,
    corrupted: 0,
    reordered: 0,
    delayed: 0,
    queueDropped: 0,
    overflowed: 0,
  };
  /** Whether anything is switched on at all. */
  active = false;

  readonly #prng: Prng;
  // Probabilities as thresholds for a 32-bit draw.
  #loss = 0;
  #duplicate = 0;
  #corrupt = 0;
  #reorder = 0;
  #reorderDelay = 1;
  #delay = 0;
  #jitter = 0;
  #normal = false;
  #keepOrder = false;
  #rate = 0;
  #queueFrames = 0;
  #queueBytes = Infinity;
  #lastDue = 0;
  /** When the last bit of what is queued leaves. */
  #rateFree = 0;
  /** Departure times of what is queued, a ring. */
  #departures = new Float64Array(1);
  #departureHead = 0;
  #departureCount = 0;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  /**
   * Replaces all settings; what is left out gets its default. Frames on their way stay so.
   * @throws OptionError
   */
  set(options: Impairments): void {
    checkImpairments(options);
    const active =
      (options.loss ?? 0) > 0 ||
      (options.duplicate ?? 0) > 0 ||
      (options.corrupt ?? 0) > 0 ||
      (options.reorder ?? 0) > 0 ||
      (options.delay ?? 0) > 0 ||
      (options.jitter ?? 0) > 0 ||
      options.rate !== undefined;
    this.#loss = (options.loss ?? 0) * TWO_TO_32;
    this.#duplicate = (options.duplicate ?? 0) * TWO_TO_32;
    this.#corrupt = (options.corrupt ?? 0) * TWO_TO_32;
    this.#reorder = (options.reorder ?? 0) * TWO_TO_32;
    this.#reorderDelay = options.reorderDelay ?? 1;
    this.#delay = options.delay ?? 0;
    this.#jitter = options.jitter ?? 0;
    this.#normal = options.distribution === 'normal';
    this.#keepOrder = options.keepOrder ?? false;
    this.#rate = options.rate ?? 0;
    this.#queueBytes = options.queueBytes ?? Infinity;
    const queueFrames = options.rate === undefined ? 1 : (options.queueFrames ?? 1000);
    if (queueFrames !== this.#queueFrames) {
      this.#queueFrames = queueFrames;
      this.#departures = new Float64Array(queueFrames);
      this.#departureHead = 0;
      this.#departureCount = 0;
    }
    this.active = active;
  }

  /** Decides a frame of `length` bytes; returns how many copies go on (0 to 2), see `due` and `flip`. */
  decide(now: number, length: number): number {
    const prng = this.#prng;
    const stats = this.stats;
    stats.frames++;
    if (this.#loss !== 0 && prng.next() < this.#loss) {
      stats.lost++;
      return 0;
    }
    let wanted = 1;
    if (this.#duplicate !== 0 && prng.next() < this.#duplicate) {
      stats.duplicated++;
      wanted = 2;
    }
    let copies = 0;
    for (; wanted > 0; wanted--) {
      let bit = -1;
      if (this.#corrupt !== 0 && prng.next() < this.#corrupt) {
        bit = Math.floor(prng.uniform() * length * 8);
        stats.corrupted++;
      }
      let due = now;
      if (this.#rate !== 0) {
        due = this.#queue(now, length);
        if (due < 0) {
          stats.queueDropped++;
          continue;
        }
      }
      let delay = this.#delay;
      if (this.#jitter !== 0) delay += this.#jitter * (this.#normal ? prng.normal() : prng.uniform() * 2 - 1);
      if (delay > 0) due += delay;
      if (this.#keepOrder) {
        if (due < this.#lastDue) due = this.#lastDue;
        this.#lastDue = due;
      }
      if (this.#reorder !== 0 && prng.next() < this.#reorder) {
        stats.reordered++;
        due += this.#reorderDelay;
      }
      if (due > now) stats.delayed++;
      this.due[copies] = due;
      this.flip[copies] = bit;
      copies++;
    }
    return copies;
  }

  /** Time at which the frame's last bit has left, or -1 when the queue is full. */
  #queue(now: number, length: number): number {
    const departures = this.#departures;
    const size = departures.length;
    while (this.#departureCount > 0 && departures[this.#departureHead]! <= now) {
      this.#departureHead = this.#departureHead + 1 === size ? 0 : this.#departureHead + 1;
      this.#departureCount--;
    }
    const start = this.#departureCount > 0 && this.#rateFree > now ? this.#rateFree : now;
    if (this.#departureCount === size) return -1;
    if (((start - now) * this.#rate) / 8000 + length > this.#queueBytes) return -1;
    const departure = start + (length * 8000) / this.#rate;
    const tail = this.#departureHead + this.#departureCount;
    departures[tail >= size ? tail - size : tail] = departure;
    this.#departureCount++;
    this.#rateFree = departure;
    return departure;
  }
}

/**
 * Checks settings without applying them.
 * @throws OptionError
 */
export function checkImpairments(options: Impairments): void {
  checkKnown(options, NAMES);
  checkNumber('loss', options.loss, 0, 1, 0);
  checkNumber('duplicate', options.duplicate, 0, 1, 0);
  checkNumber('corrupt', options.corrupt, 0, 1, 0);
  checkNumber('reorder', options.reorder, 0, 1, 0);
  checkNumber('reorderDelay', options.reorderDelay, 0, MAX_DELAY, 1);
  checkNumber('delay', options.delay, 0, MAX_DELAY, 0);
  checkNumber('jitter', options.jitter, 0, MAX_DELAY, 0);
  checkOneOf('distribution', options.distribution, ['uniform', 'normal'], 'uniform');
  checkBoolean('keepOrder', options.keepOrder, false);
  checkNumber('rate', options.rate, 1, 1e15, 1);
  checkInteger('queueFrames', options.queueFrames, 1, 1 << 20, 1000);
  checkInteger('queueBytes', options.queueBytes, 1, Number.MAX_SAFE_INTEGER, 1);
}

/** Flips one bit of a frame; flipping it again restores it. */
export function flipBit(u8: Uint8Array, offset: number, bit: number): void {
  u8[offset + (bit >> 3)]! ^= 1 << (bit & 7);
}
