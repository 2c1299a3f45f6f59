import { type KernelRelay, type MemoryRelay, MessageTooLongError } from 'etherconn';
import type { Delta } from '../metrics/delta.ts';
import { LatencyHistogram } from '../metrics/latency-histogram.ts';
import type { Client } from '../runner/client.ts';
import type { Arrivals } from './arrivals.ts';
import type { FrameSource } from './frame-source.ts';
import { FCS } from './pace.ts';

/** Frames before the event loop may look at other things. */
const BUDGET = 512;

export interface ReplayerOptions {
  readonly relay: KernelRelay | MemoryRelay;
  readonly source: FrameSource;
  /** Whether frames are due at a time; otherwise as soon as there is room. */
  readonly timed: boolean;
  readonly arrivals: Arrivals | null;
}

/** Sends the frames of a capture, each when it is due. What finds no room is sent as soon as there is some. */
export class Replayer implements Client {
  /** When the last frame was sent. */
  lastAt = 0;
  readonly #options: ReplayerOptions;
  readonly #behind = new LatencyHistogram();
  #counts = { sent: 0, sentBytes: 0, noRoom: 0 };

  constructor(options: ReplayerOptions) {
    this.#options = options;
  }

  start(): number {
    return 0;
  }

  tick(now: number): number {
    const { relay, source, timed, arrivals } = this.#options;
    for (let budget = BUDGET; budget > 0; budget--) {
      const frame = source.peek();
      // What is not read yet is waited for.
      if (frame === undefined) return source.ended ? Number.POSITIVE_INFINITY : now;
      const { data, due } = frame;
      if (due > now) return due;
      try {
        if (relay.trySendFrame(data) === 0) {
          this.#counts.noRoom++;
          return now;
        }
      } catch (error) {
        if (!(error instanceof MessageTooLongError)) throw error;
        source.skip('longer than the interface takes');
        source.shift();
        continue;
      }
      source.shift();
      this.#counts.sent++;
      this.#counts.sentBytes += data.length + FCS;
      this.lastAt = now;
      if (timed) this.#behind.record((now - due) * 1000);
      arrivals?.sent(data, timed ? due : now);
    }
    return now;
  }

  counters(into: Delta): void {
    for (const [name, amount] of Object.entries(this.#counts)) into.add(name, amount);
    this.#counts = { sent: 0, sentBytes: 0, noRoom: 0 };
    into.histogram('behind').merge(this.#behind);
    this.#behind.clear();
  }

  stop(): void {}
}
