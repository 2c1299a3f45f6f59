import type { ClockTimer } from '../../clock.ts';
import { checkInteger, checkKnown, checkObject, checkOneOf } from '../../options.ts';
import { checkLink, checkReceiver } from '../check-link.ts';
import { copyFrame } from '../frame-memory.ts';
import { DelayLine } from '../impairments/delay-line.ts';
import {
  checkImpairments,
  flipBit,
  Impairer,
  type ImpairmentStats,
  type Impairments,
} from '../impairments/impairments.ts';
import { Prng } from '../impairments/prng.ts';
import type { FrameMemory, Link, LinkReceiver, LinkTx } from '../link.ts';
import { WrappedLink } from './wrapped-link.ts';

/** Options of {@link faultLink}. */
export interface FaultLinkOptions {
  /** Faults of received frames. */
  in?: Impairments;
  /** Faults of sent frames. */
  out?: Impairments;
  /** Seed of all faults, an integer from 0 to 2^53 - 1. Default 1. */
  seed?: number;
  /** Maximum number of delayed frames in each direction, 1 to 16777216. Default 65536. */
  heldFrames?: number;
}

/** A link with faults, see {@link faultLink}. */
export interface FaultLink extends Link {
  /**
   * Sets the faults of one direction, or of both (default), at any time. `{}` removes them.
   * @throws OptionError
   */
  impair(options: Impairments & { direction?: 'in' | 'out' | 'both' }): void;
  /** What the faults of one direction have done to its frames. */
  impairmentStats(direction: 'in' | 'out'): ImpairmentStats;
}

/** Delayed frames that are handed on at a time. */
const BUDGET = 256;

/**
 * Returns a link that applies faults to the frames of another link. It copies delayed and duplicated frames;
 * received ones arrive in separate batches. `stats` are those of the inner link, which never sent frames lost on
 * the way out, and has received frames lost on the way in. Closing the link drops delayed frames. From then on, use
 * the returned link instead of `link`.
 * @throws OptionError
 */
export function faultLink(link: Link, options: FaultLinkOptions = {}): FaultLink {
  checkLink(link);
  checkKnown(options, ['in', 'out', 'seed', 'heldFrames']);
  if (options.in !== undefined) checkImpairments(options.in);
  if (options.out !== undefined) checkImpairments(options.out);
  const seed = checkInteger('seed', options.seed, 0, Number.MAX_SAFE_INTEGER, 1);
  const held = checkInteger('heldFrames', options.heldFrames, 1, 1 << 24, 65536);
  const faulty = new FaultyLink(link, seed, held);
  if (options.in !== undefined) faulty.impair({ ...options.in, direction: 'in' });
  if (options.out !== undefined) faulty.impair({ ...options.out, direction: 'out' });
  return faulty;
}

class FaultyLink extends WrappedLink implements FaultLink {
  readonly #impairIn: Impairer;
  readonly #impairOut: Impairer;
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  #referenced = true;
  #timer: ClockTimer | null = null;
  #timerDue = Infinity;

  constructor(inner: Link, seed: number, held: number) {
    super(inner);
    this.#impairIn = new Impairer(new Prng(seed, 0));
    this.#impairOut = new Impairer(new Prng(seed, 1));
    const arm = (): void => this.#armTimer();
    this.#outgoing = new Outgoing(inner, this.#impairOut, held, arm);
    this.#incoming = new Incoming(inner, this.#impairIn, this.#outgoing, held, arm);
  }

  override get tx(): LinkTx {
    return this.#outgoing;
  }

  impair(options: Impairments & { direction?: 'in' | 'out' | 'both' }): void {
    checkObject(options, 'impairments');
    const { direction: where, ...impairments } = options;
    const direction = checkOneOf('direction', where, ['in', 'out', 'both'], 'both');
    checkImpairments(impairments);
    if (direction !== 'out') this.#impairIn.set(impairments);
    if (direction !== 'in') this.#impairOut.set(impairments);
  }

  impairmentStats(direction: 'in' | 'out'): ImpairmentStats {
    return { ...(direction === 'in' ? this.#impairIn : this.#impairOut).stats };
  }

  override start(receiver: LinkReceiver): void {
    checkReceiver(receiver);
    this.inner.start(this.#incoming);
    this.#incoming.receiver = receiver;
  }

  override ref(): void {
    this.#referenced = true;
    this.inner.ref();
  }

  override unref(): void {
    this.#referenced = false;
    this.inner.unref();
  }

  override close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerDue = Infinity;
    const closing = this.inner.close();
    this.#incoming.clear();
    this.#outgoing.clear();
    return closing;
  }

  #armTimer(): void {
    const due = Math.min(this.#incoming.next, this.#outgoing.next);
    if (due >= this.#timerDue || this.closed) return;
    this.#timer?.cancel();
    this.#timerDue = due;
    this.#timer = this.clock.setTimer(this.#timerFired, due - this.clock.now(), !this.#referenced);
  }

  readonly #timerFired = (): void => {
    this.#timer = null;
    this.#timerDue = Infinity;
    // The link may have gone with an error: then what it held is gone, too.
    if (this.closed) return;
    try {
      this.#outgoing.release();
      this.#incoming.release();
    } finally {
      this.#armTimer();
    }
  };
}

/** The way out. */
class Outgoing implements LinkTx {
  onRoom: (() => void) | null = null;
  readonly memory: FrameMemory;
  readonly #link: Link;
  readonly #inner: LinkTx;
  readonly #impairer: Impairer;
  readonly #held: DelayLine<null>;
  readonly #arm: () => void;
  /** A frame that is due and found no room, -1 when there is none: those behind it wait, too. */
  #stuck = -1;
  /** Frames committed here that the inner link never saw, since the last flush. */
  #swallowed = 0;

  constructor(link: Link, impairer: Impairer, held: number, arm: () => void) {
    this.#link = link;
    this.#inner = link.tx;
    this.memory = link.tx.memory;
    this.#impairer = impairer;
    this.#held = new DelayLine(held);
    this.#arm = arm;
    link.tx.onRoom = () => {
      this.release();
      this.#arm();
      this.onRoom?.();
    };
  }

  /** When the next held frame is due; Infinity also while one waits for room, which is told otherwise. */
  get next(): number {
    return this.#stuck >= 0 ? Infinity : this.#held.next;
  }

  reserve(length: number): number {
    return this.#inner.reserve(length);
  }

  cancel(offset: number): void {
    this.#inner.cancel(offset);
  }

  commit(offset: number, length: number): void {
    if (!this.#impairer.active || this.#link.closed) {
      this.#inner.commit(offset, length);
      return;
    }
    const bit = this.#decide(offset, length);
    if (bit === DROPPED) {
      this.#swallowed++;
      this.#inner.cancel(offset);
      return;
    }
    if (bit >= 0) flipBit(this.memory.u8, offset, bit);
    this.#inner.commit(offset, length);
  }

  flush(): number {
    const swallowed = this.#swallowed;
    this.#swallowed = 0;
    return swallowed + this.#inner.flush();
  }

  /** Sends the held frames that are due. */
  release(): void {
    if (this.#link.closed) return;
    const now = this.#link.clock.now();
    let sent = 0;
    while (sent < BUDGET) {
      const id = this.#stuck >= 0 ? this.#stuck : this.#held.take(now);
      if (id < 0) break;
      const length = this.#held.length(id);
      const offset = this.#inner.reserve(length);
      this.#stuck = offset < 0 ? id : -1;
      if (offset < 0) break;
      copyFrame(this.memory, offset, this.#held.memory(id), this.#held.offset(id), length);
      this.#inner.commit(offset, length);
      this.#held.release(id);
      sent++;
    }
    if (sent > 0) this.#inner.flush();
  }

  clear(): void {
    if (this.#stuck >= 0) this.#held.release(this.#stuck);
    this.#stuck = -1;
    this.#held.clear();
  }

  /**
   * Decides a frame's fate and makes the copies that are not sent from where it lies. Returns the number of the
   * bit to flip in it before it is sent, -1 for none, or DROPPED when it is not to be sent now.
   */
  #decide(offset: number, length: number): number {
    const { memory } = this;
    const impairer = this.#impairer;
    const now = this.#link.clock.now();
    const copies = impairer.decide(now, length);
    let result: number = DROPPED;
    for (let copy = 0; copy < copies; copy++) {
      const bit = impairer.flip[copy]!;
      const due = impairer.due[copy]!;
      if (due <= now && result === DROPPED) {
        result = bit;
        continue;
      }
      if (bit >= 0) flipBit(memory.u8, offset, bit);
      if (due > now) {
        if (!this.#held.add(due, null, 0, memory, offset, length, null)) impairer.stats.overflowed++;
        else this.#arm();
      } else {
        this.#sendCopy(offset, length);
      }
      if (bit >= 0) flipBit(memory.u8, offset, bit);
    }
    return result;
  }

  #sendCopy(offset: number, length: number): void {
    const slot = this.#inner.reserve(length);
    if (slot < 0) {
      this.#impairer.stats.overflowed++;
      return;
    }
    copyFrame(this.memory, slot, this.memory, offset, length);
    this.#inner.commit(slot, length);
  }
}

const DROPPED = -2;

/** The way in. */
class Incoming implements LinkReceiver {
  receiver: LinkReceiver | null = null;
  readonly #link: Link;
  readonly #impairer: Impairer;
  readonly #outgoing: Outgoing;
  readonly #held: DelayLine<null>;
  readonly #arm: () => void;
  /** Memory of the batch under delivery. */
  #memory: FrameMemory | null = null;
  #queue = 0;
  /** Frames of the own batch, released when it ends. */
  readonly #taken = new Int32Array(BUDGET);

  constructor(link: Link, impairer: Impairer, outgoing: Outgoing, held: number, arm: () => void) {
    this.#link = link;
    this.#impairer = impairer;
    this.#outgoing = outgoing;
    this.#held = new DelayLine(held);
    this.#arm = arm;
  }

  get next(): number {
    return this.#held.next;
  }

  begin(memory: FrameMemory, queue: number): void {
    this.#memory = memory;
    this.#queue = queue;
    this.receiver!.begin(memory, queue);
  }

  frame(offset: number, length: number, flags: number): void {
    const impairer = this.#impairer;
    if (!impairer.active) {
      this.receiver!.frame(offset, length, flags);
      return;
    }
    const memory = this.#memory!;
    const now = this.#link.clock.now();
    const copies = impairer.decide(now, length);
    let direct = DROPPED;
    for (let copy = 0; copy < copies; copy++) {
      const bit = impairer.flip[copy]!;
      const due = impairer.due[copy]!;
      if (due <= now && direct === DROPPED) {
        direct = bit;
        continue;
      }
      // A second copy cannot be delivered from the same place: the receiver may write to it.
      if (bit >= 0) flipBit(memory.u8, offset, bit);
      const kind = (this.#queue << 8) | flags;
      if (!this.#held.add(due, null, kind, memory, offset, length, null)) impairer.stats.overflowed++;
      if (bit >= 0) flipBit(memory.u8, offset, bit);
    }
    if (direct === DROPPED) return;
    if (direct >= 0) flipBit(memory.u8, offset, direct);
    this.receiver!.frame(offset, length, flags);
  }

  end(): void {
    try {
      this.receiver!.end();
    } finally {
      this.#memory = null;
      // Second copies are due already. Others follow with the timer.
      try {
        if (this.#held.next !== Infinity) this.release();
      } finally {
        this.#arm();
      }
    }
  }

  error(error: Error): void {
    this.clear();
    this.#outgoing.clear();
    this.receiver!.error(error);
  }

  state(up: boolean): void {
    this.receiver!.state(up);
  }

  refused(error: Error, frames: number): void {
    this.receiver!.refused?.(error, frames);
  }

  /** Delivers the held frames that are due, a batch for each run of them in the same memory and queue. */
  release(): void {
    const now = this.#link.clock.now();
    let left = BUDGET;
    let id = this.#link.closed ? -1 : this.#held.take(now);
    while (id >= 0) {
      const memory = this.#held.memory(id);
      const queue = this.#held.kind(id) >> 8;
      let count = 0;
      this.#memory = memory;
      try {
        this.receiver!.begin(memory, queue);
        while (id >= 0 && this.#held.memory(id) === memory && this.#held.kind(id) >> 8 === queue) {
          this.#taken[count++] = id;
          left--;
          this.receiver!.frame(this.#held.offset(id), this.#held.length(id), this.#held.kind(id) & 0xff);
          id = left > 0 && !this.#link.closed ? this.#held.take(now) : -1;
        }
        this.receiver!.end();
      } finally {
        this.#memory = null;
        while (count > 0) this.#held.release(this.#taken[--count]!);
      }
    }
  }

  clear(): void {
    this.#held.clear();
  }
}
