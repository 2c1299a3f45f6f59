import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { Command } from 'commander';
import { examine } from '../doctor/examine.ts';
import type { Finding } from '../doctor/finding.ts';
import { ExitCode } from '../exit-code.ts';
import { LineOutput } from '../line-output.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { toolEnvironment } from '../system/tools.ts';
import { guarded } from './failure.ts';

interface DoctorOptions {
  readonly json?: true;
  readonly netns?: string;
  readonly try: boolean;
  readonly verbose?: true;
}

/** Set in the environment of the process that runs in another network namespace: what repairs begin with. */
const ENTERING = 'ETHERCONN_DOCTOR_ENTERING';

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('check what works on this machine or an interface, and show how to repair the rest')
    .argument('[interface]', 'interface to examine and to open')
    .option('--netns <name>', 'network namespace of the interface: a name, a process id or a path')
    .option(
      '--no-try',
      'do not open the interface (opening may briefly interrupt the link of a network card)',
    )
    .option('--json', 'print one JSON object')
    .option('--verbose', 'print the stack of an error')
    .addHelpText(
      'after',
      `
The exit code is 1 if nothing works without a repair.

Examples:
  etherconn doctor
  etherconn doctor eth0
  etherconn doctor eth0 --netns lab-a --json
`,
    )
    .action(async (interfaceName: string | undefined, options: DoctorOptions) => {
      process.exitCode = await guarded(options.verbose === true, () => doctor(interfaceName, options));
    });
}

async function doctor(interfaceName: string | undefined, options: DoctorOptions): Promise<number> {
  if (options.netns !== undefined) {
    if (interfaceName === undefined) throw new ScenarioError('--netns', 'is for an interface');
    return inNamespace(options.netns);
  }
  const findings =
    interfaceName === undefined ? await examine() : await examineOne(interfaceName, options.try);
  const output = new LineOutput(process.stdout);
  const prevented = findings.some(({ prevents }) => prevents === true);
  output.line(options.json === true ? JSON.stringify({ ok: !prevented, findings }) : report(findings));
  await output.flush();
  return prevented ? ExitCode.ERROR : ExitCode.OK;
}

async function examineOne(interfaceName: string, isTried: boolean): Promise<Finding[]> {
  const { examineInterface } = await import('../doctor/interface.ts');
  const entering = process.env[ENTERING];
  const findings = await examineInterface(interfaceName, isTried);
  return findings.map((finding) =>
    finding.repair === undefined || entering === undefined || finding.repair.startsWith('kill ')
      ? finding
      : { ...finding, repair: `${entering} ${finding.repair}` },
  );
}

/** Runs this very command inside of another namespace, for there the kernel's settings and tools tell of that one. */
async function inNamespace(netns: string): Promise<number> {
  const { namespacePath } = await import('../runner/engine.ts');
  const entering = ['nsenter', `--net=${namespacePath('--netns', netns)}`];
  const args = process.argv.slice(1);
  const at = args.findIndex((word) => word === '--netns' || word.startsWith('--netns='));
  args.splice(at, args[at] === '--netns' ? 2 : 1);
  const child = spawn(entering[0], [...entering.slice(1), process.execPath, ...process.execArgv, ...args], {
    stdio: 'inherit',
    env: { ...toolEnvironment(), [ENTERING]: entering.join(' ') },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
}

const MARKS: Readonly<Record<Finding['state'], string>> = {
  ok: 'ok  ',
  warning: 'warn',
  missing: 'no  ',
  unknown: '?   ',
};

function report(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map((finding) => finding.name.length));
  const lines: string[] = [];
  const indent = ' '.repeat(7 + width);
  for (const { name, state, detail, advice, repair } of findings) {
    lines.push(`${MARKS[state]} ${name.padEnd(width)}  ${detail}`);
    if (advice !== undefined) lines.push(`${indent}${advice}`);
    if (repair !== undefined && advice?.includes(repair) !== true) lines.push(`${indent}repair: ${repair}`);
  }
  return lines.join('\n');
}
