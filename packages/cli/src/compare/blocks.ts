/** Seconds that follow each other are alike, so they are no independent values: means of blocks of them nearly are. */

/** Lengths of blocks that are tried, in seconds. */
const LENGTHS = [1, 2, 3, 5, 8, 12, 20, 30, 60];
/** Blocks of which the next one says that little are taken as independent: correlation of neighbours. */
const CORRELATION_MAX = 0.3;
/** Blocks that are needed. */
export const BLOCKS_MIN = 8;

/**
 * The means of blocks of two series, as short as leaves neighbours uncorrelated in both; null when the series are too short
 * for that.
 */
export function blocksOf(
  a: readonly number[],
  b: readonly number[],
): {
  readonly length: number;
  readonly a: number[];
  readonly b: number[];
  readonly correlation: number;
} | null {
  for (const length of LENGTHS) {
    const [blocksA, blocksB] = [means(a, length), means(b, length)];
    if (blocksA.length < BLOCKS_MIN || blocksB.length < BLOCKS_MIN) return null;
    // Of few values the correlation comes out too low by about 1/n.
    const left = Math.max(0, ...[blocksA, blocksB].map((blocks) => correlation(blocks) + 1 / blocks.length));
    if (left <= CORRELATION_MAX) return { length, a: blocksA, b: blocksB, correlation: left };
  }
  return null;
}

function means(values: readonly number[], length: number): number[] {
  return Array.from({ length: Math.floor(values.length / length) }, (_, i) => {
    const block = values.slice(i * length, (i + 1) * length);
    return block.reduce((sum, value) => sum + value, 0) / length;
  });
}

/** Of each value with the next one, -1 to 1; 0 when all are the same. */
function correlation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let [own, next] = [0, 0];
  for (const [i, value] of values.entries()) {
    own += (value - mean) ** 2;
    if (i > 0) next += (value - mean) * (values[i - 1] - mean);
  }
  return own === 0 ? 0 : next / own;
}
