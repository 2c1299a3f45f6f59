/** How much may be under way at once: RFC 5681, with the initial window of RFC 6928. */
export class Congestion {
  /** Congestion window, in bytes. */
  window = 0;
  /** Slow start ends here. */
  threshold: number = Infinity;
  #mss: number;
  /** Bytes acknowledged since the window last grew in congestion avoidance. */
  #counted = 0;

  constructor(mss: number) {
    this.#mss = mss;
    this.restart();
  }

  set mss(mss: number) {
    this.#mss = mss;
    this.window = Math.max(this.window, mss);
  }

  /** As at first, after an idle time (RFC 5681 §4.1). */
  restart(): void {
    const first = Math.min(10 * this.#mss, Math.max(2 * this.#mss, 14_600));
    this.window = this.window === 0 ? first : Math.min(this.window, first);
  }

  /** New data has been acknowledged, while the window was in full use. */
  acknowledged(bytes: number): void {
    if (this.window < this.threshold) {
      this.window += Math.min(bytes, this.threshold - this.window);
      return;
    }
    this.#counted += bytes;
    if (this.#counted < this.window) return;
    this.#counted -= this.window;
    this.window += this.#mss;
  }

  /** Loss has been noticed with `flight` bytes under way. */
  halve(flight: number): void {
    this.threshold = Math.max(flight / 2, 2 * this.#mss);
    this.window = this.threshold;
    this.#counted = 0;
  }

  /** A timeout: begins anew with one segment. It halves the threshold only if it is the first in a row. */
  collapse(flight: number, isFirst: boolean): void {
    if (isFirst) this.threshold = Math.max(flight / 2, 2 * this.#mss);
    this.window = this.#mss;
    this.#counted = 0;
  }
}
