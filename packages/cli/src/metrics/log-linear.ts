/**
 * Counts of values in buckets whose width grows with the value: 2^bits to each doubling. So a histogram is a run of
 * integers in an array that may hold many of them, a record is one addition, and two are merged by adding.
 * Values are whole microseconds; what is higher than {@link HIGHEST} counts as that.
 */

/** log2 of the first value that has no bucket: 2^24 µs are 16.8 s. */
const OCTAVES = 24;
export const HIGHEST: number = 2 ** OCTAVES - 1;

/** Buckets of a histogram with 2^bits buckets to a doubling. */
export function bucketCount(bits: number): number {
  return (OCTAVES - bits + 1) << bits;
}

/** The bucket of a value from 0 to {@link HIGHEST}. */
export function bucketOf(value: number, bits: number): number {
  if (value < 1 << bits) return value;
  const shift = 31 - Math.clz32(value) - bits;
  return (shift << bits) + (value >>> shift);
}

/** The lowest value of a bucket. */
export function bucketFloor(bucket: number, bits: number): number {
  if (bucket < 1 << bits) return bucket;
  const shift = (bucket >> bits) - 1;
  return ((1 << bits) + (bucket & ((1 << bits) - 1))) * 2 ** shift;
}

/** The value that stands for a bucket: its middle. */
export function bucketMiddle(bucket: number, bits: number): number {
  return Math.floor((bucketFloor(bucket, bits) + bucketFloor(bucket + 1, bits) - 1) / 2);
}

/**
 * The value that `quantile` (0 to 1) of all values are at or below, by the buckets at `offset`; 0 when there are none.
 */
export function quantileOf(
  counts: ArrayLike<number>,
  offset: number,
  bits: number,
  total: number,
  quantile: number,
): number {
  if (total === 0) return 0;
  const rank = Math.max(1, Math.ceil(total * quantile - 1e-9));
  const buckets = bucketCount(bits);
  let seen = 0;
  for (let bucket = 0; bucket < buckets; bucket++) {
    seen += counts[offset + bucket];
    if (seen >= rank) return bucketMiddle(bucket, bits);
  }
  return HIGHEST;
}
