import { constants } from 'node:os';

/** Ctrl-C and SIGTERM while a command runs: the first asks it to end, the second ends the process unless it must clean up. */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #endsAtSecond: boolean;
  #signal: NodeJS.Signals | undefined;

  constructor({ endsAtSecond = true }: { readonly endsAtSecond?: boolean } = {}) {
    this.#endsAtSecond = endsAtSecond;
    process.on('SIGINT', this.#onSignal).on('SIGTERM', this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit code, as a shell says it; undefined while nobody has interrupted. */
  get exitCode(): number | undefined {
    return this.#signal === undefined ? undefined : 128 + constants.signals[this.#signal];
  }

  /** Asks the command to end for another reason. */
  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  close(): void {
    process.off('SIGINT', this.#onSignal).off('SIGTERM', this.#onSignal);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#signal !== undefined) {
      // Who asks twice does not want to wait.
      if (this.#endsAtSecond) process.exit(128 + constants.signals[signal]);
      return;
    }
    this.#signal = signal;
    this.#controller.abort(new Error(`interrupted by ${signal}`));
  };
}
