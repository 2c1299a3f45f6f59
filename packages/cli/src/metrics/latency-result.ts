import type { LatencyHistogram } from './latency-histogram.ts';

/** Latencies in milliseconds. */
export interface LatencyResult {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** HDR histogram V2, compressed, in base64; values in microseconds. */
  readonly hdr: string;
}

/** Null when nothing was measured. */
export function latencyOf(histogram: LatencyHistogram | undefined): LatencyResult | null {
  if (histogram === undefined || histogram.count === 0) return null;
  const quantile = (part: number): number => histogram.quantile(part) / 1000;
  let hdr: string | undefined;
  return {
    count: histogram.count,
    min: histogram.min / 1000,
    mean: histogram.mean / 1000,
    p50: quantile(0.5),
    p90: quantile(0.9),
    p99: quantile(0.99),
    p999: quantile(0.999),
    max: histogram.max / 1000,
    // Made when it is asked for: who reads the figures on a terminal does not.
    get hdr() {
      hdr ??= histogram.toJSON().hdr;
      return hdr;
    },
  };
}
