/**
 * Parts of the command that other packages of the project build on: `@etherconn/campaign` runs the same scenarios by the
 * same runner, and shows them in the same views. Not for programs: it may change with any version.
 */
// The one copy of commander: errors of another are not known as such.
export { Command, Option } from 'commander';
export { addCommonOptions, type CommonOptions, parsed } from './commands/common-options.ts';
export { guarded } from './commands/failure.ts';
export { makeViews } from './commands/session.ts';
export { ExitCode } from './exit-code.ts';
export { RunSeries } from './figures/series.ts';
export { Interruption } from './interruption.ts';
export { LineOutput } from './line-output.ts';
export { Delta, type DeltaJson, type Second } from './metrics/delta.ts';
export { LatencyHistogram } from './metrics/latency-histogram.ts';
export {
  type NamedFlow,
  type PartResult,
  type PartTally,
  type RunInfo,
  type RunResult,
  resultOf,
  type Tally,
} from './metrics/result.ts';
export type { Threshold, Verdict } from './metrics/threshold.ts';
export { checkScenario } from './run/check.ts';
export { parseScenarioFile, type ScenarioFile } from './run/file.ts';
export { keyOffset } from './run/key-offset.ts';
export { type ClientFailure, type OpenOptions, openScenario } from './run/open.ts';
export type { PartPlan } from './run/part-plan.ts';
export {
  outlineOf,
  type PlanOptions,
  planOf,
  type ScenarioPlan,
  thresholdOf,
} from './run/plan.ts';
export {
  type Engine,
  type EngineName,
  type EngineOptions,
  namespacePath,
  openEngine,
} from './runner/engine.ts';
export { epochOf } from './runner/wall-clock.ts';
export type { Work, WorkOutcome } from './runner/work.ts';
export { parseDuration } from './scenario/quantity.ts';
export type * from './scenario/scenario.ts';
export { ScenarioError, ScenarioErrors } from './scenario/scenario-error.ts';
export { scenarioJsonSchema, scenarioSchema } from './scenario/schema.ts';
export { SeededRandom } from './seeded-random.ts';
export { reportView } from './views/report/report.ts';
export { type MoreLines, type TextStream, terminalView } from './views/terminal.ts';
export type { RunOutcome, Table, View } from './views/view.ts';
