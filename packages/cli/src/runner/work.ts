import type { Second } from '../metrics/delta.ts';
import type { ReplayResult } from '../metrics/replay-result.ts';
import type { FoundRate, NamedFlow, Tally } from '../metrics/result.ts';

/** The work of a command, between the opening of its engine and its result. */
export interface Work {
  /** Number of flows; 0 if it is not known before the run. */
  readonly flows: number;
  /** Clients of a fleet; absent without one. */
  readonly clients?: number;
  /** Notes on the figures, for their reader. */
  readonly notes: readonly string[];
  /** The comment of a frame for `--capture`, like 'client 7'. */
  comment?(u8: Uint8Array, offset: number, length: number): string | undefined;
  /** Runs and reports each second; resolves with the counts. */
  run(onSecond: (second: Second) => void, signal: AbortSignal): Promise<WorkOutcome>;
  close(): Promise<void>;
}

export interface WorkOutcome extends Tally {
  /** The result of a replay. */
  readonly replay?: ReplayResult;
  readonly flows: readonly NamedFlow[];
  readonly foundRate?: FoundRate;
  /** Whether the run has failed for reasons other than thresholds. */
  readonly failed?: boolean;
  /** Exit code if it has failed. Default: that of a missed threshold. */
  readonly failedWith?: number;
}

/** Milliseconds to wait for packets in flight at the end. */
export const DRAIN = 500;
