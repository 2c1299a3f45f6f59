import type { FrameMemory, LinkReceiver, PacketTap } from 'etherconn/link';
import type { Filter } from '../filter/filter.ts';
import type { FrameOutput } from './frame-output.ts';

export interface CaptureLimits {
  readonly snapLength: number;
  /** Frames, and milliseconds, after which it ends. */
  readonly count?: number | undefined;
  readonly duration?: number | undefined;
}

/** What has been captured so far. */
export interface CaptureCounters {
  /** Frames that the filter selected, and bytes of them on the wire. */
  readonly frames: number;
  readonly bytes: number;
  /** Of the selected frames: those that the kernel dropped because this process was too slow. */
  readonly dropped: number;
  /** And those that were received, but the file or the terminal was too slow for. */
  readonly lost: number;
}

/** Takes the frames of a tap to a file or to the screen, until an end that was asked for. */
export class CaptureRun implements LinkReceiver {
  readonly #tap: PacketTap;
  readonly #output: FrameOutput;
  /** What the kernel could not decide. */
  readonly #filter: Filter | null;
  readonly #limits: CaptureLimits;
  readonly #most: number;
  #memory: FrameMemory | undefined;
  #frames = 0;
  #bytes = 0;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(tap: PacketTap, output: FrameOutput, filter: Filter | null, limits: CaptureLimits) {
    this.#tap = tap;
    this.#output = output;
    this.#filter = filter;
    this.#limits = limits;
    this.#most = limits.count ?? Number.POSITIVE_INFINITY;
  }

  get counters(): CaptureCounters {
    const { dropped } = this.#tap.stats();
    const { lost } = this.#output;
    return { frames: this.#frames, bytes: this.#bytes, dropped, lost };
  }

  /** Resolves at the end that was asked for, or when `signal` is aborted; rejects when the interface or the file fails. */
  async run(onSecond: (counters: CaptureCounters) => void, signal: AbortSignal): Promise<void> {
    const ended = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const end = (): void => this.#resolve();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    const { duration } = this.#limits;
    const timer = duration === undefined ? undefined : setTimeout(end, duration);
    const seconds = setInterval(() => {
      this.#output.look();
      onSecond(this.counters);
    }, 1000);
    this.#output.onError = () => this.#reject(this.#output.error!);
    this.#tap.start(this);
    try {
      await ended;
    } finally {
      clearTimeout(timer);
      clearInterval(seconds);
      signal.removeEventListener('abort', end);
    }
  }

  begin(memory: FrameMemory): void {
    this.#memory = memory;
  }

  frame(offset: number, length: number): void {
    const tap = this.#tap;
    const memory = this.#memory!;
    const original = tap.originalLength;
    if (this.#filter !== null && !this.#filter.matches(memory.u8, offset, length, original)) return;
    if (this.#frames >= this.#most) return;
    this.#frames++;
    this.#bytes += original;
    const captured = Math.min(length, this.#limits.snapLength);
    this.#output.frame(memory, offset, captured, original, tap.seconds, tap.nanoseconds, tap.outgoing);
    if (this.#frames === this.#most) this.#resolve();
  }

  end(): void {}

  error(error: Error): void {
    this.#reject(error);
  }

  state(): void {}
}
