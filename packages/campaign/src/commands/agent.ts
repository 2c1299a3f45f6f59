import {
  Command,
  type EngineName,
  epochOf,
  guarded,
  Interruption,
  LineOutput,
  namespacePath,
  Option,
  ScenarioError,
} from '@etherconn/cli/parts';
import { openPacketLink, systemClock } from 'etherconn/link';
import { Agent } from '../agent/agent.ts';
import { measureProcessorRate } from '../agent/processor-rate.ts';
import { ScenarioExecutor } from '../agent/scenario-executor.ts';
import { agentNameProblem } from '../hub/server-config.ts';
import { asName } from '../protocol/names.ts';
import {
  addConnectionOptions,
  type ConnectionOptions,
  connectAs,
  DEFAULT_URL,
  machineName,
} from './connection.ts';
import { agentFolder, stateFolder } from './folders.ts';

interface AgentCommandOptions extends ConnectionOptions {
  readonly name?: string;
  readonly engine: EngineName;
  readonly netns?: string;
  readonly state?: string;
  readonly verbose?: true;
  /** For tests. */
  readonly testClockOffset?: string;
  readonly testUnfenced?: true;
}

export function agentCommand(): Command {
  const command = new Command('agent')
    .description('run clients of campaigns on interfaces of this machine')
    .argument('<interface...>', 'interfaces of the clients')
    .option('--name <name>', 'name of this agent (default: this machine and its first interface)')
    .addOption(
      new Option('--engine <name>', 'how frames are sent and received; auto is AF_XDP where it works')
        .choices(['auto', 'xdp', 'packet', 'memory'])
        .default('auto'),
    )
    .option('--netns <name>', 'network namespace of the interfaces: a name, a process id or a path')
    .option('--state <folder>', 'where results are kept until they are counted')
    .option('--verbose', 'print where an error comes from')
    .addOption(new Option('--test-clock-offset <ms>').hideHelp())
    .addOption(new Option('--test-unfenced').hideHelp());
  return addConnectionOptions(command, `NATS server (default: ${DEFAULT_URL})`)
    .addHelpText(
      'after',
      `
Examples:
  etherconn agent eth0 --nats tls://hub:4222 --creds agent1.nk --name agent1
`,
    )
    .action(async (interfaces: string[], options: AgentCommandOptions) => {
      process.exitCode = await guarded(options.verbose === true, () => runAgent(interfaces, options));
    });
}

async function runAgent(interfaces: readonly string[], options: AgentCommandOptions): Promise<number> {
  const name = options.name ?? asName(`${machineName()}-${interfaces[0]}`);
  const problem = agentNameProblem(name);
  if (problem !== null) throw new ScenarioError('--name', problem);
  const output = new LineOutput(process.stderr);
  const log = (text: string): void => void output.line(`${new Date().toISOString()} ${name}: ${text}`);
  if (options.engine !== 'memory') for (const each of interfaces) tryInterface(each, options.netns);
  const executor = new ScenarioExecutor({
    interfaces,
    engine: options.engine,
    netns: options.netns,
    rate: await measureProcessorRate(),
  });
  const hub = await connectAs(name, options, true);
  // Before there is a server there is nothing to drain: a signal just ends the process.
  const interruption = new Interruption();
  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  const agent = new Agent({
    hub,
    clock: systemClock,
    epoch: epochOf(systemClock) + Number(options.testClockOffset ?? 0),
    name,
    executor,
    folder: agentFolder(stateFolder(options.state), name),
    log,
    unfenced: options.testUnfenced === true,
    onSuperseded: () => end(1),
  });
  agent.start();
  log(`waits for campaigns on ${interfaces.join(', ')}`);
  const stop = (): void => {
    log('drains');
    void agent.close().then(() => end(0));
  };
  interruption.signal.addEventListener('abort', stop);
  const code = await ended;
  await hub.close();
  await output.flush();
  interruption.close();
  return code;
}

/** Whoever starts an agent learns now, not with the first campaign, that its interface is not there or may not be used. */
function tryInterface(name: string, netns: string | undefined): void {
  const path = namespacePath('--netns', netns);
  openPacketLink(name, path === undefined ? {} : { netns: path }).close();
}
