import type { Addon, NativeSocket } from '../../native/addon.ts';
import { during } from '../../native/system-error.ts';

/** A kernel timer (timerfd) that wakes the event loop after microseconds; those of Node wait for milliseconds. */
export class MicroTimer {
  readonly native: NativeSocket;
  readonly #addon: Addon;

  /** Throws a SystemError when the kernel gives none. */
  constructor(addon: Addon) {
    this.#addon = addon;
    this.native = during('opening a timer', () => addon.timerOpen());
  }

  /** It is not readable until then; with 0, not at all. */
  set(microseconds: number): void {
    during('setting a timer', () => this.#addon.timerSet(this.native, microseconds));
  }

  /** Harmless when repeated. */
  close(): void {
    this.#addon.socketClose(this.native);
  }
}
