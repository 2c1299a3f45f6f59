import { clearTimeout, setTimeout } from '../../real-time.ts';

/** Milliseconds between two tellings at least: whoever sends too much for long is told often enough. */
const INTERVAL = 1000;

/** Gathers what the kernel has refused for good, and tells it from the event loop: the first at once, then by seconds. */
export class Refusals {
  readonly #tell: (errno: number, frames: number) => void;
  #errno = 0;
  #frames = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (errno: number, frames: number) => void) {
    this.#tell = tell;
  }

  /** A frame was refused with this negative errno. */
  add(errno: number): void {
    this.#errno = errno;
    this.#frames++;
    if (this.#timer === undefined) this.#arm(0);
  }

  /** Nothing is told any more. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(delay: number): void {
    this.#timer = setTimeout(() => this.#expired(), delay);
    if (delay > 0) this.#timer.unref();
  }

  #expired(): void {
    const frames = this.#frames;
    this.#frames = 0;
    this.#timer = undefined;
    if (frames === 0) return;
    this.#arm(INTERVAL);
    this.#tell(this.#errno, frames);
  }
}
