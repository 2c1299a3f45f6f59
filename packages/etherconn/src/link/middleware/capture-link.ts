import { checkKnown, checkOneOf, requireFunction } from '../../options.ts';
import { checkLink, checkReceiver } from '../check-link.ts';
import type { FrameMemory, Link, LinkReceiver, LinkTx } from '../link.ts';
import { CaptureTx } from './capture-tx.ts';
import type { FrameSink } from './frame-sink.ts';
import { ReceivedFrames } from './received-frames.ts';
import { WrappedLink } from './wrapped-link.ts';

/** Options of {@link captureLink}. */
export interface CaptureLinkOptions {
  /** Which frames the sink gets: received ones, sent ones, or 'both' (default). */
  direction?: 'in' | 'out' | 'both';
}

/**
 * Returns a link that shows all frames of another link to a sink, before anything can change them. It shows sent
 * frames when they are committed. From then on, use the returned link instead of `link`.
 * @throws OptionError
 */
export function captureLink(link: Link, sink: FrameSink, options: CaptureLinkOptions = {}): Link {
  checkLink(link);
  requireFunction('sink', sink);
  checkKnown(options, ['direction']);
  const direction = checkOneOf('direction', options.direction, ['in', 'out', 'both'], 'both');
  return new CaptureLink(link, sink, direction !== 'out', direction !== 'in');
}

class CaptureLink extends WrappedLink {
  readonly #sink: FrameSink;
  readonly #captureIn: boolean;
  readonly #tx: LinkTx;

  constructor(inner: Link, sink: FrameSink, captureIn: boolean, captureOut: boolean) {
    super(inner);
    this.#sink = sink;
    this.#captureIn = captureIn;
    this.#tx = captureOut ? new CaptureTx(inner, sink) : inner.tx;
  }

  override get tx(): LinkTx {
    return this.#tx;
  }

  override start(receiver: LinkReceiver): void {
    checkReceiver(receiver);
    this.inner.start(new CaptureReceiver(this, receiver, this.#captureIn ? this.#sink : null));
  }
}

class CaptureReceiver implements LinkReceiver {
  readonly #link: Link;
  readonly #receiver: LinkReceiver;
  readonly #shown: ReceivedFrames | null;

  constructor(link: Link, receiver: LinkReceiver, sink: FrameSink | null) {
    this.#link = link;
    this.#receiver = receiver;
    this.#shown = sink === null ? null : new ReceivedFrames(link, sink);
  }

  begin(memory: FrameMemory, queue: number): void {
    this.#shown?.begin(memory, queue);
    this.#receiver.begin(memory, queue);
  }

  frame(offset: number, length: number, flags: number): void {
    this.#shown?.frame(offset, length);
    // The sink may have closed the link.
    if (!this.#link.closed) this.#receiver.frame(offset, length, flags);
  }

  end(): void {
    this.#receiver.end();
  }

  error(error: Error): void {
    this.#receiver.error(error);
  }

  state(up: boolean): void {
    this.#receiver.state(up);
  }

  refused(error: Error, frames: number): void {
    this.#receiver.refused?.(error, frames);
  }
}
