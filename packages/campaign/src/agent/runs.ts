import { Delta } from '@etherconn/cli/parts';
import { FAILURES_MAX } from '../protocol/messages.ts';
import type { ClientFailure, Span } from '../protocol/records.ts';
import type { ClientSpan } from '../protocol/spans.ts';
import type { Executor } from './executor.ts';

/** What was counted since the last time. */
export interface Collected {
  readonly delta: Delta;
  readonly finished: readonly Span[];
  readonly failures: readonly ClientFailure[];
}

/** The clients that run under one lease, and what they count. */
export class Runs {
  readonly #executor: Executor;
  readonly #onFinished: () => void;
  readonly #onFailed: (error: unknown) => void;
  readonly #running = new Map<
    string,
    { readonly span: Span; readonly stop: AbortController; ended: Promise<void> }
  >();
  #delta = new Delta();
  #finished: Span[] = [];
  #failures: ClientFailure[] = [];
  #refused = 0;

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

  start(span: Span, clients: ClientSpan, startAt: number, seed: number): void {
    const stop = new AbortController();
    const run = { span, stop, ended: Promise.resolve() };
    this.#running.set(keyOf(span), run);
    run.ended = this.#run(span, clients, startAt, seed, stop.signal);
  }

  async #run(
    span: Span,
    clients: ClientSpan,
    startAt: number,
    seed: number,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.#executor.execute({
        clients,
        startAt,
        seed,
        signal,
        onDelta: (delta) => this.#delta.merge(delta),
        onFailure: (failure) => {
          if (this.#failures.length < FAILURES_MAX) this.#failures.push(failure);
        },
      });
      this.#finished.push(span);
    } catch (error) {
      this.#onFailed(error);
    } finally {
      this.#running.delete(keyOf(span));
    }
    this.#onFinished();
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

  /** Ends all runs, and resolves when they have ended. */
  async stop(): Promise<void> {
    const running = [...this.#running.values()];
    for (const { stop } of running) stop.abort();
    await Promise.all(running.map(({ ended }) => ended));
  }
}

function keyOf({ first, epoch }: Span): string {
  return `${first}@${epoch}`;
}
