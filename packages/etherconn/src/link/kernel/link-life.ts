import { systemError } from '../../native/system-error.ts';
import { setImmediate } from '../../real-time.ts';
import { rethrowLater } from '../../rethrow.ts';
import { checkStart } from '../check-link.ts';
import type { LinkReceiver } from '../link.ts';
import { doAll } from './do-all.ts';
import { ENODEV } from './errno.ts';
import { type InterfaceMonitor, InterfaceState } from './interface-monitor.ts';

/** What a link does at the turns of its life. */
export interface LifeSteps {
  /** Reception begins; the receiver is there. */
  start(receiver: LinkReceiver): void;
  /** The interface has been looked at, and is there. */
  seen?(): void;
  /** It has gone up or down, which the receiver is told of in a moment. */
  turned(up: boolean): void;
  /** Delivers all that the kernel has handed over: the interface is gone, and nobody wakes us for the rest. */
  drain(): void;
  /** Nothing is received or sent any more; memory stays. Each step is done whatever becomes of the others. */
  readonly stop: readonly (() => void)[];
  /** Everything is given back. */
  readonly release: readonly (() => void)[];
}

/** The life of a link to an interface of the kernel: what its receiver is told of the interface, and how it ends. */
export class LinkLife {
  receiver: LinkReceiver | undefined;
  up = true;
  /** Everything has been given back. */
  released = false;
  readonly #interfaceName: string;
  readonly #monitor: InterfaceMonitor;
  readonly #steps: LifeSteps;
  #inBatch = false;
  #closing: Promise<void> | undefined;
  #resolveClosing: (() => void) | undefined;

  constructor(interfaceName: string, monitor: InterfaceMonitor, steps: LifeSteps) {
    this.#interfaceName = interfaceName;
    this.#monitor = monitor;
    this.#steps = steps;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  start(receiver: LinkReceiver): void {
    checkStart(receiver, this.closed, this.receiver !== undefined);
    this.receiver = receiver;
    this.#steps.start(receiver);
    this.#monitor.start(() => this.check());
    // The interface may be down, or gone, since before there was somebody to tell.
    setImmediate(() => this.check());
  }

  /** From now to {@link batchEnds} frames are delivered: memory lives on, also when the link is closed meanwhile. */
  batchBegins(): void {
    this.#inBatch = true;
  }

  batchEnds(): void {
    this.#inBatch = false;
    if (this.closed) this.#release();
  }

  /**
   * Looks at the interface. The receiver is told of what is new in a later turn: this may be called from inside of a call
   * of the user's.
   */
  check(): void {
    if (this.closed) return;
    const lost = this.#monitor.lostCarrier();
    const state = this.#monitor.state();
    if (state === InterfaceState.GONE) {
      setImmediate(() => this.#fail());
      return;
    }
    this.#steps.seen?.();
    const up = state === InterfaceState.UP;
    if (up !== this.up) {
      this.up = up;
      this.#tellLater(up);
      this.#steps.turned(up);
    } else if (up && lost) {
      this.#tellLater(false);
      this.#tellLater(true);
    }
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = new Promise((resolve) => {
        this.#resolveClosing = resolve;
      });
      try {
        doAll(this.#steps.stop);
      } catch (error) {
        // None of them should; the caller of close gets its promise all the same.
        rethrowLater(error);
      }
      if (!this.#inBatch) this.#release();
    }
    return this.#closing;
  }

  #tellLater(up: boolean): void {
    if (this.receiver === undefined) return;
    setImmediate(() => {
      if (!this.closed) this.receiver!.state(up);
    });
  }

  /** The interface is gone: what it has delivered still counts, then the link closes itself and says so. */
  #fail(): void {
    if (this.closed) return;
    try {
      if (this.receiver !== undefined) this.#steps.drain();
    } finally {
      if (!this.closed) {
        void this.close();
        const what = `interface '${this.#interfaceName}' was deleted, or moved to another network namespace`;
        this.receiver?.error(systemError(-ENODEV, 'poll', what));
      }
    }
  }

  #release(): void {
    if (this.released) return;
    try {
      doAll(this.#steps.release);
    } catch {
      // Counters stay as they were read last; what could not be taken out of a map goes with the descriptors.
    } finally {
      this.released = true;
      this.#resolveClosing?.();
    }
  }
}
