import type { Writable } from 'node:stream';

/** Characters that are gathered before they are written. */
const FULL = 65_536;

/**
 * Lines to a stream that may be slow, or go away: many lines are one write, a line never waits longer than
 * until the event loop is free, and a reader that has left (`| head`) is no error.
 */
export class LineOutput {
  /** The reader has left: nothing that is written arrives any more. */
  closed = false;
  readonly #stream: Writable;
  #text = '';
  #written: Promise<void> = Promise.resolve();
  #timer: NodeJS.Immediate | undefined;
  #error: Error | undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.closed = true;
      if (error.code !== 'EPIPE') this.#error = error;
    });
  }

  /** Adds a line. Returns a promise to wait for when the stream has enough for now. */
  line(text: string): Promise<void> | undefined {
    this.#text += `${text}\n`;
    if (this.#text.length >= FULL) return this.flush();
    // A rejection is kept for the next flush that is waited for.
    this.#timer ??= setImmediate(() => void this.flush().catch(() => {}));
    return undefined;
  }

  /** Resolves when all lines have been taken; rejects when writing failed otherwise than by EPIPE. */
  flush(): Promise<void> {
    clearImmediate(this.#timer);
    this.#timer = undefined;
    if (this.#text !== '' && !this.closed) {
      const text = this.#text;
      this.#written = new Promise((resolve) => this.#stream.write(text, () => resolve()));
    }
    this.#text = '';
    return this.#written.then(() => {
      if (this.#error !== undefined) throw this.#error;
    });
  }
}
