/** Milliseconds. RFC 6298 wants a second at least; like Linux, one fifth will do where paths are quick. */
const RTO_MIN = 200;
const RTO_FIRST = 1000;
const RTO_MAX = 120_000;

/** The retransmission timeout: RFC 6298. Times are in milliseconds. */
export class Rto {
  /** Smoothed round-trip time, or -1 before the first sample. */
  smoothed = -1;
  #variation = 0;
  #base = RTO_FIRST;
  #backOffs = 0;

  /** The round trip of a segment that was sent once. */
  sample(time: number): void {
    if (this.smoothed < 0) {
      this.smoothed = time;
      this.#variation = time / 2;
    } else {
      this.#variation = 0.75 * this.#variation + 0.25 * Math.abs(this.smoothed - time);
      this.smoothed = 0.875 * this.smoothed + 0.125 * time;
    }
    this.#base = this.smoothed + Math.max(1, 4 * this.#variation);
    this.#backOffs = 0;
  }

  /** A timeout has passed: the next one is twice as long. */
  backOff(): void {
    this.#backOffs++;
  }

  /** The other side has been heard of. */
  forgetBackOff(): void {
    this.#backOffs = 0;
  }

  get timeout(): number {
    return Math.min(RTO_MAX, Math.max(RTO_MIN, this.#base) * 2 ** this.#backOffs);
  }
}
