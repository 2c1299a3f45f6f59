import { addonStatus, EtherconnError } from 'etherconn';
import { namespaceObstacle } from 'etherconn/testing';
import { ExitCode } from '../exit-code.ts';
import { Interruption } from '../interruption.ts';
import { Progress, summarize, table } from './report.ts';
import { kernelStage, memoryStage, type Stage } from './stage.ts';
import { runTraffic, type Tally } from './traffic.ts';
import { hasRights, runInUserNamespace, userNamespaceObstacle } from './user-namespace.ts';

export interface DemoOptions {
  machines: number;
  requests: number;
  relay?: 'xdp' | 'packet' | 'memory';
  json?: boolean;
}

/** Runs the demo; returns the exit code. */
export async function demo(options: DemoOptions): Promise<number> {
  const obstacle = options.relay === 'memory' ? 'asked for' : kernelObstacle();
  if (obstacle === undefined && !hasRights()) return runInUserNamespace();
  if (obstacle !== undefined && options.relay !== undefined && options.relay !== 'memory') {
    return refuse(options.relay, obstacle);
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
  // In a user namespace a signal of the terminal comes twice: from there, and from the process that waits for this one.
  const interruption = new Interruption({ endsAtSecond: false });
  try {
    const stage = await openStage(obstacle, options);
    if (stage === undefined) return ExitCode.ERROR;
    await play(stage, tally, options.requests, interruption.signal);
    const summary = summarize(stage.engine, tally);
    process.stdout.write(`${options.json === true ? JSON.stringify(summary) : table(summary)}\n`);
    // As a shell says it of a program that a signal has ended.
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    return summary.answered === total && summary.misdelivered === 0 ? ExitCode.OK : ExitCode.ERROR;
  } finally {
    interruption.close();
  }
}

/** The best stage there is, or the one asked for; undefined when that cannot be had, which has been said then. */
async function openStage(
  obstacle: string | undefined,
  { relay, machines }: DemoOptions,
): Promise<Stage | undefined> {
  if (obstacle !== undefined || relay === 'memory') return memoryStage();
  try {
    const stage = await kernelStage(relay ?? 'auto', machines);
    if (stage.fallback !== undefined) {
      process.stderr.write(`${stage.fallback}; using AF_PACKET.\n`);
    }
    return stage;
  } catch (error) {
    if (!(error instanceof EtherconnError)) throw error;
    refuse(relay ?? 'packet', error.message);
    return undefined;
  }
}

/** Runs the traffic until all is answered or `signal` is aborted, and takes the stage down. */
async function play(stage: Stage, tally: Tally, requests: number, signal: AbortSignal): Promise<void> {
  process.stderr.write(`${tally.machines} machines, ${requests} requests each, to ${stage.description}.\n`);
  const progress = new Progress(tally);
  try {
    await runTraffic(stage.relay, tally, requests, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    process.stderr.write(`\n${(error as Error).message}\n`);
  } finally {
    progress.stop();
    await stage.close();
  }
}

function refuse(relay: string, reason: string): number {
  process.stderr.write(`etherconn demo: --relay ${relay} cannot work here: ${reason}\n`);
  return ExitCode.ERROR;
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
  const reason = namespaceObstacle();
  return reason === false ? undefined : reason;
}
