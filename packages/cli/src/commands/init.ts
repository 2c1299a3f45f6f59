import { readFile, writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { ExitCode } from '../exit-code.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import { guarded } from './failure.ts';

const TEMPLATES = ['mixed', 'udp', 'dhcp', 'campaign'] as const;

interface InitOptions {
  readonly template: (typeof TEMPLATES)[number];
  readonly force?: true;
}

export function initCommand(): Command {
  return new Command('init')
    .description('write an example of a scenario or a campaign, with comments, that runs as it is')
    .argument('[file]', 'file to write (default: scenario.yaml, or campaign.yaml for a campaign)')
    .addOption(new Option('--template <name>', 'topic of the example').choices(TEMPLATES).default('mixed'))
    .option('--force', 'overwrite an existing file')
    .addHelpText(
      'after',
      `
Examples:
  etherconn init
  etherconn init dhcp.yaml --template dhcp
  etherconn init --template campaign
`,
    )
    .action(async (file: string | undefined, options: InitOptions) => {
      const isCampaign = options.template === 'campaign';
      const path = file ?? (isCampaign ? 'campaign.yaml' : 'scenario.yaml');
      const next = isCampaign ? `campaign run ${path} --interfaces one,two --engine memory` : `run ${path}`;
      process.exitCode = await guarded(false, () => init(path, options, next));
    });
}

/** @param next the command that runs what is written */
async function init(file: string, { template, force }: InitOptions, next: string): Promise<number> {
  const source = new URL(`../../assets/templates/${template}.yaml`, import.meta.url);
  const text = (await readFile(source, 'utf8')).replaceAll(' FILE', ` ${file}`);
  try {
    await writeFile(file, text, { flag: force === true ? 'w' : 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new ScenarioError(
        'file',
        `${file} is there already; --force overwrites it, or name another file`,
      );
    const why = code === 'ENOENT' ? 'there is no such folder; make it first' : `${code}`;
    throw Object.assign(new Error(`${file} cannot be written: ${why}`), { code });
  }
  process.stdout.write(`${file} is written. Next: etherconn ${next}\n`);
  return ExitCode.OK;
}
