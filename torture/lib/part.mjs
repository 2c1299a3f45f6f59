import { Random } from './random.mjs';

/** Most failures that are told of a part; the rest is counted. */
const TOLD = 10;

/**
 * What a part of the torture is given, and gives back: it counts, checks, and says for how long it may go on. Nothing
 * that goes wrong ends it, unless it throws.
 */
export class Part {
  /** @type {Record<string, number | string>} */
  counts = {};
  /** @type {string[]} */
  failures = [];
  failed = 0;
  seed;
  random;
  engine;
  /** Said with each failure: where in the part it is. */
  place = () => '';
  #end;

  /** @param {{ seed: number, seconds: number, engine: string }} options */
  constructor({ seed, seconds, engine }) {
    this.seed = seed;
    this.seconds = seconds;
    this.random = new Random(seed);
    this.engine = engine;
    this.begin();
    // Whatever a user of the library would see as a crash.
    process.on('uncaughtException', (error) => this.fail(`uncaught: ${error.stack}`));
    process.on('unhandledRejection', (error) => this.fail(`unhandled rejection: ${error?.stack ?? error}`));
  }

  /** Its time begins now: all is prepared. */
  begin() {
    this.#end = performance.now() + 1000 * this.seconds;
  }

  /** Whether there is time left. */
  get goesOn() {
    return performance.now() < this.#end;
  }

  /**
   * @param {string} what
   * @param {number} [by]
   */
  count(what, by = 1) {
    this.counts[what] = Number(this.counts[what] ?? 0) + by;
  }

  /**
   * @param {string} text
   */
  fail(text) {
    this.failed++;
    if (this.failures.length < TOLD) this.failures.push(`${this.place()}${text}`);
  }

  /**
   * @param {boolean} condition
   * @param {string} text
   */
  check(condition, text) {
    this.count('checks');
    if (!condition) this.fail(text);
  }

  /**
   * @param {unknown} actual
   * @param {unknown} expected
   * @param {string} what
   */
  equal(actual, expected, what) {
    this.check(Object.is(actual, expected), `${what}: ${actual}, not ${expected}`);
  }

  /**
   * Waits for a condition; a failure when it does not come.
   * @param {string} what
   * @param {() => boolean} condition
   * @param {number} [milliseconds]
   */
  async eventually(what, condition, milliseconds = 10_000) {
    const end = performance.now() + milliseconds;
    while (!condition()) {
      if (performance.now() > end) {
        this.fail(`still not so after ${milliseconds / 1000} s: ${what}`);
        return false;
      }
      await sleep(5);
    }
    this.count('checks');
    return true;
  }
}

/** @param {number} milliseconds */
export function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Lets the event loop go round. */
export function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}
