/**
 * Parts of the command that other packages of the project build on: `@etherconn/campaign` runs the same scenarios by the
 * same runner, and shows them in the same views. Not for programs: it may change with any version.
 */
export { ExitCode } from './exit-code.ts';
export { LineOutput } from './line-output.ts';
export { Delta, type DeltaJson, type Second } from './metrics/delta.ts';
export { LatencyHistogram } from './metrics/latency-histogram.ts';
