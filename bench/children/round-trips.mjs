import { percentile } from '../lib/stats.mjs';
import { answer } from './timing.mjs';

const SAMPLES_MAX = 1 << 22;
/** Milliseconds without an answer after which all requests are sent anew. */
const PATIENCE = 100;

/** A client's round trips: N requests are always under way. Warms up for half of the time before it counts. */
export class RoundTrips {
  #outstanding;
  #ms;
  #send;
  #sentAt;
  #samples = new Float64Array(SAMPLES_MAX);
  #count = 0;
  #counting = false;
  #heard = 0;
  #countedFrom = 0;

  /**
   * @param {number} outstanding at most 256
   * @param {number} ms
   * @param {(slot: number) => void} send sends request number `slot`
   */
  constructor(outstanding, ms, send) {
    this.#outstanding = outstanding;
    this.#ms = ms;
    this.#send = send;
    this.#sentAt = new Float64Array(outstanding);
  }

  begin() {
    this.#startAll();
    const watch = setInterval(() => {
      if (performance.now() - this.#heard > PATIENCE) this.#startAll();
    }, PATIENCE);
    setTimeout(() => {
      this.#counting = true;
      this.#countedFrom = performance.now();
      setTimeout(() => {
        clearInterval(watch);
        this.#finish();
      }, this.#ms);
    }, this.#ms / 2);
  }

  /** The answer to request number `slot` has come; the next one goes. @param {number} slot */
  answered(slot) {
    const now = performance.now();
    this.#heard = now;
    if (this.#counting && this.#count < SAMPLES_MAX) this.#samples[this.#count++] = now - this.#sentAt[slot];
    this.#sentAt[slot] = now;
    this.#send(slot);
  }

  #startAll() {
    this.#heard = performance.now();
    for (let slot = 0; slot < this.#outstanding; slot++) {
      this.#sentAt[slot] = performance.now();
      this.#send(slot);
    }
  }

  #finish() {
    const elapsed = performance.now() - this.#countedFrom;
    const sorted = this.#samples.subarray(0, this.#count).sort();
    if (sorted.length === 0) throw new Error('no answers');
    const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) => percentile(sorted, share) * 1000);
    answer({ p50, p99, p999, perSecond: (this.#count / elapsed) * 1000 });
    process.exit(0);
  }
}
