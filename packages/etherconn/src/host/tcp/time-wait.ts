import { versionOf } from './tuple-table.ts';

/** Rows of a wait: what is needed to know a stray, and to answer one. */
const ROW = {
  KEY: 0,
  SEND_NEXT: 10,
  RECEIVE_NEXT: 11,
  TIMESTAMP: 12,
  NEXT: 13,
  FLAGS: 14,
  OFFSET: 15,
  PREVIOUS: 16,
  WORDS: 17,
} as const;
const IS_V6 = 1;
const HAS_TIMESTAMPS = 2;
/** Milliseconds: twice the longest life of a segment, as with Linux. */
const WAIT = 60_000;
/** Milliseconds after which a timestamp is a newer one, whatever the other side's clock. */
const TELLABLE = 1000;
/** Most connections of a relay that wait; one more ends the wait of the oldest. */
const ROWS_MAX = 65_536;

/** Connections in TIME-WAIT (RFC 9293 §3.3.2), 76 bytes each, in the order in which their waits end. */
export class TimeWait {
  /** Number of rows. */
  size = 0;
  #words = new Int32Array(8 * ROW.WORDS);
  #ends = new Float64Array(8);
  #oldest = -1;
  #newest = -1;
  #free = -1;
  #used = 0;

  get isFull(): boolean {
    return this.size >= ROWS_MAX;
  }

  /** When the next wait ends, or Infinity. */
  get nextEnd(): number {
    return this.#oldest < 0 ? Infinity : this.#ends[this.#oldest];
  }

  add(
    tuple: Int32Array,
    sendNext: number,
    receiveNext: number,
    timestamp: number | null,
    timestampOffset: number,
    now: number,
  ): number {
    const row = this.#take();
    const at = row * ROW.WORDS;
    this.#words.set(tuple, at);
    this.#words[at + ROW.SEND_NEXT] = sendNext;
    this.#words[at + ROW.RECEIVE_NEXT] = receiveNext;
    this.#words[at + ROW.TIMESTAMP] = timestamp ?? 0;
    this.#words[at + ROW.OFFSET] = timestampOffset;
    this.#words[at + ROW.FLAGS] =
      (versionOf(tuple) === 6 ? IS_V6 : 0) | (timestamp === null ? 0 : HAS_TIMESTAMPS);
    this.#append(row, now);
    this.size++;
    return row;
  }

  /** The other side has sent its end again: the wait begins anew. */
  renew(row: number, now: number): void {
    this.#unlink(row);
    this.#append(row, now);
  }

  /** Ends the oldest wait; returns its tuple. */
  removeOldest(): Int32Array {
    const row = this.#oldest;
    const at = row * ROW.WORDS;
    const isV6 = (this.#words[at + ROW.FLAGS] & IS_V6) !== 0;
    const tuple = this.#words.slice(at, at + (isV6 ? 10 : 4));
    this.remove(row);
    return tuple;
  }

  remove(row: number): void {
    this.#unlink(row);
    this.#words[row * ROW.WORDS + ROW.NEXT] = this.#free;
    this.#free = row;
    this.size--;
  }

  sendNext(row: number): number {
    return this.#words[row * ROW.WORDS + ROW.SEND_NEXT];
  }

  receiveNext(row: number): number {
    return this.#words[row * ROW.WORDS + ROW.RECEIVE_NEXT];
  }

  /** Whether a new connection of the same ends can be told from this one by its timestamps (RFC 6191). */
  mayEndAt(row: number, now: number): boolean {
    return this.hasTimestamps(row) && now - (this.#ends[row] - WAIT) >= TELLABLE;
  }

  hasTimestamps(row: number): boolean {
    return (this.#words[row * ROW.WORDS + ROW.FLAGS] & HAS_TIMESTAMPS) !== 0;
  }

  timestamp(row: number): number {
    return this.#words[row * ROW.WORDS + ROW.TIMESTAMP];
  }

  timestampOffset(row: number): number {
    return this.#words[row * ROW.WORDS + ROW.OFFSET];
  }

  #append(row: number, now: number): void {
    this.#ends[row] = now + WAIT;
    this.#words[row * ROW.WORDS + ROW.NEXT] = -1;
    this.#words[row * ROW.WORDS + ROW.PREVIOUS] = this.#newest;
    if (this.#newest < 0) this.#oldest = row;
    else this.#words[this.#newest * ROW.WORDS + ROW.NEXT] = row;
    this.#newest = row;
  }

  #unlink(row: number): void {
    const next = this.#words[row * ROW.WORDS + ROW.NEXT];
    const previous = this.#words[row * ROW.WORDS + ROW.PREVIOUS];
    if (previous < 0) this.#oldest = next;
    else this.#words[previous * ROW.WORDS + ROW.NEXT] = next;
    if (next < 0) this.#newest = previous;
    else this.#words[next * ROW.WORDS + ROW.PREVIOUS] = previous;
  }

  #take(): number {
    if (this.#free >= 0) {
      const row = this.#free;
      this.#free = this.#words[row * ROW.WORDS + ROW.NEXT];
      return row;
    }
    if (this.#used === this.#ends.length) {
      const words = new Int32Array(2 * this.#words.length);
      words.set(this.#words);
      this.#words = words;
      const ends = new Float64Array(2 * this.#ends.length);
      ends.set(this.#ends);
      this.#ends = ends;
    }
    return this.#used++;
  }
}
