import { channel } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { cpus, release, type } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { captureTo } from 'etherconn';
import { ExitCode } from '../exit-code.ts';
import { RunSeries } from '../figures/series.ts';
import { Interruption } from '../interruption.ts';
import { LineOutput } from '../line-output.ts';
import { Delta } from '../metrics/delta.ts';
import { type RunInfo, type RunResult, resultOf } from '../metrics/result.ts';
import { type Engine, type EngineOptions, openEngine } from '../runner/engine.ts';
import type { Work } from '../runner/work.ts';
import { jsonView, ndjsonView } from '../views/json.ts';
import { junitView } from '../views/junit.ts';
import { checkWritable } from '../views/output-file.ts';
import { reportView } from '../views/report/report.ts';
import { terminalView } from '../views/terminal.ts';
import type { RunOutcome, View } from '../views/view.ts';
import type { CommonOptions } from './common-options.ts';
import { explainFailure } from './failure.ts';

/** For programs that watch runs in this process; what is published is theirs to read alone. */
const channels = {
  start: channel('etherconn:run:start'),
  second: channel('etherconn:run:second'),
  end: channel('etherconn:run:end'),
};

/**
 * One command on an interface from opening to exit code: signals, views, thresholds and errors are the same for all of
 * them. Returns the exit code.
 */
export async function runSession(
  command: string,
  common: CommonOptions,
  engineOptions: Omit<EngineOptions, 'engine' | 'netns' | 'seed'>,
  open: (engine: Engine, signal: AbortSignal) => Promise<Work>,
  textView: View = terminalView(process.stdout),
): Promise<number> {
  const interruption = new Interruption();
  // Without its interface a run has nothing to wait for. What it has is shown all the same.
  let failure: Error | undefined;
  const onFailure = (error: Error): void => {
    failure ??= error;
    interruption.abort(error);
  };
  const closing: (() => void | Promise<void>)[] = [];
  try {
    const { netns, seed } = common;
    if (common.capture !== undefined) await checkWritable('--capture', common.capture);
    const engine = await openEngine({ ...engineOptions, engine: common.engine, netns, seed });
    closing.unshift(() => engine.close());
    for (const relay of [engine.relay, engine.farRelay]) relay?.on('error', onFailure);
    let work: Work | undefined;
    const capture =
      common.capture === undefined
        ? undefined
        : captureTo(engine.relay, common.capture, {
            comment: (u8, offset, length) => work?.comment?.(u8, offset, length),
          });
    closing.unshift(async () => capture?.close());
    work = await open(engine, interruption.signal);
    const opened = work;
    closing.unshift(() => opened.close());
    const views = await makeViews(common, textView);
    for (const view of views) closing.unshift(() => view.close?.());
    const code = await watch(command, common, engine, work, views, interruption.signal);
    await capture?.close();
    // A file that is not whole must not be taken for one.
    failure ??= capture?.error ?? undefined;
    if (failure !== undefined) return explainFailure(failure, common.verbose === true);
    return interruption.exitCode ?? code;
  } catch (error) {
    const { exitCode, signal } = interruption;
    if (exitCode !== undefined && signal.aborted && error === signal.reason) return exitCode;
    return explainFailure(error, common.verbose === true);
  } finally {
    for (const close of closing) await close();
    interruption.close();
  }
}

/** Runs the work under the eyes of the views; returns the exit code. */
async function watch(
  command: string,
  common: CommonOptions,
  engine: Engine,
  work: Work,
  views: readonly View[],
  signal: AbortSignal,
): Promise<number> {
  const info = runInfo(command, common, engine, work);
  for (const view of views) await view.begin?.(info);
  channels.start.publish({ info });
  const total = new Delta();
  const series = new RunSeries();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const outcome = await work.run((second) => {
    total.merge(second.delta);
    series.add(second);
    channels.second.publish({ info, second, total });
    for (const view of views) view.second?.(second, total);
  }, signal);
  delay.disable();
  const late = (part: number): number => Math.max(0, delay.percentile(100 * part) / 1e6 - 1);
  const accuracy = `A packet is seen when the event loop looks: it came up to ${late(0.99).toFixed(2)} ms (p99) and ${Math.max(0, delay.max / 1e6 - 1).toFixed(2)} ms (max) late to its timers.`;
  const notes = outcome.receives ? [...info.notes, accuracy] : info.notes;
  const judged = resultOf({ ...info, notes }, outcome, common.failIf);
  const passed = judged.passed && outcome.failed !== true;
  const { foundRate, replay } = outcome;
  const result: RunResult = {
    ...judged,
    ...(foundRate === undefined ? {} : { foundRate }),
    ...(replay === undefined ? {} : { replay }),
    passed,
  };
  // Of all flows a list is made only for a view that asks for it.
  const end: RunOutcome = {
    result,
    total: outcome.total,
    series,
    get flows() {
      return outcome.flows;
    },
  };
  for (const view of views) await view.end?.(end);
  channels.end.publish({ info, result });
  if (passed) return ExitCode.OK;
  return judged.passed ? (outcome.failedWith ?? ExitCode.THRESHOLD) : ExitCode.THRESHOLD;
}

/** The views that the options ask for; `textView` where they ask for no JSON. */
export async function makeViews(common: CommonOptions, textView: View): Promise<View[]> {
  const views: View[] = [];
  const output = new LineOutput(process.stdout);
  const perFlow = common.perFlow === true;
  const say = (text: string): void => void process.stderr.write(`etherconn: ${text}\n`);
  // What may be refused begins first.
  if (common.report !== undefined) views.push(reportView(common.report));
  if (common.junit !== undefined) views.push(junitView(common.junit));
  if (common.metrics !== undefined) {
    const { host } = common.metrics;
    // Loaded when asked for: it is large, and brings a web server along.
    const { PrometheusView } = await import('../views/prometheus.ts');
    views.push(
      new PrometheusView(common.metrics, (port) => say(`metrics at http://${host}:${port}/metrics`)),
    );
  }
  if (common.json === true) views.push(jsonView(output, perFlow));
  else if (common.ndjson === true) views.push(ndjsonView(output, perFlow));
  else views.push(textView);
  return views;
}

function runInfo(command: string, common: CommonOptions, engine: Engine, work: Work): RunInfo {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const processors = cpus();
  return {
    command,
    commandLine: `etherconn ${process.argv.slice(2).map(quoted).join(' ')}`,
    version,
    engine: engine.description,
    interface: engine.relay.interfaceName(),
    started: new Date().toISOString(),
    seed: common.seed,
    flows: work.flows,
    ...(work.clients === undefined ? {} : { clients: work.clients }),
    environment: `Node.js ${process.version}, ${type()} ${release()} ${process.arch}, ${processors.length} × ${processors[0]?.model ?? 'unknown processor'}`,
    notes: [...engine.notes, ...work.notes],
  };
}

/** An argument as a shell takes it. */
function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
