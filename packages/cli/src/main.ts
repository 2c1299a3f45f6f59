import { readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, type CommanderError } from 'commander';
import { campaignCommands } from './commands/campaigns.ts';
import { captureCommand } from './commands/capture.ts';
import { compareCommand } from './commands/compare.ts';
import { decodeCommand } from './commands/decode.ts';
import { demoCommand } from './commands/demo.ts';
import { dhcpCommand } from './commands/dhcp.ts';
import { doctorCommand } from './commands/doctor.ts';
import { initCommand } from './commands/init.ts';
import { interfacesCommand } from './commands/interfaces.ts';
import { labCommand } from './commands/lab.ts';
import { pingCommand } from './commands/ping.ts';
import { replayCommand } from './commands/replay.ts';
import { respondCommand } from './commands/respond.ts';
import { runCommand } from './commands/run.ts';
import { sendCommand } from './commands/send.ts';
import { udpCommand } from './commands/udp.ts';
import { inherit, speakPlainly } from './commands/usage.ts';
import { ExitCode } from './exit-code.ts';

/** All commands, in the order of the help text. */
const commands: readonly (() => Command)[] = [
  demoCommand,
  udpCommand,
  dhcpCommand,
  pingCommand,
  captureCommand,
  replayCommand,
  sendCommand,
  runCommand,
  initCommand,
  compareCommand,
  decodeCommand,
  labCommand,
  respondCommand,
  interfacesCommand,
  doctorCommand,
];

/**
 * Runs the command line `argv` (as `process.argv`: two words come before the arguments) and sets
 * `process.exitCode`: see {@link ExitCode}.
 */
export async function run(argv: readonly string[]): Promise<void> {
  const program = makeProgram([...commands.map((each) => each()), ...(await campaignCommands(argv))]);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    // Commander has printed help, version or what is wrong, and would have called process.exit.
    if (!isCommanders(error)) throw error;
    process.exitCode = error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
  }
}

/** Another package that has commands may have a commander of its own, so the class does not tell. */
function isCommanders(error: unknown): error is CommanderError {
  return error instanceof Error && error.name === 'CommanderError';
}

/** The command line that has these commands. */
export function makeProgram(made: readonly Command[] = commands.map((each) => each())): Command {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const program = new Command('etherconn')
    .description('User-space Ethernet for Node.js')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(etherconn --help lists the commands)');
  speakPlainly(program);
  for (const command of made) program.addCommand(inherit(command, program, `etherconn ${command.name()}`));
  return program;
}

/** Whether this file is what node was started with, and not a module of it. */
function isStarted(): boolean {
  try {
    return realpathSync(process.argv[1]!) === fileURLToPath(import.meta.url);
  } catch {
    // No script (node --eval), or an argument in its place.
    return false;
  }
}

if (isStarted()) await run(process.argv);
