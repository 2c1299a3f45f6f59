import type { Batch, Clock } from 'etherconn';
import type { Delta } from '../metrics/delta.ts';
import { LatencyHistogram } from '../metrics/latency-histogram.ts';
import type { Client } from '../runner/client.ts';
import { FCS } from './pace.ts';

/** Sent frames that are remembered, a power of two: what arrives behind that many others is not known any more. */
const MEMORY = 262_144;
const BUCKETS = MEMORY;
const NONE = -1;
/** Frames shorter than that are padded on the wire. */
const PADDED = 60;

const State = { SENT: 0, ARRIVED: 1 } as const;

/**
 * Which of the frames that were sent have arrived, in which order and how much later. A frame is known by its bytes; of
 * equal frames, the one that arrives first is the one that was sent first.
 */
export class Arrivals implements Client {
  /** Most frames by which one came behind a later one. */
  furthest = 0;
  readonly #clock: Clock;
  readonly #startAt: number;
  readonly #latency = new LatencyHistogram();
  /** Of each remembered frame: both halves of its hash, when it was due, what has become of it, the next of its bucket. */
  readonly #hashes = new Int32Array(2 * MEMORY);
  readonly #times = new Float64Array(MEMORY);
  readonly #states = new Uint8Array(MEMORY);
  readonly #next = new Int32Array(MEMORY);
  /** Of each bucket: its oldest frame, its newest, and the oldest that may not have arrived. */
  readonly #oldest = new Int32Array(BUCKETS).fill(NONE);
  readonly #newest = new Int32Array(BUCKETS).fill(NONE);
  readonly #waiting = new Int32Array(BUCKETS).fill(NONE);
  #sent = 0;
  #highest = NONE;
  #transit = Number.NaN;
  #jitter = 0;
  #counts = { received: 0, receivedBytes: 0, duplicates: 0, reordered: 0, foreign: 0, expected: 0 };

  /** @param startAt time 0 of the run, by the clock */
  constructor(clock: Clock, startAt: number) {
    this.#clock = clock;
    this.#startAt = startAt;
  }

  /** Smoothed jitter in microseconds (RFC 3550 §6.4.1); NaN with fewer than two frames. */
  get jitter(): number {
    return this.#sent < 2 ? Number.NaN : this.#jitter;
  }

  /** A frame has been sent, and was due at `time`. */
  sent(frame: Uint8Array, time: number): void {
    const index = this.#sent++;
    const slot = index & (MEMORY - 1);
    if (index >= MEMORY) this.#forget(slot);
    hash(frame, 0, frame.length);
    const bucket = hashLow & (BUCKETS - 1);
    this.#hashes[2 * slot] = hashLow;
    this.#hashes[2 * slot + 1] = hashHigh;
    this.#times[slot] = time;
    this.#states[slot] = State.SENT;
    this.#next[slot] = NONE;
    if (this.#oldest[bucket] === NONE) this.#oldest[bucket] = slot;
    else this.#next[this.#newest[bucket]] = slot;
    this.#newest[bucket] = slot;
    if (this.#waiting[bucket] === NONE) this.#waiting[bucket] = slot;
    this.#counts.expected++;
  }

  readonly onBatch: (batch: Batch) => void = (batch) => {
    const now = this.#clock.now() - this.#startAt;
    while (batch.next()) this.#arrived(batch.u8, batch.frameOffset, batch.frameLength, now);
  };

  start(): number {
    return Number.POSITIVE_INFINITY;
  }

  tick(): number {
    return Number.POSITIVE_INFINITY;
  }

  counters(into: Delta): void {
    for (const [name, amount] of Object.entries(this.#counts)) into.add(name, amount);
    this.#counts = { received: 0, receivedBytes: 0, duplicates: 0, reordered: 0, foreign: 0, expected: 0 };
    into.histogram('latency').merge(this.#latency);
    this.#latency.clear();
  }

  stop(): void {}

  #arrived(u8: Uint8Array, offset: number, length: number, now: number): void {
    hash(u8, offset, offset + length);
    const bucket = hashLow & (BUCKETS - 1);
    const slot = this.#find(bucket);
    if (slot === NONE) {
      if (this.#isKnown(bucket)) this.#counts.duplicates++;
      else this.#counts.foreign++;
      return;
    }
    this.#states[slot] = State.ARRIVED;
    this.#counts.received++;
    this.#counts.receivedBytes += length + FCS;
    const latency = Math.max(0, now - this.#times[slot]) * 1000;
    this.#latency.record(latency);
    if (!Number.isNaN(this.#transit)) this.#jitter += (Math.abs(latency - this.#transit) - this.#jitter) / 16;
    this.#transit = latency;
    // The number of the frame: the newest one with this slot.
    const last = this.#sent - 1;
    const index = last - ((last - slot) & (MEMORY - 1));
    if (index < this.#highest) {
      this.#counts.reordered++;
      this.furthest = Math.max(this.furthest, this.#highest - index);
    } else this.#highest = index;
  }

  /** The oldest frame with the hash that has not arrived. */
  #find(bucket: number): number {
    const states = this.#states;
    let slot = this.#waiting[bucket];
    while (slot !== NONE && states[slot] === State.ARRIVED) slot = this.#next[slot];
    this.#waiting[bucket] = slot;
    while (slot !== NONE && (states[slot] === State.ARRIVED || !this.#isHashed(slot)))
      slot = this.#next[slot];
    return slot;
  }

  #isKnown(bucket: number): boolean {
    for (let slot = this.#oldest[bucket]; slot !== NONE; slot = this.#next[slot])
      if (this.#isHashed(slot)) return true;
    return false;
  }

  #isHashed(slot: number): boolean {
    return this.#hashes[2 * slot] === hashLow && this.#hashes[2 * slot + 1] === hashHigh;
  }

  /** The oldest frame of all is the oldest one of its bucket. */
  #forget(slot: number): void {
    const bucket = this.#hashes[2 * slot] & (BUCKETS - 1);
    const next = this.#next[slot];
    this.#oldest[bucket] = next;
    if (next === NONE) this.#newest[bucket] = NONE;
    if (this.#waiting[bucket] === slot) this.#waiting[bucket] = next;
  }
}

/** The last hash, 64 bits of it: two multiplicative hashes over the words of a frame, as if it were padded with zeros. */
let hashLow = 0;
let hashHigh = 0;

function hash(u8: Uint8Array, start: number, end: number): void {
  let low = 0x811c9dc5 | 0;
  let high = 0x1b873593 | 0;
  const words = start + ((end - start) & ~3);
  let at = start;
  for (; at < words; at += 4) {
    const word = u8[at] | (u8[at + 1] << 8) | (u8[at + 2] << 16) | (u8[at + 3] << 24);
    low = Math.imul(low ^ word, 0x85ebca6b);
    low ^= low >>> 15;
    high = Math.imul(high ^ word, 0xc2b2ae35);
    high ^= high >>> 13;
  }
  const padded = Math.max(end, start + PADDED);
  for (; at < padded; at += 4) {
    let word = 0;
    for (let i = 0; i < 4; i++) if (at + i < end) word |= u8[at + i] << (8 * i);
    low = Math.imul(low ^ word, 0x85ebca6b);
    low ^= low >>> 15;
    high = Math.imul(high ^ word, 0xc2b2ae35);
    high ^= high >>> 13;
  }
  hashLow = low;
  hashHigh = high;
}
