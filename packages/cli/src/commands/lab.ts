import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { Command } from 'commander';
import type { Impairments } from 'etherconn/link';
import { ExitCode } from '../exit-code.ts';
import { Interruption } from '../interruption.ts';
import { type CableRequest, type LabPlan, parseCable, parseLabName, planCables } from '../lab/lab-plan.ts';
import { LineOutput } from '../line-output.ts';
import { parseBitRate, parseCount, parseDuration, parseRatio, parseSeed } from '../scenario/quantity.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { parsed, repeated } from './common-options.ts';
import { guarded } from './failure.ts';

const MTU_MIN = 68;
const MTU_MAX = 65_535 - 8;
const QUEUES_MAX = 64;

interface UpOptions {
  readonly link: readonly CableRequest[];
  readonly mtu: number;
  readonly queues: number;
  readonly ipv6?: true;
  readonly loss?: number;
  readonly delay?: number;
  readonly jitter?: number;
  readonly reorder?: number;
  readonly reorderDelay?: number;
  readonly duplicate?: number;
  readonly corrupt?: number;
  readonly rate?: number;
  readonly queueFrames?: number;
  readonly keepOrder?: true;
  readonly seed: number;
  readonly verbose?: true;
}

interface ShowOptions {
  readonly json?: true;
  readonly verbose?: true;
}

export function labCommand(): Command {
  const verbose = ['--verbose', 'print the stack of an error'] as const;
  return new Command('lab')
    .description('create networks of namespaces on this machine, with faults')
    .enablePositionalOptions()
    .addCommand(upCommand().option(...verbose))
    .addCommand(
      new Command('down')
        .description('remove a lab: its processes, namespaces, interfaces and state')
        .argument('[lab]', 'name of the lab', parsed(parseLabName), 'lab')
        .option('--all', 'remove all labs')
        .option(...verbose)
        .addHelpText('after', '\nExamples:\n  etherconn lab down\n  etherconn lab down --all\n')
        .action(async (name: string, options: ShowOptions & { readonly all?: true }) => {
          await act(options, async () => {
            const { bringDown } = await import('../lab/lab.ts');
            return bringDown(options.all === true ? undefined : name);
          });
        }),
    )
    .addCommand(
      new Command('list')
        .description('list the labs, and the counters of their wires')
        .option('--json', 'print one JSON object')
        .option(...verbose)
        .addHelpText('after', '\nExamples:\n  etherconn lab list\n  etherconn lab list --json\n')
        .action(async (options: ShowOptions) => {
          await act(options, async () => {
            const { listLabs } = await import('../lab/lab.ts');
            return listLabs(options.json === true);
          });
        }),
    )
    .addCommand(
      new Command('exec')
        .description('run a command in a namespace of a lab')
        .argument('<namespace>', "as 'lab list' shows it, like lab-a")
        .argument('<command...>', 'the command and its arguments; put -- before a command that has options')
        .passThroughOptions()
        .option(...verbose)
        .addHelpText('after', '\nExample:\n  etherconn lab exec lab-a -- ping -c 3 10.0.0.2\n')
        .action(async (namespace: string, words: string[], options: ShowOptions) => {
          process.exitCode = await guarded(options.verbose === true, () => execute(namespace, words));
        }),
    )
    .addCommand(
      new Command('shell')
        .description('start a shell in a namespace of a lab')
        .argument('<namespace>', "as 'lab list' shows it, like lab-a")
        .option(...verbose)
        .addHelpText('after', '\nExample:\n  etherconn lab shell lab-a\n')
        .action(async (namespace: string, options: ShowOptions) => {
          process.exitCode = await guarded(options.verbose === true, async () => {
            const shell = process.env.SHELL ?? 'sh';
            if (process.stdin.isTTY) process.stderr.write(`A shell in ${namespace}; 'exit' leaves it.\n`);
            return execute(namespace, [shell]);
          });
        }),
    )
    .addHelpText(
      'after',
      `
Examples:
  etherconn lab up --loss 1% --delay 20ms --jitter 5ms --rate 100mbit
  etherconn lab exec lab-a -- ping -c 3 10.0.0.2
  etherconn lab down
`,
    );
}

function upCommand(): Command {
  return new Command('up')
    .description('create a lab; without --link, two namespaces joined by one cable')
    .argument(
      '[lab]',
      'name of the lab; the names of its namespaces begin with it',
      parsed(parseLabName),
      'lab',
    )
    .addOption(
      repeated('--link <nodes>', 'a cable: a,b or a=10.0.0.1/24,b=10.0.0.2/24+fd00::2/64', parseCable, 'a,b'),
    )
    .option('--mtu <bytes>', 'MTU of the interfaces', parsed(range(MTU_MIN, MTU_MAX)), 1500)
    .option('--queues <n>', 'receive and transmit queues of each interface', parsed(range(1, QUEUES_MAX)), 1)
    .option('--ipv6', 'also give each cable IPv6 addresses')
    .option('--loss <percent>', 'frames that are lost, each way', parsed(parseRatio))
    .option('--delay <time>', 'how long frames take, each way', parsed(parseDuration))
    .option(
      '--jitter <time>',
      'uniform random variation of the delay, up to this much more or less',
      parsed(parseDuration),
    )
    .option('--keep-order', 'keep the order of frames despite the jitter')
    .option('--reorder <percent>', 'frames that arrive after later ones', parsed(parseRatio))
    .option('--reorder-delay <time>', 'how much later they arrive (default: 1ms)', parsed(parseDuration))
    .option('--duplicate <percent>', 'frames that arrive twice', parsed(parseRatio))
    .option('--corrupt <percent>', 'frames with one wrong bit', parsed(parseRatio))
    .option('--rate <bits>', 'bits per second, like 100mbit', parsed(parseBitRate))
    .option(
      '--queue-frames <n>',
      'most frames that wait because of --rate (default: 1000)',
      parsed(range(1, 1 << 20)),
    )
    .option('--seed <n>', 'seed of the random choices', parsed(parseSeed), 1)
    .addHelpText(
      'after',
      `
Examples:
  etherconn lab up
  etherconn lab up --loss 1% --delay 20ms --jitter 5ms --rate 100mbit
  etherconn lab up three --link a,b --link b,c --mtu 9000 --queues 2 --ipv6
`,
    )
    .action(async (name: string, options: UpOptions) => {
      await act(options, async (signal) => {
        const plan = planOf(name, options);
        const { bringUp } = await import('../lab/lab.ts');
        return bringUp(plan, signal);
      });
    });
}

function planOf(name: string, options: UpOptions): LabPlan {
  const { link, mtu, queues, ipv6 = false, seed } = options;
  const requests = link.length === 0 ? [parseCable('--link', 'a,b')] : link;
  const impair = faultsOf(options);
  if (ipv6 && mtu < 1280) throw new ScenarioError('--mtu', 'must be at least 1280 for --ipv6');
  return {
    name,
    cables: planCables(name, requests, ipv6),
    mtu,
    queues,
    ...(impair === undefined ? {} : { impair }),
    seed,
  };
}

const FAULTS = ['loss', 'delay', 'jitter', 'reorder', 'duplicate', 'corrupt', 'rate'] as const;

function faultsOf(options: UpOptions): Impairments | undefined {
  const { keepOrder, reorderDelay, queueFrames } = options;
  const impair: Impairments = {};
  for (const name of FAULTS) if (options[name] !== undefined) impair[name] = options[name];
  if (keepOrder !== undefined) {
    if (options.jitter === undefined) throw new ScenarioError('--keep-order', 'is for --jitter');
    impair.keepOrder = true;
  }
  if (reorderDelay !== undefined) {
    if (options.reorder === undefined) throw new ScenarioError('--reorder-delay', 'is for --reorder');
    impair.reorderDelay = reorderDelay;
  }
  if (queueFrames !== undefined) {
    if (options.rate === undefined) throw new ScenarioError('--queue-frames', 'is for --rate');
    impair.queueFrames = queueFrames;
  }
  return Object.keys(impair).length === 0 ? undefined : impair;
}

function range(min: number, max: number): (option: string, text: string) => number {
  return (option, text) => {
    const value = parseCount(option, text, max);
    if (value < min)
      throw new ScenarioError(option, `must be a whole number from ${min} to ${max}, got '${text}'`);
    return value;
  };
}

/** Does what prints lines, and sets the exit code. A signal lets `work` clean up. */
async function act(
  options: ShowOptions,
  work: (signal: AbortSignal) => Promise<readonly string[]>,
): Promise<void> {
  const interruption = new Interruption({ endsAtSecond: false });
  const code = await guarded(options.verbose === true, async () => {
    try {
      const output = new LineOutput(process.stdout);
      for (const line of await work(interruption.signal)) output.line(line);
      await output.flush();
      return ExitCode.OK;
    } catch (error) {
      if (interruption.exitCode === undefined) throw error;
      return interruption.exitCode;
    }
  });
  interruption.close();
  process.exitCode = code;
}

/** Runs a command in a namespace, on this terminal; its exit code, as a shell tells it. */
async function execute(namespace: string, words: readonly string[]): Promise<number> {
  const { commandIn } = await import('../lab/lab.ts');
  const { program, args, env } = commandIn(namespace, words);
  const child = spawn(program, args, { stdio: 'inherit', env });
  // The terminal sends Ctrl-C to both. What comes from elsewhere is handed on.
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
}
