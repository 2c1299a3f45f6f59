import { type Clock, wallNanoseconds } from '../../clock.ts';
import type { FrameMemory, Link, LinkTx } from '../link.ts';
import { type FrameSink, toMilliseconds } from './frame-sink.ts';

/** The sending side of a link that shows a sink the frames that are committed. */
export class CaptureTx implements LinkTx {
  readonly memory: FrameMemory;
  readonly reserveMany?: (offsets: Int32Array, count: number, length: number) => number;
  readonly commitMany?: (offsets: Int32Array, lengths: Int32Array, count: number) => void;
  readonly #link: Link;
  readonly #inner: LinkTx;
  readonly #sink: FrameSink;
  readonly #clock: Clock;

  constructor(link: Link, sink: FrameSink) {
    const inner = link.tx;
    this.#link = link;
    this.#inner = inner;
    this.memory = inner.memory;
    this.#sink = sink;
    this.#clock = link.clock;
    if (inner.reserveMany === undefined || inner.commitMany === undefined) return;
    this.reserveMany = (offsets, count, length) => inner.reserveMany!(offsets, count, length);
    this.commitMany = (offsets, lengths, count) => {
      for (let i = 0; i < count; i++) this.#show(offsets[i], lengths[i]);
      inner.commitMany!(offsets, lengths, count);
    };
  }

  get onRoom(): (() => void) | null {
    return this.#inner.onRoom;
  }

  set onRoom(callback: (() => void) | null) {
    this.#inner.onRoom = callback;
  }

  reserve(length: number): number {
    return this.#inner.reserve(length);
  }

  commit(offset: number, length: number): void {
    this.#show(offset, length);
    this.#inner.commit(offset, length);
  }

  cancel(offset: number): void {
    this.#inner.cancel(offset);
  }

  flush(): number {
    return this.#inner.flush();
  }

  #show(offset: number, length: number): void {
    // The sink may have closed the link.
    if (this.#link.closed) return;
    const time = wallNanoseconds(this.#clock);
    this.#sink(this.memory.u8, offset, length, 'out', toMilliseconds(time), 0, time);
  }
}
