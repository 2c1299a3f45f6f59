import { Command } from 'commander';
import { ExitCode } from '../exit-code.ts';

const PACKAGE = '@etherconn/campaign';
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  campaign: 'run one scenario on many machines',
  agent: 'run clients of campaigns on interfaces of this machine',
};

/**
 * `campaign` and `agent` are in a package of their own, which needs NATS: it is loaded when one of them is called. For the
 * list of all commands their names are enough.
 */
export async function campaignCommands(argv: readonly string[]): Promise<Command[]> {
  const called = argv.slice(2).find((argument) => !argument.startsWith('-') && argument !== 'help');
  if (called === undefined || !(called in DESCRIPTIONS)) return Object.keys(DESCRIPTIONS).map(standIn);
  try {
    const { commands } = (await import(`${PACKAGE}/commands`)) as { commands: () => Command[] };
    return commands();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return Object.keys(DESCRIPTIONS).map((name) => refusal(name));
  }
}

function standIn(name: string): Command {
  return new Command(name).description(DESCRIPTIONS[name]);
}

function refusal(name: string): Command {
  return standIn(name)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      process.stderr.write(`etherconn: ${name} needs the package ${PACKAGE}: npm install ${PACKAGE}\n`);
      process.exitCode = ExitCode.ERROR;
    });
}
