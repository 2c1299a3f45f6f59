import type { Link } from '../link/link.ts';
import type { FrameSink } from '../link/middleware/frame-sink.ts';
import { ReceivedFrames } from '../link/middleware/received-frames.ts';
import type { Demultiplexer } from './demultiplexer.ts';
import type { Transmitter } from './transmitter.ts';

/** A capture: it sees all frames that pass a relay's link, without changing which frames pass. */
export interface Tap {
  readonly frame: FrameSink;
  /** The relay has stopped: no further frame comes. */
  relayStopped(): void;
}

/** The taps of a relay. Without a tap they cost nothing; with one, the relay parses every frame. */
export class Taps {
  readonly #link: Link;
  readonly #demultiplexer: Demultiplexer;
  readonly #transmitter: Transmitter;
  readonly #taps = new Set<Tap>();

  constructor(link: Link, demultiplexer: Demultiplexer, transmitter: Transmitter) {
    this.#link = link;
    this.#demultiplexer = demultiplexer;
    this.#transmitter = transmitter;
  }

  add(tap: Tap): void {
    this.#taps.add(tap);
    if (this.#taps.size === 1) this.#show(this.#each);
  }

  remove(tap: Tap): void {
    this.#taps.delete(tap);
    if (this.#taps.size === 0) this.#show(null);
  }

  relayStopped(): void {
    for (const tap of [...this.#taps]) {
      this.remove(tap);
      tap.relayStopped();
    }
  }

  readonly #each: FrameSink = (u8, offset, length, direction, timestamp, queue, nanoseconds) => {
    for (const tap of this.#taps) tap.frame(u8, offset, length, direction, timestamp, queue, nanoseconds);
  };

  #show(sink: FrameSink | null): void {
    this.#demultiplexer.shown = sink === null ? null : new ReceivedFrames(this.#link, sink);
    this.#transmitter.show(sink);
  }
}
