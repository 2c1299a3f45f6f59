import { Command, InvalidArgumentError, Option } from 'commander';
import type { DemoOptions } from '../demo/demo.ts';

export function demoCommand(): Command {
  return new Command('demo')
    .description('a thousand simulated machines talk to the kernel of a real network')
    .option(
      '--machines <n>',
      'machines, each with its own MAC and IP address (1 to 60000)',
      integer(1, 60_000),
      1000,
    )
    .option('--requests <n>', 'requests of each machine (1 to 1000)', integer(1, 1000), 20)
    .addOption(
      new Option('--relay <kind>', 'instead of the best that works here').choices([
        'xdp',
        'packet',
        'memory',
      ]),
    )
    .option('--json', 'print one JSON object as the last line')
    .action(async (options: DemoOptions) => {
      // Loaded when asked for: the other commands work where the library's kernel side does not.
      const { demo } = await import('../demo/demo.ts');
      process.exitCode = await demo(options);
    });
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`must be an integer from ${min} to ${max}.`);
  };
}
