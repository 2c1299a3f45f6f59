import type { RunSeries } from '../figures/series.ts';
import type { Delta, Second } from '../metrics/delta.ts';
import type { NamedFlow, RunInfo, RunResult } from '../metrics/result.ts';

/** Something about a run that has rows: the agents of a campaign. Columns of numbers stand to the right, and sort as numbers. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  /** Rows that must be seen, by number. */
  readonly marked?: readonly number[];
  /** Whether it stands behind the plots: what few look for. */
  readonly isDetail?: boolean;
}

/** What a view is told at the end. */
export interface RunOutcome {
  readonly result: RunResult;
  readonly total: Delta;
  /** The worst first; a list that is made when it is asked for. */
  readonly flows: readonly NamedFlow[];
  /** Its seconds. */
  readonly series?: RunSeries;
  /** For reports. */
  readonly tables?: readonly Table[];
}

/** Shows a run. A view never changes it. */
export interface View {
  begin?(info: RunInfo): void | Promise<void>;
  second?(second: Second, total: Delta): void;
  end?(outcome: RunOutcome): void | Promise<void>;
  /** Gives back what it holds, also when the run has failed. */
  close?(): void | Promise<void>;
}
