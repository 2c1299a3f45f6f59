import { createRequire } from 'node:module';
import { inflateSync } from 'node:zlib';
import type { Histogram, JsHistogram } from 'hdr-histogram-js';
import { bucketCount, bucketMiddle, bucketOf, HIGHEST, quantileOf } from './log-linear.ts';

/** 128 buckets to a doubling: a value is known to 0.8 %. */
const BITS = 7;

/** Loaded when a histogram leaves this process: with its WebAssembly it takes as much memory as all of ours. */
const hdrHistograms = (): typeof import('hdr-histogram-js') =>
  createRequire(import.meta.url)('hdr-histogram-js') as typeof import('hdr-histogram-js');

/** Latencies in microseconds. Merged by addition; crosses processes as an HDR histogram. */
export class LatencyHistogram {
  readonly counts: Float64Array = new Float64Array(bucketCount(BITS));
  count: number = 0;
  sum: number = 0;
  min: number = Number.POSITIVE_INFINITY;
  max: number = 0;

  /** `value` from 0; fractions are cut off. */
  record(value: number): void {
    this.counts[bucketOf(value < HIGHEST ? value | 0 : HIGHEST, BITS)]++;
    this.count++;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
  }

  merge(other: LatencyHistogram): void {
    if (other.count === 0) return;
    for (let i = 0; i < this.counts.length; i++) this.counts[i] += other.counts[i];
    this.count += other.count;
    this.sum += other.sum;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
  }

  clear(): void {
    this.counts.fill(0);
    this.count = 0;
    this.sum = 0;
    this.min = Number.POSITIVE_INFINITY;
    this.max = 0;
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** Microseconds that `quantile` (0 to 1) of the values are at or below. */
  quantile(quantile: number): number {
    if (this.count === 0) return 0;
    const value = quantileOf(this.counts, 0, BITS, this.count, quantile);
    return Math.min(Math.max(value, this.min), this.max);
  }

  toHdr(): Histogram {
    const hdr = hdrHistograms().build({
      lowestDiscernibleValue: 1,
      highestTrackableValue: 2 * HIGHEST,
      numberOfSignificantValueDigits: 3,
      bitBucketSize: 64,
    });
    for (let bucket = 0; bucket < this.counts.length; bucket++) {
      const count = this.counts[bucket];
      if (count > 0) hdr.recordValueWithCount(bucketMiddle(bucket, BITS), count);
    }
    return hdr;
  }

  /** For other processes, and other tools that know HDR histograms. */
  toJSON(): LatencyHistogramJson {
    const { count, sum, max } = this;
    const min = count === 0 ? 0 : this.min;
    return { count, sum, min, max, hdr: hdrHistograms().encodeIntoCompressedBase64(this.toHdr()) };
  }

  /** Throws when it is not what {@link toJSON} writes: it may come from another machine. */
  static fromJSON(json: LatencyHistogramJson): LatencyHistogram {
    const histogram = new LatencyHistogram();
    if (json.count === 0) return histogram;
    checkHdr(json.hdr);
    const hdr = hdrHistograms().decodeFromCompressedBase64(json.hdr, 64) as JsHistogram;
    // Every bucket of ours has its middle in an HDR bucket of its own, since those are narrower.
    let total = 0;
    for (let bucket = 0; bucket < histogram.counts.length; bucket++) {
      const count = hdrCountAt(hdr, bucketMiddle(bucket, BITS));
      if (!(count >= 0)) throw new RangeError('a histogram with less than nothing');
      histogram.counts[bucket] = count;
      total += count;
    }
    const { count, sum, min, max } = json;
    const isMean = sum >= count * min * (1 - ROUNDING) && sum <= count * max * (1 + ROUNDING);
    if (total !== count || !(min >= 0) || !isMean)
      throw new RangeError('a histogram whose values are not those that it speaks of');
    histogram.count = json.count;
    histogram.sum = json.sum;
    histogram.min = json.min;
    histogram.max = json.max;
    return histogram;
  }
}

export interface LatencyHistogramJson {
  /** Values; their sum, least and greatest in microseconds. */
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  /** HDR histogram V2, compressed, in base64; values in microseconds. */
  readonly hdr: string;
}

/** How far a sum of many values may be rounded. */
const ROUNDING = 1e-6;
/** Bytes of a histogram with a count in each bucket of ours, each after a gap. */
const HDR_MAX = 65_536;
/** Where the precision is in an HDR histogram V2, and the lowest and highest values after it. */
const PRECISION_AT = 12;

/** A few bytes could ask for a histogram of gigabytes. */
function checkHdr(hdr: string): void {
  const bytes = inflateSync(Buffer.from(hdr, 'base64').subarray(8), { maxOutputLength: HDR_MAX });
  const precision = bytes.readInt32BE(PRECISION_AT);
  const lowest = bytes.readBigInt64BE(PRECISION_AT + 4);
  const highest = bytes.readBigInt64BE(PRECISION_AT + 12);
  if (precision !== 3 || lowest !== 1n || highest !== BigInt(2 * HIGHEST))
    throw new RangeError('an HDR histogram of another kind');
}

function hdrCountAt(hdr: JsHistogram, value: number): number {
  return hdr.getCountAtIndex(hdr.countsArrayIndex(value));
}
