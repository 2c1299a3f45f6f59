import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseThreshold, type Threshold } from '../metrics/threshold.ts';
import type { EngineName } from '../runner/engine.ts';
import { parseSeed } from '../scenario/quantity.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { type MetricsAddress, parseMetricsAddress } from '../views/metrics-address.ts';

/** Options of every command that runs something on an interface. */
export interface CommonOptions {
  readonly engine: EngineName;
  readonly netns?: string;
  readonly seed: number;
  readonly failIf: readonly Threshold[];
  readonly json?: true;
  readonly ndjson?: true;
  readonly perFlow?: true;
  readonly capture?: string;
  readonly report?: string;
  readonly junit?: string;
  readonly metrics?: MetricsAddress;
  readonly verbose?: true;
}

/** Makes an option's parser of one that throws ScenarioErrors: commander says the rest. */
export function parsed<T>(parse: (option: string, text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse('', text);
    } catch (error) {
      if (error instanceof ScenarioError) throw new InvalidArgumentError(error.message.replace(/^: /, ''));
      throw error;
    }
  };
}

/** An option whose default is what `text` says: the help prints it as people write it. */
export function defaulted<T>(
  flags: string,
  description: string,
  parse: (option: string, text: string) => T,
  text: string,
  value: T = parse('', text),
): Option {
  return new Option(flags, description).argParser(parsed(parse)).default(value, text);
}

/** An option that may be repeated: its values are listed. */
export function repeated<T>(
  flags: string,
  description: string,
  parse: (option: string, text: string) => T,
  without = 'none',
): Option {
  const one = parsed(parse);
  return new Option(flags, `${description}; may be repeated`)
    .argParser((text: string, before: readonly T[]) => [...before, one(text)])
    .default([], without);
}

export function addCommonOptions(
  command: Command,
  engines: readonly EngineName[],
  { flows = true, parts = false }: { readonly flows?: boolean; readonly parts?: boolean } = {},
): Command {
  if (flows) command.option('--per-flow', 'include every flow in --json and --ndjson');
  return command
    .addOption(engineOption(engines))
    .option('--netns <name>', 'network namespace of the interface: a name, a process id or a path')
    .addOption(
      defaulted(
        '--seed <n>',
        'seed of the random choices',
        parseSeed,
        'random',
        Math.floor(Math.random() * 65_536),
      ),
    )
    .addOption(
      repeated(
        '--fail-if <limit>',
        "exit with code 3 if this is true, like 'loss>0.1%' or 'p99>5ms'",
        (option, text) => parseLimit(option, text, parts),
      ),
    )
    .addOption(new Option('--json', 'print one JSON object at the end').conflicts('ndjson'))
    .option('--ndjson', 'print a JSON object every second, and the result as the last one')
    .option('--capture <file>', 'write the frames that the run receives and sends to a pcapng file')
    .option('--report <file>', 'write a report: one HTML file')
    .option('--junit <file>', 'write the thresholds as JUnit XML')
    .option('--metrics <address>', 'serve Prometheus metrics, like :9464', parsed(parseMetricsAddress))
    .option('--verbose', 'print the stack of an error');
}

function engineOption(engines: readonly EngineName[]): Option {
  const option = new Option(
    '--engine <name>',
    'how to send and receive frames; auto uses AF_XDP where it works',
  )
    .choices(engines)
    .default('auto');
  const choose = option.parseArg!;
  return option.argParser((text: string, before: EngineName) => {
    if (text === 'memory' && !engines.includes(text))
      throw new InvalidArgumentError(
        `Allowed choices are ${engines.join(', ')}: a network in memory is inside of one process, with nobody else on it. etherconn udp send --engine memory sends and receives.`,
      );
    return choose(text, before) as EngineName;
  });
}

function parseLimit(option: string, text: string, parts: boolean): Threshold {
  const threshold = parseThreshold(option, text);
  if (threshold.part !== undefined && !parts)
    throw new ScenarioError(
      option,
      `'${threshold.part}' would be a part of a scenario: those are of etherconn run`,
    );
  return threshold;
}
