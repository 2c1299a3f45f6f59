import type { Second } from '../metrics/delta.ts';
import type { ReplayResult } from '../metrics/replay-result.ts';
import type { FoundRate, NamedFlow, Tally } from '../metrics/result.ts';

/** What a command does between the opening of its engine and its result. */
export interface Work {
  /** How many flows there are; 0 when that is not known before. */
  readonly flows: number;
  /** Clients of a fleet; not there when there is none. */
  readonly clients?: number;
  /** What the reader must know about the figures. */
  readonly notes: readonly string[];
  /** What a frame of the run is to its reader, for `--capture`: 'client 7'. */
  comment?(u8: Uint8Array, offset: number, length: number): string | undefined;
  /** Runs, telling each second; resolves with what was counted. */
  run(onSecond: (second: Second) => void, signal: AbortSignal): Promise<WorkOutcome>;
  close(): Promise<void>;
}

export interface WorkOutcome extends Tally {
  /** What became of a capture that was replayed. */
  readonly replay?: ReplayResult;
  readonly flows: readonly NamedFlow[];
  readonly foundRate?: FoundRate;
  /** Whether what was asked for was not found, apart from thresholds. */
  readonly failed?: boolean;
  /** Exit code when it has failed; default that of a missed threshold. */
  readonly failedWith?: number;
}

/** Milliseconds that packets under way are waited for at the end. */
export const DRAIN = 500;
