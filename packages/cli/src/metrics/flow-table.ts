import { bucketCount, bucketOf, HIGHEST, quantileOf } from './log-linear.ts';

/** Latency of a flow is kept in 4 buckets to a doubling: known to 12 %. */
const BITS = 2;
const BUCKETS = bucketCount(BITS);

/** Sequence numbers behind the highest one of which it is known whether they have come; a power of two. */
const WINDOW = 256;

/** A flow's row: floats first, then integers, in one buffer. */
const Float = {
  /** Highest sequence number, from 0; never wraps. -1 before the first. */
  HIGHEST: 0,
  /** Packets that the sender says it has sent; 0 until it does. */
  ANNOUNCED: 1,
  /** Different packets. */
  RECEIVED: 2,
  BYTES: 3,
  /** Last transit time and smoothed jitter, microseconds. */
  TRANSIT: 4,
  JITTER: 5,
} as const;
const Word = {
  /** Whose row it is: with the floats, so that a packet looks at little memory. */
  RUN: 12,
  FLOW: 13,
  /** Greatest latency, microseconds. */
  MAX: 14,
  DUPLICATES: 15,
  REORDERED: 16,
  LATE: 17,
  WINDOW: 18,
  BUCKETS: 18 + WINDOW / 32,
} as const;
const WORDS = (Word.BUCKETS + BUCKETS + 1) & ~1;

/** Bytes of a flow. */
export const FLOW_BYTES: number = WORDS * 4;

/** Totals over all flows. */
export interface FlowTotals {
  /** Packets that must have been sent, by the highest sequence numbers and what senders announce. */
  expected: number;
  /** Different packets. */
  received: number;
  bytes: number;
  duplicates: number;
  /** Came behind a later one. */
  reordered: number;
  /** So far behind that it is not known whether they are duplicates; they stay lost. */
  late: number;
  /** Packets of flows for which there was no row left. */
  overLimit: number;
}

/** One flow, for people. */
export interface FlowSummary {
  readonly run: number;
  readonly flow: number;
  readonly expected: number;
  readonly received: number;
  readonly bytes: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly late: number;
  /** Milliseconds; null without latency. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
  readonly jitter: number | null;
}

/**
 * What has been received of each flow: loss, duplicates, reordering, latency, jitter (RFC 3550 §6.4.1). A flow is known
 * by its sender's run and its number. Rows are numbers in one array; nothing is allocated per packet. The array has room for as
 * many flows as there may be, of which the system provides memory when it is first written to.
 */
export class FlowTable {
  readonly totals: FlowTotals = {
    expected: 0,
    received: 0,
    bytes: 0,
    duplicates: 0,
    reordered: 0,
    late: 0,
    overLimit: 0,
  };
  readonly #limit: number;
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  #count = 0;
  /** Open addressing: row + 1, keyed by run and flow. */
  #slots = new Int32Array(256);
  #lastRow = -1;
  #lastRun = -1;
  #lastFlow = -1;

  /** @param limit flows at most */
  constructor(limit = 65_536) {
    this.#limit = limit;
    this.#words = new Int32Array(limit * WORDS);
    this.#floats = new Float64Array(this.#words.buffer);
  }

  /** Flows. */
  get size(): number {
    return this.#count;
  }

  /**
   * A packet has come. `sequence` is modulo 2^32; `latency` in microseconds. Returns whether it is a packet that had not
   * come before.
   */
  packet(run: number, flow: number, sequence: number, bytes: number, latency: number): boolean {
    const row = this.row(run, flow);
    if (row < 0) {
      this.totals.overLimit++;
      return false;
    }
    const { totals } = this;
    const floats = this.#floats;
    const words = this.#words;
    const f = (row * WORDS) >> 1;
    const w = row * WORDS;
    const highest = floats[f + Float.HIGHEST];
    // The nearest number that is the same modulo 2^32.
    const ahead = (sequence - highest) | 0;
    if (ahead > 0) {
      this.#advance(w + Word.WINDOW, highest, ahead);
      floats[f + Float.HIGHEST] = highest + ahead;
      this.#expect(highest + ahead + 1, Math.max(highest + 1, floats[f + Float.ANNOUNCED]));
    } else if (ahead <= -WINDOW || highest + ahead < 0) {
      words[w + Word.LATE]++;
      totals.late++;
      return false;
    } else {
      const at = (highest + ahead) & (WINDOW - 1);
      const word = w + Word.WINDOW + (at >> 5);
      const bit = 1 << (at & 31);
      if ((words[word] & bit) !== 0) {
        words[w + Word.DUPLICATES]++;
        totals.duplicates++;
        return false;
      }
      words[word] |= bit;
      words[w + Word.REORDERED]++;
      totals.reordered++;
    }
    floats[f + Float.BYTES] += bytes;
    totals.bytes += bytes;
    totals.received++;
    if (floats[f + Float.RECEIVED]++ > 0) {
      const difference = Math.abs(latency - floats[f + Float.TRANSIT]);
      floats[f + Float.JITTER] += (difference - floats[f + Float.JITTER]) / 16;
    }
    floats[f + Float.TRANSIT] = latency;
    const value = latency > 0 ? (latency < HIGHEST ? latency | 0 : HIGHEST) : 0;
    words[w + Word.BUCKETS + bucketOf(value, BITS)]++;
    if (value > words[w + Word.MAX]) words[w + Word.MAX] = value;
    return true;
  }

  /** The sender says how many packets of a flow it has sent. */
  announce(run: number, flow: number, sent: number): void {
    const row = this.row(run, flow);
    if (row < 0) return;
    const f = (row * WORDS) >> 1;
    const known = Math.max(this.#floats[f + Float.HIGHEST] + 1, this.#floats[f + Float.ANNOUNCED]);
    if (sent > known) {
      this.#floats[f + Float.ANNOUNCED] = sent;
      this.#expect(sent, known);
    }
  }

  /** Flows of a run of which anything has come, by number. */
  heard(run: number): Set<number> {
    const heard = new Set<number>();
    for (let row = 0; row < this.#count; row++) {
      const isOfRun = this.#words[row * WORDS + Word.RUN] === run;
      if (isOfRun && this.#floats[((row * WORDS) >> 1) + Float.RECEIVED] > 0)
        heard.add(this.#words[row * WORDS + Word.FLOW] >>> 0);
    }
    return heard;
  }

  /** Mean of the flows' jitter, in microseconds; NaN without flows. */
  jitter(): number {
    let sum = 0;
    for (let row = 0; row < this.#count; row++) sum += this.#floats[((row * WORDS) >> 1) + Float.JITTER];
    return sum / this.#count;
  }

  summary(row: number): FlowSummary {
    const f = (row * WORDS) >> 1;
    const w = row * WORDS;
    const floats = this.#floats;
    const words = this.#words;
    const expected = Math.max(floats[f + Float.HIGHEST] + 1, floats[f + Float.ANNOUNCED]);
    const received = floats[f + Float.RECEIVED];
    const max = words[w + Word.MAX];
    const quantile = (part: number): number | null =>
      received === 0 ? null : Math.min(quantileOf(words, w + Word.BUCKETS, BITS, received, part), max) / 1000;
    return {
      run: words[w + Word.RUN],
      flow: words[w + Word.FLOW] >>> 0,
      expected,
      received,
      bytes: floats[f + Float.BYTES],
      lost: expected - received,
      duplicates: words[w + Word.DUPLICATES],
      reordered: words[w + Word.REORDERED],
      late: words[w + Word.LATE],
      p50: quantile(0.5),
      p99: quantile(0.99),
      max: received === 0 ? null : max / 1000,
      jitter: received < 2 ? null : floats[f + Float.JITTER] / 1000,
    };
  }

  /** The row of a flow, made when it is new; -1 when there are as many as there may be. */
  row(run: number, flow: number): number {
    if (run === this.#lastRun && flow === this.#lastFlow) return this.#lastRow;
    const words = this.#words;
    const mask = this.#slots.length - 1;
    let slot = hash(run, flow) & mask;
    for (let entry = this.#slots[slot]; entry !== 0; entry = this.#slots[slot]) {
      const row = entry - 1;
      const w = row * WORDS;
      if (words[w + Word.FLOW] === (flow | 0) && words[w + Word.RUN] === run) {
        this.#lastRow = row;
        this.#lastRun = run;
        this.#lastFlow = flow;
        return row;
      }
      slot = (slot + 1) & mask;
    }
    if (this.#count === this.#limit) return -1;
    const row = this.#count++;
    words[row * WORDS + Word.RUN] = run;
    words[row * WORDS + Word.FLOW] = flow | 0;
    this.#floats[((row * WORDS) >> 1) + Float.HIGHEST] = -1;
    if (this.#count * 2 > mask) this.#rehash(2 * this.#slots.length);
    else this.#slots[slot] = row + 1;
    return row;
  }

  /** Forgets in the window what lies between the old highest number and the new one, and notes that one. */
  #advance(window: number, highest: number, ahead: number): void {
    const words = this.#words;
    if (ahead >= WINDOW) words.fill(0, window, window + WINDOW / 32);
    else {
      for (let i = 1; i < ahead; i++) {
        const at = (highest + i) & (WINDOW - 1);
        words[window + (at >> 5)] &= ~(1 << (at & 31));
      }
    }
    const at = (highest + ahead) & (WINDOW - 1);
    words[window + (at >> 5)] |= 1 << (at & 31);
  }

  #expect(expected: number, before: number): void {
    if (expected > before) this.totals.expected += expected - before;
  }

  #rehash(length: number): void {
    this.#slots = new Int32Array(length);
    const mask = length - 1;
    for (let row = 0; row < this.#count; row++) {
      const w = row * WORDS;
      let slot = hash(this.#words[w + Word.RUN], this.#words[w + Word.FLOW]) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = row + 1;
    }
  }
}

function hash(run: number, flow: number): number {
  const mixed = Math.imul(flow ^ Math.imul(run, 0x85ebca6b), 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}
