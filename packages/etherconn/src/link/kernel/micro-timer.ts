import type { Addon, NativeSocket } from '../../native/addon.ts';
import { withAdvice } from '../../native/system-error.ts';

/** A kernel timer (timerfd) that wakes the event loop after microseconds; those of Node wait for milliseconds. */
export class MicroTimer {
  readonly fd: number;
  readonly #addon: Addon;
  readonly #native: NativeSocket;

  /** Throws a SystemError when the kernel gives none. */
  constructor(addon: Addon) {
    this.#addon = addon;
    this.#native = withAdvice(
      'opening a timer',
      () => undefined,
      () => addon.timerOpen(),
    );
    this.fd = addon.socketFd(this.#native);
  }

  /** The fd is not readable until then; with 0, not at all. */
  set(microseconds: number): void {
    this.#addon.timerSet(this.#native, microseconds);
  }

  /** Harmless when repeated. */
  close(): void {
    this.#addon.socketClose(this.#native);
  }
}
