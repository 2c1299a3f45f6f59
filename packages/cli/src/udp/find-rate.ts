import type { Delta } from '../metrics/delta.ts';
import type { FoundRate, Trial } from '../metrics/result.ts';

export interface FindRateOptions {
  /** Packets per second: where the search begins, and the highest rate that it tries. */
  readonly from: number;
  readonly to: number;
  /** Relative precision at which the search ends. */
  readonly resolution: number;
  /** Tries a rate. */
  readonly attempt: (rate: number) => Promise<Trial>;
  readonly signal: AbortSignal;
}

/**
 * Finds the highest rate that passes. Doubles the rate from `from` until one fails, then halves the gap down to the
 * resolution. If the first rate fails, the search goes down from there.
 */
export async function findRate(options: FindRateOptions): Promise<FoundRate> {
  const { from, to, resolution, attempt, signal } = options;
  const trials: Trial[] = [];
  let passed = 0;
  let failed = Number.POSITIVE_INFINITY;
  let rate = Math.min(from, to);
  while (!signal.aborted) {
    const trial = await attempt(rate);
    if (signal.aborted) break;
    trials.push(trial);
    if (trial.passed) passed = rate;
    else failed = rate;
    const isOpen = failed === Number.POSITIVE_INFINITY;
    if (passed >= to || failed < 1 || (!isOpen && failed - passed <= resolution * failed)) break;
    rate = isOpen ? Math.min(2 * passed, to) : (passed + failed) / 2;
  }
  return { rate: passed === 0 ? null : passed, trials };
}

/** Share of the packets sent that have not arrived, 0 to 1. */
export function lossOf(delta: Delta): number {
  const sent = delta.get('sent');
  return sent === 0 ? 0 : Math.max(0, sent - delta.get('received')) / sent;
}
