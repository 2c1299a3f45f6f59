import { wallNanoseconds } from '../../clock.ts';
import type { FrameMemory, Link } from '../link.ts';
import { type FrameSink, toMilliseconds } from './frame-sink.ts';

/** Shows a sink the frames that a link delivers: told of them as a LinkReceiver is, before it is. */
export class ReceivedFrames {
  readonly #link: Link;
  readonly #sink: FrameSink;
  #u8: Uint8Array | null = null;
  #queue = 0;
  /** When the batch under way was delivered. */
  #time = 0n;

  constructor(link: Link, sink: FrameSink) {
    this.#link = link;
    this.#sink = sink;
  }

  begin(memory: FrameMemory, queue: number): void {
    this.#u8 = memory.u8;
    this.#queue = queue;
    this.#time = wallNanoseconds(this.#link.clock);
  }

  frame(offset: number, length: number): void {
    const time = this.#link.receivedAt?.() ?? this.#time;
    this.#sink(this.#u8!, offset, length, 'in', toMilliseconds(time), this.#queue, time);
  }
}
