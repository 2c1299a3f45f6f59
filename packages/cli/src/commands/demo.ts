import { Command, Option } from 'commander';
import type { DemoOptions } from '../demo/demo.ts';
import type { EngineName } from '../runner/engine.ts';
import { parseCount } from '../scenario/quantity.ts';
import { defaulted } from './common-options.ts';

interface CommandOptions extends Omit<DemoOptions, 'relay'> {
  readonly relay: EngineName;
}

export function demoCommand(): Command {
  return new Command('demo')
    .description('show what the library does: a thousand simulated machines talk to the kernel')
    .addOption(
      defaulted(
        '--machines <n>',
        'machines, each with its own MAC and IP address',
        (option, text) => parseCount(option, text, 60_000),
        '1000',
      ),
    )
    .addOption(
      defaulted(
        '--requests <n>',
        'requests of each machine',
        (option, text) => parseCount(option, text, 1000),
        '20',
      ),
    )
    .addOption(
      // --relay is what it was called before all commands had --engine.
      new Option(
        '--engine, --relay <name>',
        'how to send and receive frames; auto uses the best engine that works',
      )
        .choices(['auto', 'xdp', 'packet', 'memory'])
        .default('auto'),
    )
    .option('--json', 'print one JSON object as the last line')
    .addHelpText('after', '\nExamples:\n  etherconn demo\n  etherconn demo --machines 100 --engine memory\n')
    .action(async ({ relay, ...options }: CommandOptions) => {
      // Loaded when asked for: the other commands work where the library's kernel side does not.
      const { demo } = await import('../demo/demo.ts');
      process.exitCode = await demo({ ...options, ...(relay === 'auto' ? {} : { relay }) });
    });
}
