import { existsSync, mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import {
  addCommonOptions,
  Command,
  type CommonOptions,
  checkScenario,
  Delta,
  ExitCode,
  epochOf,
  guarded,
  Interruption,
  LineOutput,
  makeViews,
  type RunOutcome,
  reportView,
  type Scenario,
  ScenarioError,
  terminalView,
  type View,
} from '@etherconn/cli/parts';
import { systemClock } from 'etherconn/link';
import { CampaignError } from '../coordinator/active-run.ts';
import { Coordinator, type CoordinatorOptions } from '../coordinator/coordinator.ts';
import type { Plan } from '../coordinator/plan.ts';
import type { Snapshot } from '../coordinator/snapshot.ts';
import { checkSnapshot } from '../coordinator/snapshot-schema.ts';
import { StateFile } from '../coordinator/state-file.ts';
import type { Hub } from '../hub/hub.ts';
import { EmbeddedServer, localServer } from '../hub/nats-server.ts';
import { agentNameProblem, COORDINATOR, makeKeys, serverConfig, WATCHER } from '../hub/server-config.ts';
import { readCampaign } from '../plan/campaign-file.ts';
import { infoOf, outcomeOf, Timeline } from '../plan/result.ts';
import { currentSchema, runSchema } from '../protocol/messages.ts';
import { bucketOf, CURRENT, Key, REGISTRY, Signal } from '../protocol/names.ts';
import { isOver, type RunRecord } from '../protocol/records.ts';
import { ResultMerger } from '../results/merger.ts';
import { brief, liveLines } from './brief.ts';
import { addConnectionOptions, type ConnectionOptions, connectAs, DEFAULT_URL } from './connection.ts';
import { coordinatorFolder, serverFolder, stateFolder } from './folders.ts';
import { LocalAgents, localNames } from './local-agents.ts';
import { isLive, WatchView } from './watch-view.ts';

type Connected = ConnectionOptions & { readonly state?: string; readonly verbose?: true };
type RunOptions = CommonOptions &
  ConnectionOptions & { readonly state?: string; readonly interfaces?: string };

export function campaignCommand(): Command {
  const command = new Command('campaign').description('run one scenario on many machines');
  const withConnection = (each: Command): Command =>
    addConnectionOptions(
      each,
      `NATS server (default: that of a campaign on this machine, or ${DEFAULT_URL})`,
    );
  const run = new Command('run')
    .description('coordinate a campaign to its end')
    .argument('<file>', 'the campaign, as YAML')
    .option('--interfaces <names>', 'without --nats: interfaces of this machine, with commas between')
    .option('--state <folder>', 'where what must survive is kept');
  addCommonOptions(run, ['auto', 'xdp', 'packet', 'memory'], { flows: false });
  addConnectionOptions(run, 'NATS server (default: one is started here, with an agent for each interface)');
  command.addCommand(
    run.action((file: string, options: RunOptions) => act(options, () => runCampaign(file, options))),
  );
  const resume = new Command('resume')
    .description('go on with a campaign whose coordinator has died')
    .argument('<id>', 'the campaign')
    .option('--state <folder>', 'where what must survive is kept');
  addCommonOptions(resume, ['auto'], { flows: false });
  command.addCommand(
    withConnection(resume).action((id: string, options: RunOptions) =>
      act(options, () => resumeCampaign(id, options)),
    ),
  );
  const plain = (name: string, description: string): Command =>
    withConnection(
      new Command(name).description(description).argument('[id]', 'the campaign; default: the current one'),
    )
      .option('--state <folder>', 'where a campaign on this machine keeps what must survive')
      .option('--json', 'print JSON')
      .option('--verbose', 'print where an error comes from');
  type PlainOptions = Connected & { readonly json?: true };
  command.addCommand(
    plain('status', 'say how far a campaign is').action((id: string | undefined, options: PlainOptions) =>
      act(options, () => status(id, options)),
    ),
  );
  command.addCommand(
    plain('watch', 'follow a campaign to its end').action((id: string | undefined, options: PlainOptions) =>
      act(options, () => watch(id, options)),
    ),
  );
  command.addCommand(
    plain('stop', 'end a campaign: agents drain, and what they have counted is the result').action(
      (id: string | undefined, options: PlainOptions) => act(options, () => stop(id, options)),
    ),
  );
  command.addCommand(
    new Command('report')
      .description('write the report of a campaign that was coordinated here')
      .argument('<id>', 'the campaign')
      .option('--state <folder>', 'where it was kept')
      .option('--report <file>', 'the report, one HTML file')
      .option('--json', 'print the result as JSON')
      .option('--verbose', 'print where an error comes from')
      .action((id: string, options: { state?: string; report?: string; json?: true; verbose?: true }) =>
        act(options, () => report(id, options)),
      ),
  );
  command.addCommand(
    new Command('keys')
      .description('make keys for a coordinator, watchers and agents, and the configuration of their server')
      .argument('<folder>', 'where they are written')
      .argument('<agents...>', 'names of the agents')
      .option('--listen <address>', 'where the server listens', '0.0.0.0:4222')
      .option('--store <folder>', 'where the server keeps its store', '/var/lib/nats/etherconn')
      .option('--tls-cert <file>', "the server's certificate")
      .option('--tls-key <file>', "the server's key")
      .option('--verbose', 'print where an error comes from')
      .action((folder: string, agents: string[], options: KeysOptions) =>
        act(options, () => keys(folder, agents, options)),
      ),
  );
  return command;
}

async function act(options: { readonly verbose?: true }, work: () => Promise<number>): Promise<void> {
  process.exitCode = await guarded(options.verbose === true, work);
}

/** The server of the options; without one, that of a campaign that runs on this machine. */
function connectHere(name: string, options: Connected): Promise<Hub> {
  const own =
    options.nats === undefined ? localServer(serverFolder(stateFolder(options.state)), name) : undefined;
  return connectAs(name, { ...options, ...own });
}

const say = (text: string): void => void process.stderr.write(`etherconn: ${text}\n`);

async function runCampaign(file: string, options: RunOptions): Promise<number> {
  const { plan: read, scenario, interfaces: named } = readCampaign(file);
  const thresholds = [...read.thresholds, ...options.failIf.map(({ text }) => text)];
  const state = stateFolder(options.state);
  if (options.nats !== undefined) {
    const hub = await connectAs(COORDINATOR, options);
    return coordinate(hub, { ...read, thresholds }, scenario, state, options, null);
  }
  const interfaces = options.interfaces?.split(',') ?? named;
  if (interfaces.length === 0) {
    throw new CampaignError(
      'there are no agents: give --interfaces eth0,eth1 for agents on this machine, or --nats URL for those that wait at a server',
    );
  }
  if (localServer(serverFolder(state), COORDINATOR) !== undefined)
    throw new CampaignError(
      `a campaign is under way in ${state}; wait for its end, or name another folder with --state`,
    );
  const names = localNames(interfaces);
  const again = interfaces.find((_, i) => names.indexOf(names[i]) < i);
  if (again !== undefined)
    throw new ScenarioError('--interfaces', `each must be given once, and '${again}' is there twice`);
  const server = await EmbeddedServer.start(serverFolder(state), names);
  try {
    const agents = new LocalAgents({
      server,
      interfaces,
      engine: options.engine,
      netns: options.netns,
      state,
    });
    try {
      const hub = await connectAs(COORDINATOR, { nats: server.url, creds: server.creds[COORDINATOR] });
      const plan = { ...read, thresholds, agents: interfaces.length };
      return await coordinate(hub, plan, scenario, state, options, null);
    } finally {
      await agents.close();
    }
  } finally {
    await server.close();
  }
}

async function resumeCampaign(id: string, options: RunOptions): Promise<number> {
  const state = stateFolder(options.state);
  const { state: file, memory } = StateFile.open(coordinatorFolder(state), id);
  await file.close();
  if (memory.snapshot !== undefined)
    throw new CampaignError(`campaign ${id} is over; etherconn campaign report ${id} shows it`);
  const hub = await connectAs(COORDINATOR, options);
  return coordinate(hub, memory.plan, checkScenario(memory.plan.scenario), state, options, id);
}

async function coordinate(
  hub: Hub,
  plan: Plan,
  scenario: Scenario,
  state: string,
  options: RunOptions,
  resumed: string | null,
): Promise<number> {
  const { report: reportPath, ...rest } = options;
  // Below a live view there is room for what is logged; lines on standard error would tear it.
  let live: Snapshot | null = null;
  const held: string[] = [];
  const log = (text: string): void => void (live === null ? say(text) : held.push(text));
  const notices: string[] = [];
  const more = (): string[] => (live === null ? [] : [...notices, ...liveLines(live)]);
  const textView = terminalView(process.stdout, more);
  const views: View[] = await makeViews(rest, textView);
  const isDrawn = isLive(process.stdout) && options.json !== true;
  const timeline = new Timeline(plan.step);
  let fresh = new Delta();
  let begun = false;
  let seconds = 0;
  const coordinatorOptions: CoordinatorOptions = {
    hub,
    clock: systemClock,
    epoch: epochOf(systemClock),
    folder: coordinatorFolder(state),
    log,
    onResult: ({ message: { at }, delta }) => {
      timeline.add(at, delta);
      fresh.merge(delta);
    },
    onSnapshot: (snapshot, total) => {
      if (snapshot.startAt === null || snapshot.now < snapshot.startAt) return;
      if (isDrawn) live = snapshot;
      if (!begun) for (const view of views) void view.begin?.(infoOf(snapshot, scenario, plan.seed));
      begun = true;
      const second = { second: seconds++, length: 1000, delta: fresh };
      fresh = new Delta();
      for (const view of views) view.second?.(second, total);
    },
  };
  const interruption = new Interruption();
  try {
    const coordinator =
      resumed === null
        ? await Coordinator.begin(coordinatorOptions, plan)
        : await Coordinator.resume(coordinatorOptions, resumed);
    say(`campaign ${coordinator.run}`);
    const { signal } = interruption;
    const stop = (): void => {
      const { message } = signal.reason as Error;
      const notice = `${message}: agents drain; a second signal ends this at once`;
      notices.push(notice);
      log(notice);
      coordinator.stop(message);
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
    const outcome = await coordinator.coordinate();
    const told = outcomeOf(outcome, scenario, plan);
    if (!begun) for (const view of views) await view.begin?.(told.result);
    for (const view of views) await view.end?.(told);
    if (reportPath !== undefined) await writeReport(reportPath, told, timeline);
    const code = exitCodeOf(outcome.snapshot, told);
    return interruption.exitCode ?? code;
  } finally {
    for (const view of views) await view.close?.();
    live = null;
    for (const text of held) say(text);
    await hub.close();
    interruption.close();
  }
}

async function writeReport(path: string, outcome: RunOutcome, timeline: Timeline): Promise<void> {
  await reportView(path).end?.({ ...outcome, series: timeline.series });
}

function exitCodeOf({ phase, reason }: Snapshot, { result }: RunOutcome): number {
  if (phase === 'aborted') {
    say(reason ?? 'aborted');
    return ExitCode.ERROR;
  }
  return result.passed ? ExitCode.OK : ExitCode.THRESHOLD;
}

/** The current campaign, which must be the one that is asked for. */
async function currentOf(hub: Hub, id: string | undefined): Promise<RunRecord> {
  const current = currentSchema.safeParse((await hub.get(REGISTRY, CURRENT))?.value).data;
  if (current === undefined || (id !== undefined && current.run !== id))
    throw new CampaignError(
      `${id === undefined ? 'no campaign' : `campaign ${id}`} is not at this server${current === undefined ? '' : `, but ${current.run}`}`,
    );
  const entry = await hub.get(bucketOf(current.generation), Key.RUN);
  return runSchema.parse(entry?.value);
}

async function status(
  id: string | undefined,
  options: Connected & { readonly json?: true },
): Promise<number> {
  const hub = await connectHere(WATCHER, options);
  try {
    const run = await currentOf(hub, id);
    const entry = await hub.get(bucketOf(run.generation), Key.STATUS);
    const snapshot = entry == null ? null : checkSnapshot(entry.value);
    if (options.json === true) process.stdout.write(`${JSON.stringify({ run, snapshot })}\n`);
    else if (snapshot === null) process.stdout.write(`${run.run} ${run.name}: ${run.phase}\n`);
    else process.stdout.write(`${brief({ ...snapshot, phase: run.phase }).join('\n')}\n`);
    return ExitCode.OK;
  } finally {
    await hub.close();
  }
}

async function watch(id: string | undefined, options: Connected & { readonly json?: true }): Promise<number> {
  const hub = await connectHere(WATCHER, options);
  const output = new LineOutput(process.stdout);
  const interruption = new Interruption();
  let view: WatchView | undefined;
  try {
    const run = await currentOf(hub, id);
    if (isOver(run)) return await status(id, options);
    if (options.json !== true && isLive(process.stdout))
      view = new WatchView(process.stdout, checkScenario(run.scenario), run.seed);
    const show = (snapshot: Snapshot): void => {
      if (view === undefined)
        void output.line(options.json === true ? JSON.stringify(snapshot) : brief(snapshot)[0]);
      else if (isOver(snapshot)) view.end(snapshot);
      else view.show(snapshot);
    };
    await new Promise<void>((resolve, reject) => {
      hub.on(Signal.STATUS, (value) => {
        try {
          const snapshot = checkSnapshot(value);
          if (snapshot.run !== run.run) return;
          show(snapshot);
          if (isOver(snapshot)) resolve();
        } catch (error) {
          reject(error);
        }
      });
      interruption.signal.addEventListener('abort', () => resolve());
      if (interruption.signal.aborted) resolve();
    });
    await output.flush();
    return interruption.exitCode ?? ExitCode.OK;
  } finally {
    view?.close();
    await hub.close();
    interruption.close();
  }
}

/** Works without the coordinator, too: agents look at the record. */
async function stop(id: string | undefined, options: Connected): Promise<number> {
  const hub = await connectHere(COORDINATOR, options);
  try {
    const run = await currentOf(hub, id);
    if (isOver(run)) throw new CampaignError(`campaign ${run.run} is over`);
    const entry = await hub.get(bucketOf(run.generation), Key.RUN);
    const phase = run.startAt === null ? 'aborted' : 'stopping';
    await hub.put(bucketOf(run.generation), Key.RUN, { ...run, phase, reason: 'stopped' }, entry!.revision);
    say(`campaign ${run.run} stops`);
    return ExitCode.OK;
  } finally {
    await hub.close();
  }
}

async function report(
  id: string,
  options: { readonly state?: string; readonly report?: string; readonly json?: true },
): Promise<number> {
  const { state, memory } = StateFile.open(coordinatorFolder(stateFolder(options.state)), id);
  await state.close();
  const { plan, snapshot, results } = memory;
  const failures = [...memory.failures, ...results.flatMap((each) => each.failures)];
  if (snapshot === undefined)
    throw new CampaignError(`campaign ${id} is not over; etherconn campaign watch ${id} shows it`);
  const outcome = outcomeOf({ snapshot, failures }, checkScenario(plan.scenario), plan);
  const timeline = new Timeline(plan.step);
  const merger = new ResultMerger();
  for (const result of results)
    for (const { message, delta } of merger.add(result)) timeline.add(message.at, delta);
  if (options.json === true) process.stdout.write(`${JSON.stringify(outcome.result)}\n`);
  const path = options.report ?? (options.json === true ? undefined : `${id}.html`);
  if (path !== undefined) await writeReport(path, outcome, timeline);
  if (path !== undefined) say(`wrote ${path}`);
  return ExitCode.OK;
}

interface KeysOptions {
  readonly listen: string;
  readonly store: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly verbose?: true;
}

async function keys(folder: string, agents: readonly string[], options: KeysOptions): Promise<number> {
  for (const [i, name] of agents.entries()) checkAgentName(name, agents.indexOf(name) < i);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const made = Object.fromEntries([COORDINATOR, WATCHER, ...agents].map((name) => [name, makeKeys()]));
  for (const [name, { seed }] of Object.entries(made)) {
    const path = `${folder}/${name}.nk`;
    if (existsSync(path)) throw new CampaignError(`${path} is there already: keys are not written over`);
    await writeFile(path, `${seed}\n`, { mode: 0o600 });
  }
  const { tlsCert, tlsKey } = options;
  const config = serverConfig({
    listen: options.listen,
    storeFolder: options.store,
    coordinator: made[COORDINATOR].publicKey,
    watcher: made[WATCHER].publicKey,
    agents: Object.fromEntries(agents.map((name) => [name, made[name].publicKey])),
    tls: tlsCert === undefined || tlsKey === undefined ? undefined : { cert: tlsCert, key: tlsKey },
  });
  await writeFile(`${folder}/nats.conf`, config);
  say(`wrote ${folder}/nats.conf and ${agents.length + 2} keys`);
  return ExitCode.OK;
}

function checkAgentName(name: string, isAgain: boolean): void {
  const problem =
    agentNameProblem(name) ?? (isAgain ? `must be given once, and '${name}' is there twice` : null);
  if (problem !== null) throw new ScenarioError('agents', problem);
}
