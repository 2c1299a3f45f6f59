import { Delta } from '@etherconn/cli/parts';
import { CLIENT_FAILURES, FAILURES_MAX } from '../protocol/messages.ts';
import type { ClientFailure, Span } from '../protocol/records.ts';
import type { ClientSpan } from '../protocol/spans.ts';
import type { Executor, Prepared } from './executor.ts';

/** What was counted since the last time. */
export interface Collected {
  readonly delta: Delta;
  readonly finished: readonly Span[];
  readonly failures: readonly ClientFailure[];
}

interface Waiting {
  readonly span: Span;
  readonly prepared: Prepared;
}

interface Running {
  readonly span: Span;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** The clients that run under one lease, and what they count. */
export class Runs {
  readonly #executor: Executor;
  readonly #onFinished: () => void;
  readonly #onFailed: (error: unknown) => void;
  readonly #waiting = new Map<string, Waiting>();
  readonly #running = new Map<string, Running>();
  #delta = new Delta();
  #finished: Span[] = [];
  #failures: ClientFailure[] = [];
  #refused = 0;
  #abandoned = false;

  constructor(executor: Executor, onFinished: () => void, onFailed: (error: unknown) => void) {
    this.#executor = executor;
    this.#onFinished = onFinished;
    this.#onFailed = onFailed;
    this.#refused = executor.refused;
  }

  /** What is running. */
  get spans(): readonly Span[] {
    return [...this.#running.values()].map(({ span }) => span);
  }

  /** Makes the clients of a span, which wait for their start. */
  async prepare(span: Span, clients: ClientSpan, seed: number): Promise<void> {
    const prepared = await this.#executor.open(clients, seed);
    if (this.#abandoned) await prepared.close();
    else this.#waiting.set(keyOf(span), { span, prepared });
  }

  /** Starts a span that was prepared; nothing happens when it was not. */
  start(span: Span, startAt: number): void {
    const key = keyOf(span);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    const stop = new AbortController();
    const ended = this.#run(waiting, startAt, stop.signal).then(() => this.#onFinished());
    this.#running.set(key, { span: waiting.span, stop, ended });
  }

  async #run({ span, prepared }: Waiting, startAt: number, signal: AbortSignal): Promise<void> {
    try {
      await prepared.run({
        startAt,
        signal,
        onDelta: (delta) => this.#delta.merge(delta),
        onFailure: (failure) => {
          this.#delta.add(CLIENT_FAILURES, 1);
          if (this.#failures.length < FAILURES_MAX) this.#failures.push(failure);
        },
      });
      if (!this.#abandoned) this.#finished.push(span);
    } catch (error) {
      this.#onFailed(error);
    } finally {
      this.#running.delete(keyOf(span));
    }
  }

  collect(): Collected {
    const refused = this.#executor.refused;
    this.#delta.add('fenced', refused - this.#refused);
    this.#refused = refused;
    const collected = { delta: this.#delta, finished: this.#finished, failures: this.#failures };
    this.#delta = new Delta();
    this.#finished = [];
    this.#failures = [];
    return collected;
  }

  /** Stops all runs and counts them as finished. Resolves when they have stopped. */
  async finish(): Promise<void> {
    const waiting = [...this.#waiting.values()];
    await this.#stop();
    this.#finished.push(...waiting.map(({ span }) => span));
  }

  /** Stops all runs without counting them as finished: another agent begins them anew. */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    await this.#stop();
  }

  async #stop(): Promise<void> {
    const running = [...this.#running.values()];
    for (const { stop } of running) stop.abort();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    await Promise.all([
      ...running.map(({ ended }) => ended),
      ...waiting.map(({ prepared }) => prepared.close()),
    ]);
  }
}

function keyOf({ first, epoch }: Span): string {
  return `${first}@${epoch}`;
}
