import { constants } from 'node:os';
import { addonStatus } from 'etherconn';
import { requireNamespaces } from 'etherconn/testing';
import { ExitCode } from '../exit-code.ts';
import { Progress, summarize, table } from './report.ts';
import { kernelStage, memoryStage, type Stage } from './stage.ts';
import { runTraffic, type Tally } from './traffic.ts';
import { hasRights, runInUserNamespace, userNamespaceObstacle } from './user-namespace.ts';

export interface DemoOptions {
  machines: number;
  requests: number;
  relay?: 'packet' | 'memory';
  json?: boolean;
}

/** Runs the demo; returns the exit code. */
export async function demo(options: DemoOptions): Promise<number> {
  const obstacle = options.relay === 'memory' ? 'asked for' : kernelObstacle();
  if (obstacle === undefined && !hasRights()) return runInUserNamespace();
  if (obstacle !== undefined && options.relay === 'packet') {
    process.stderr.write(`etherconn demo: --relay packet cannot work here: ${obstacle}\n`);
    return ExitCode.ERROR;
  }
  if (obstacle !== undefined)
    process.stderr.write(`Over a memory network, without the kernel (${obstacle}).\n`);

  const total = options.machines * options.requests;
  const tally: Tally = {
    machines: options.machines,
    total,
    sent: 0,
    answered: 0,
    misdelivered: 0,
    repeated: 0,
    roundTrips: new Float64Array(total),
    elapsed: 0,
  };
  const interrupted = new AbortController();
  let interruption: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    interruption ??= signal;
    interrupted.abort(new Error(`interrupted by ${signal}`));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  let stage: Stage | undefined;
  let progress: Progress | undefined;
  try {
    stage = obstacle === undefined ? await kernelStage() : await memoryStage();
    process.stderr.write(
      `${options.machines} machines, ${options.requests} requests each, to ${stage.description}.\n`,
    );
    progress = new Progress(tally);
    await runTraffic(stage.relay, tally, options.requests, interrupted.signal);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    process.stderr.write(`\n${(error as Error).message}\n`);
  } finally {
    progress?.stop();
    await stage?.close();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
  const summary = summarize(obstacle === undefined ? 'packet' : 'memory', tally);
  process.stdout.write(`${options.json === true ? JSON.stringify(summary) : table(summary)}\n`);
  // As a shell says it of a program that a signal has ended.
  if (interruption !== undefined) return 128 + constants.signals[interruption];
  return summary.answered === total && summary.misdelivered === 0 ? ExitCode.OK : ExitCode.ERROR;
}

/** Why the demo cannot use the kernel here; undefined when it can. */
function kernelObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  const addon = addonStatus();
  if (!addon.available) return addon.reason;
  if (!hasRights()) {
    const reason = userNamespaceObstacle();
    return reason === undefined ? undefined : `not root, and user namespaces do not work here: ${reason}`;
  }
  const reason = requireNamespaces();
  return reason === false ? undefined : reason;
}
