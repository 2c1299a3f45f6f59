/**
 * Whether two samples are of one distribution: the two-sided p-value of the Mann–Whitney U test, by the normal approximation
 * with correction for ties and continuity. Good for 8 values a side and more. `correlation`, from 0, is that of neighbours: values
 * that follow each other and are alike say less than as many that do not.
 */
export function mannWhitney(a: readonly number[], b: readonly number[], correlation = 0): number {
  const all = [...a.map((value) => ({ value, ofA: true })), ...b.map((value) => ({ value, ofA: false }))];
  all.sort((x, y) => x.value - y.value);
  let rankSum = 0;
  let ties = 0;
  for (let from = 0; from < all.length; ) {
    let to = from;
    while (to < all.length && all[to].value === all[from].value) to++;
    // Equal values share the mean of their ranks, which count from 1.
    const rank = (from + 1 + to) / 2;
    for (let i = from; i < to; i++) if (all[i].ofA) rankSum += rank;
    const count = to - from;
    ties += count ** 3 - count;
    from = to;
  }
  const n = all.length;
  const u = rankSum - (a.length * (a.length + 1)) / 2;
  const mean = (a.length * b.length) / 2;
  const variance =
    ((a.length * b.length) / 12) * (n + 1 - ties / (n * (n - 1))) * ((1 + correlation) / (1 - correlation));
  if (variance <= 0) return 1;
  const z = Math.max(0, Math.abs(u - mean) - 0.5) / Math.sqrt(variance);
  return Math.min(1, 2 * upperTail(z));
}

/** Part of the normal distribution above `z` (0 or more): Abramowitz and Stegun 7.1.26, exact to 1e-7. */
function upperTail(z: number): number {
  const x = z / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const series =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return (series * Math.exp(-x * x)) / 2;
}

/**
 * The p-values that remain when so many questions are asked at once (Holm): what is below a level after this is below it in
 * spite of the number of questions. NaN stays, and is no question.
 */
export function holm(values: readonly number[]): number[] {
  const order = values
    .flatMap((value, i) => (Number.isNaN(value) ? [] : i))
    .sort((i, j) => values[i] - values[j]);
  const adjusted = [...values];
  let least = 0;
  for (const [rank, i] of order.entries()) {
    least = Math.max(least, Math.min(1, values[i] * (order.length - rank)));
    adjusted[i] = least;
  }
  return adjusted;
}
