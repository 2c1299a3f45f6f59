import { randomBytes } from 'node:crypto';
import { sipHash } from './siphash.ts';

/** Maximum segment sizes that a cookie can name; the greatest that is not over the peer's is used. */
const SIZES: readonly number[] = [216, 536, 1220, 1360, 1440, 1460, 8940, 65_495];
/** Milliseconds of a cookie's period; it is good in the one after, too. */
const PERIOD = 64_000;
const DATA_BITS = 0xffffff;
/** Words that are hashed: a tuple of at most ten, two more, and one that makes their number even. */
const input = new Int32Array(13);
const hash = new Int32Array(2);

/** Numbers that others cannot guess: initial sequence numbers (RFC 6528), and those that answer a SYN (RFC 4987 §3.6). */
export class SequenceSecrets {
  readonly #secret = Int32Array.from({ length: 4 }, () => randomBytes(4).readInt32LE());

  /** The first number of a connection that this host opens at `now`: its clock ticks every 4 µs. */
  initial(tuple: Int32Array, now: number): number {
    return (this.#hash(tuple, 0, 0) + Math.floor(now * 250)) | 0;
  }

  /** What a connection adds to the clock in its timestamps (RFC 7323 §7.1). */
  timestampOffset(tuple: Int32Array): number {
    return this.#hash(tuple, 0, 1);
  }

  /** The number that answers a SYN. It tells, and proves, when it comes back, what is needed to know of the SYN. */
  cookie(tuple: Int32Array, peerInitial: number, mss: number, now: number): number {
    const period = Math.floor(now / PERIOD);
    let size = 0;
    while (size + 1 < SIZES.length && SIZES[size + 1] <= mss) size++;
    const data = (this.#hash(tuple, period, 3) + size) & DATA_BITS;
    return (this.#hash(tuple, 0, 2) + peerInitial + (period << 24) + data) | 0;
  }

  /** The maximum segment size that a cookie tells, or 0 if the host has not sent it. */
  check(tuple: Int32Array, peerInitial: number, cookie: number, now: number): number {
    const rest = (cookie - this.#hash(tuple, 0, 2) - peerInitial) | 0;
    const current = Math.floor(now / PERIOD);
    const age = (current - (rest >>> 24)) & 0xff;
    if (age > 1) return 0;
    const size = (rest - this.#hash(tuple, current - age, 3)) & DATA_BITS;
    return SIZES[size] ?? 0;
  }

  #hash(tuple: Int32Array, count: number, purpose: number): number {
    const { length } = tuple;
    for (let i = 0; i < length; i++) input[i] = tuple[i];
    input[length] = count;
    input[length + 1] = purpose;
    input[length + 2] = 0;
    sipHash(this.#secret, input, (length + 3) & ~1, hash);
    return hash[0];
  }
}
