import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { readI32 } from '../../wire/bytes.ts';
import type { FrameRecord } from '../../wire/record.ts';
import { RateLimit } from '../ip/rate-limit.ts';
import { sipHash } from './siphash.ts';

/** Resets per second and at once to the addresses of one bucket. */
const RATE = 200;
const BURST = 100;
const BUCKETS = 64;
const WORDS_MAX = 4;
const input = new Int32Array(WORDS_MAX);
const hash = new Int32Array(2);

/**
 * Limits resets by whom they go to. One limit for all would tell who counts his own how many others have been sent,
 * and so which ports another address is connected to.
 */
export class ResetLimit {
  readonly #clock: Clock;
  readonly #secret = Int32Array.from({ length: 4 }, () => randomBytes(4).readInt32LE());
  readonly #buckets: (RateLimit | null)[] = new Array(BUCKETS).fill(null);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a reset may go to the source of a packet. */
  take(u8: Uint8Array, { ipSource, ipVersion }: FrameRecord): boolean {
    input.fill(0);
    // Of IPv6 the network: who has one has all its addresses.
    const words = ipVersion === 4 ? 1 : 2;
    for (let i = 0; i < words; i++) input[i] = readI32(u8, ipSource + 4 * i);
    sipHash(this.#secret, input, WORDS_MAX, hash);
    const at = hash[0] & (BUCKETS - 1);
    this.#buckets[at] ??= new RateLimit(this.#clock, RATE, BURST);
    return this.#buckets[at].take();
  }
}
