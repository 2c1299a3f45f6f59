import type { CaptureCounters } from '../capture/capture-run.ts';
import type { Threshold, Verdict } from '../metrics/threshold.ts';

/** What a capture was. */
export interface CaptureInfo {
  readonly interfaceName: string;
  readonly expression: string;
  readonly started: Date;
  readonly interrupted: boolean;
  /** Of -w: how many files, and bytes in all of them. */
  readonly files: { readonly files?: number; readonly written?: number };
}

/** The object of `--json`. */
export interface CaptureResult extends CaptureCounters {
  readonly command: 'capture';
  readonly interface: string;
  readonly expression: string;
  /** ISO 8601. */
  readonly started: string;
  /** Seconds. */
  readonly duration: number;
  readonly interrupted: boolean;
  /** Part of the selected frames that is missing, 0 to 1; null when there was none. */
  readonly loss: number | null;
  readonly files?: number;
  readonly written?: number;
  readonly thresholds: readonly Verdict[];
  readonly passed: boolean;
}

export function captureResult(
  info: CaptureInfo,
  counters: CaptureCounters,
  limits: readonly Threshold[],
): CaptureResult {
  const duration = (Date.now() - info.started.getTime()) / 1000;
  const selected = counters.frames + counters.dropped;
  const loss = selected === 0 ? null : (counters.dropped + counters.lost) / selected;
  const none = {
    duplicates: null,
    reordered: null,
    min: null,
    mean: null,
    max: null,
    jitter: null,
    sent: null,
  };
  const measured = { ...none, loss, received: counters.frames / duration, quantile: () => null };
  const thresholds = limits.map((limit) => limit.judge(measured));
  return {
    command: 'capture',
    interface: info.interfaceName,
    expression: info.expression,
    started: info.started.toISOString(),
    duration,
    interrupted: info.interrupted,
    ...counters,
    loss,
    ...info.files,
    thresholds,
    passed: thresholds.every(({ state }) => state === 'met'),
  };
}

/** A line of `--ndjson`: what was captured in a second. */
export function secondOf(before: CaptureCounters, now: CaptureCounters): object {
  return {
    type: 'second',
    frames: now.frames - before.frames,
    bits: 8 * (now.bytes - before.bytes),
    dropped: now.dropped - before.dropped,
    lost: now.lost - before.lost,
  };
}
