/** Statistics of repeated measurements. */

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @typedef {{ median: number, min: number, max: number }} Spread
 * @param {readonly number[]} values
 * @returns {Spread}
 */
export function spread(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * The value below which `share` of a sorted list lies.
 * @param {ArrayLike<number>} sorted
 * @param {number} share 0 to 1
 */
export function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/**
 * Ratios of two cases, each formed within one repetition: what the machine did meanwhile, it did to both.
 * @param {readonly number[]} of
 * @param {readonly number[]} to
 */
export function pairedRatios(of, to) {
  return of.slice(0, Math.min(of.length, to.length)).map((value, i) => value / to[i]);
}
