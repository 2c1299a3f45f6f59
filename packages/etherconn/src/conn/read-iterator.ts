import { checkObject } from '../options.ts';
import type { CallOptions } from '../pending.ts';

/**
 * What comes to a conn, for `for await`: until the conn is closed. Any other error (a deadline, a stopped relay, the
 * signal's reason) is thrown, and is the end, too. Unlike a generator's, its `return()` does not wait for a
 * `next()` that waits: that one ends with it.
 */
export class ReadIterator<T> implements AsyncGenerator<T, void, undefined> {
  readonly #read: (options: CallOptions) => Promise<T>;
  readonly #given: CallOptions;
  /** Made by the first read: an iterator that nobody uses holds nothing of the given signal. */
  #options: CallOptions | null = null;
  readonly #stop = new AbortController();
  #done = false;

  /** `options` are those of each single read. */
  constructor(read: (options: CallOptions) => Promise<T>, options: CallOptions) {
    checkObject(options);
    this.#read = read;
    this.#given = options;
  }

  async next(): Promise<IteratorResult<T, void>> {
    if (this.#done) return END;
    try {
      return { value: await this.#read(this.#eachOptions()), done: false };
    } catch (error) {
      const stopped = this.#stop.signal.aborted;
      this.#done = true;
      if (stopped || (error as { code?: unknown } | null)?.code === 'ERR_ETHERCONN_CLOSED') return END;
      throw error;
    }
  }

  async return(): Promise<IteratorResult<T, void>> {
    this.#end();
    return END;
  }

  async throw(error: unknown): Promise<IteratorResult<T, void>> {
    this.#end();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
  }

  #eachOptions(): CallOptions {
    if (this.#options === null) {
      const { signal, timeout } = this.#given;
      const stop = this.#stop.signal;
      this.#options = { signal: signal === undefined ? stop : AbortSignal.any([signal, stop]), timeout };
    }
    return this.#options;
  }

  #end(): void {
    this.#done = true;
    this.#stop.abort();
  }
}

const END: IteratorReturnResult<void> = Object.freeze({ value: undefined, done: true });
