import type { Clock } from '../../clock.ts';
import { checkKnown, checkOneOf } from '../../options.ts';
import type { FrameMemory, Link, LinkReceiver, LinkTx } from '../link.ts';
import { WrappedLink } from './wrapped-link.ts';

/**
 * Gets each frame that passes, at `[offset, offset + length)` of `u8`; it is valid during the call only. `queue`
 * is the receive queue, 0 for frames sent. The timestamp is in milliseconds since the Unix epoch: of the batch
 * for frames received, of the commit for frames sent.
 */
export type CaptureSink = (
  u8: Uint8Array,
  offset: number,
  length: number,
  direction: 'in' | 'out',
  timestamp: number,
  queue: number,
) => void;

/** Options of {@link captureLink}. */
export interface CaptureLinkOptions {
  /** Which frames the sink gets: those received, those sent, or 'both' (the default). */
  direction?: 'in' | 'out' | 'both';
}

/**
 * A link that shows a sink what passes over another one, before anybody has had a chance to change it. Frames
 * sent are shown when they are committed. From here on, use the link that is returned instead of `link`.
 * @throws OptionError
 */
export function captureLink(link: Link, sink: CaptureSink, options: CaptureLinkOptions = {}): Link {
  checkKnown(options, ['direction']);
  const direction = checkOneOf('direction', options.direction, ['in', 'out', 'both'], 'both');
  return new CaptureLink(link, sink, direction !== 'out', direction !== 'in');
}

class CaptureLink extends WrappedLink {
  readonly #sink: CaptureSink;
  readonly #captureIn: boolean;
  readonly #captureOut: boolean;
  readonly #tx: LinkTx;
  #batch: FrameMemory | null = null;

  constructor(inner: Link, sink: CaptureSink, captureIn: boolean, captureOut: boolean) {
    super(inner);
    this.#sink = sink;
    this.#captureIn = captureIn;
    this.#captureOut = captureOut;
    this.#tx = captureOut ? new CaptureTx(inner, sink) : inner.tx;
  }

  override get tx(): LinkTx {
    return this.#tx;
  }

  override start(receiver: LinkReceiver): void {
    this.inner.start(new CaptureReceiver(this, receiver, this.#captureIn ? this.#sink : null));
  }

  /** The memory of the batch under delivery, for replies. */
  batch(memory: FrameMemory | null): void {
    this.#batch = memory;
  }

  protected override passReply(offset: number, length: number): boolean {
    const taken = this.inner.reply!(offset, length);
    if (taken && this.#captureOut) {
      this.#sink(this.#batch!.u8, offset, length, 'out', this.clock.wallTime(), 0);
    }
    return taken;
  }
}

class CaptureReceiver implements LinkReceiver {
  readonly #link: CaptureLink;
  readonly #receiver: LinkReceiver;
  readonly #sink: CaptureSink | null;
  readonly #clock: Clock;
  #memory: FrameMemory | null = null;
  #queue = 0;
  #timestamp = 0;

  constructor(link: CaptureLink, receiver: LinkReceiver, sink: CaptureSink | null) {
    this.#link = link;
    this.#receiver = receiver;
    this.#sink = sink;
    this.#clock = link.clock;
  }

  begin(memory: FrameMemory, queue: number): void {
    this.#memory = memory;
    this.#queue = queue;
    if (this.#sink !== null) this.#timestamp = this.#clock.wallTime();
    this.#link.batch(memory);
    this.#receiver.begin(memory, queue);
  }

  frame(offset: number, length: number, flags: number): void {
    this.#sink?.(this.#memory!.u8, offset, length, 'in', this.#timestamp, this.#queue);
    // The sink may have closed the link.
    if (!this.#link.closed) this.#receiver.frame(offset, length, flags);
  }

  end(): void {
    this.#receiver.end();
    this.#memory = null;
    this.#link.batch(null);
  }

  error(error: Error): void {
    this.#receiver.error(error);
  }

  state(up: boolean): void {
    this.#receiver.state(up);
  }
}

class CaptureTx implements LinkTx {
  readonly memory: FrameMemory;
  readonly #link: Link;
  readonly #inner: LinkTx;
  readonly #sink: CaptureSink;
  readonly #clock: Clock;

  constructor(link: Link, sink: CaptureSink) {
    this.#link = link;
    this.#inner = link.tx;
    this.memory = link.tx.memory;
    this.#sink = sink;
    this.#clock = link.clock;
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
    if (!this.#link.closed) {
      this.#sink(this.memory.u8, offset, length, 'out', this.#clock.wallTime(), 0);
    }
    this.#inner.commit(offset, length);
  }

  cancel(offset: number): void {
    this.#inner.cancel(offset);
  }

  flush(): number {
    return this.#inner.flush();
  }
}
