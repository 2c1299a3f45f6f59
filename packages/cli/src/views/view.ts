import type { RunSeries } from '../figures/series.ts';
import type { Delta, Second } from '../metrics/delta.ts';
import type { NamedFlow, RunInfo, RunResult } from '../metrics/result.ts';

/** A table about a run, such as the agents of a campaign. Columns of numbers are right-aligned and sort as numbers. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  /** Rows to highlight, by number. */
  readonly marked?: readonly number[];
  /** Whether it comes after the plots, because few readers need it. */
  readonly isDetail?: boolean;
}

/** What a view gets at the end. */
export interface RunOutcome {
  readonly result: RunResult;
  readonly total: Delta;
  /** The worst first. The list is created on access. */
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
  /** Releases what it holds, even if the run has failed. */
  close?(): void | Promise<void>;
}
