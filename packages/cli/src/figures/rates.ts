import type { Second } from '../metrics/delta.ts';

/** What a second of a run says, in the units that views show. Milliseconds; null where nothing was measured. */
export interface SecondRates {
  readonly second: number;
  readonly sent: number;
  readonly sentBits: number;
  readonly received: number;
  readonly receivedBits: number;
  /** Packets in this second that are lost by what is known now; less than 0 when lost ones have come after all. */
  readonly lost: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

/** Rates per second of a span, whatever its length. */
export function ratesOf({ second, length, delta }: Second): SecondRates {
  const seconds = length / 1000;
  const rate = (counter: string): number => (seconds === 0 ? 0 : delta.get(counter) / seconds);
  const latency = delta.histograms.get('latency');
  const quantile = (part: number): number | null =>
    latency === undefined || latency.count === 0 ? null : latency.quantile(part) / 1000;
  return {
    second,
    sent: rate('sent'),
    sentBits: 8 * rate('sentBytes'),
    received: rate('received'),
    receivedBits: 8 * rate('receivedBytes'),
    lost: delta.get('expected') - delta.get('received'),
    duplicates: delta.get('duplicates'),
    reordered: delta.get('reordered'),
    p50: quantile(0.5),
    p90: quantile(0.9),
    p99: quantile(0.99),
    p999: quantile(0.999),
    max: latency === undefined || latency.count === 0 ? null : latency.max / 1000,
  };
}
