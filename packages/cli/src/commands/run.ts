import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { ExitCode } from '../exit-code.ts';
import type { Threshold } from '../metrics/threshold.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { parseMetricsAddress } from '../views/metrics-address.ts';
import { addCommonOptions, type CommonOptions, repeated } from './common-options.ts';
import { guarded } from './failure.ts';

interface RunOptions extends CommonOptions {
  readonly set: readonly string[];
  readonly dryRun?: true;
}

export function runCommand(): Command {
  const command = new Command('run')
    .description('run a scenario: DHCP clients, UDP traffic and pings together, from a YAML file')
    .argument('<scenario>', 'file of the scenario; etherconn init writes an example')
    .argument('[interface]', 'interface of the clients (default: that of the scenario)')
    .addOption(
      repeated(
        '--set <key=value>',
        'set a key of the scenario, like parts.voice.rate=5kpps',
        (_option, text) => text,
      ),
    )
    .option('--dry-run', 'print the plan, and open nothing');
  return addCommonOptions(command, ['auto', 'xdp', 'packet', 'memory'], { parts: true })
    .addHelpText(
      'after',
      `
Options override the scenario.

Examples:
  etherconn init scenario.yaml
  etherconn run scenario.yaml --dry-run
  etherconn run scenario.yaml --engine memory --report report.html
  etherconn run scenario.yaml eth0 --set duration=1m --fail-if 'traffic.loss>0.1%'
`,
    )
    .action(async (file: string, interfaceName: string | undefined, options: RunOptions) => {
      const isGiven = (option: string): boolean => command.getOptionValueSource(option) !== 'default';
      process.exitCode = await guarded(options.verbose === true, () =>
        run(file, interfaceName, options, isGiven),
      );
    });
}

async function run(
  file: string,
  interfaceName: string | undefined,
  options: RunOptions,
  isGiven: (option: string) => boolean,
): Promise<number> {
  // Loaded when asked for: the other commands need none of it.
  const [{ parseScenarioFile }, { openScenario }, { planOf }] = await Promise.all([
    import('../run/file.ts'),
    import('../run/open.ts'),
    import('../run/plan.ts'),
  ]);
  const { scenario, locate } = parseScenarioFile(file, await read(file), options.set);
  const { outputs = {}, memory = {} } = scenario;
  const failIf = [...planOf(scenario).failIf, ...options.failIf];
  checkParts(options.failIf, scenario);
  const engine = isGiven('engine') ? options.engine : (scenario.engine ?? 'auto');
  const name = interfaceName ?? scenario.interface ?? (engine === 'memory' ? 'mem' : undefined);
  if (name === undefined)
    throw new ScenarioError('interface', 'is missing: give it after the file, or in the scenario');
  if (options.dryRun === true) {
    const { dryRunLines, dryRunOf } = await import('../run/dry-run.ts');
    const network = engine === 'memory' ? 'in memory' : `${name}, engine ${engine}`;
    const dry = dryRunOf(
      scenario,
      failIf.map(({ text }) => text),
    );
    const lines = options.json === true ? [JSON.stringify({ ...dry, network })] : dryRunLines(dry, network);
    process.stdout.write(`${lines.join('\n')}\n`);
    return ExitCode.OK;
  }
  const seed = isGiven('seed') ? options.seed : (scenario.seed ?? options.seed);
  const common: CommonOptions = {
    ...options,
    engine,
    seed,
    failIf,
    ...given('netns', options.netns ?? scenario.netns),
    ...given('report', options.report ?? outputs.report),
    ...given('junit', options.junit ?? outputs.junit),
    ...given(
      'metrics',
      options.metrics ??
        (outputs.metrics === undefined
          ? undefined
          : parseMetricsAddress('outputs.metrics', `${outputs.metrics}`)),
    ),
  };
  const [{ runSession }, { checkWritable }, { parseImpairments }] = await Promise.all([
    import('./session.ts'),
    import('../views/output-file.ts'),
    import('../scenario/impairments.ts'),
  ]);
  for (const [part, each] of Object.entries(scenario.parts))
    if (each.type === 'dhcp' && each.leases !== undefined)
      await checkWritable(`parts.${part}.leases`, each.leases);
  const { receiveOn, receiveNetns } = scenario;
  const impair = memory.impair === undefined ? undefined : parseImpairments('memory.impair', memory.impair);
  return runSession(
    'run',
    common,
    {
      interfaceName: name,
      ...(engine === 'memory' ? { impair } : { receiveOn, receiveNetns }),
    },
    (opened, signal) =>
      openScenario(opened, scenario, { seed, signal, writesFiles: true }).catch((error: unknown) => {
        throw error instanceof ScenarioError ? locate(error) : error;
      }),
  );
}

/** Limits of the command line may name parts, too. */
function checkParts(failIf: readonly Threshold[], { parts }: Scenario): void {
  const names = Object.keys(parts);
  for (const { part } of failIf)
    if (part !== undefined && !names.includes(part))
      throw new ScenarioError('--fail-if', `there is no part '${part}'; there are ${names.join(', ')}`);
}

function given<Key extends string, T>(key: Key, value: T | undefined): { [K in Key]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: T };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT'
        ? 'there is no such file; etherconn init writes an example'
        : code === 'EISDIR'
          ? 'it is a folder'
          : `${code}`;
    throw Object.assign(new Error(`${file} cannot be read: ${why}`), { code });
  }
}
