import type { Delta } from '../metrics/delta.ts';
import type { FoundRate, Trial } from '../metrics/result.ts';

export interface FindRateOptions {
  /** Packets per second that the search begins with, and the most that it tries. */
  readonly from: number;
  readonly to: number;
  /** The search ends when the answer is known to this part. */
  readonly resolution: number;
  /** Tries a rate. */
  readonly attempt: (rate: number) => Promise<Trial>;
  readonly signal: AbortSignal;
}

/**
 * The highest rate that passes: doubled from `from` until one fails, then halved in between until it is known to the
 * resolution. When the first one fails, down from there.
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

/** Part of the packets sent that have not arrived, 0 to 1. */
export function lossOf(delta: Delta): number {
  const sent = delta.get('sent');
  return sent === 0 ? 0 : Math.max(0, sent - delta.get('received')) / sent;
}
