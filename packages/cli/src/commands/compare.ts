import { Command } from 'commander';
import type { ChangeLimit } from '../compare/limit.ts';
import { parseChangeLimit } from '../compare/limit.ts';
import { ExitCode } from '../exit-code.ts';
import { repeated } from './common-options.ts';
import { guarded } from './failure.ts';

interface CompareOptions {
  readonly json?: true;
  readonly report?: string;
  readonly failIf: readonly ChangeLimit[];
}

export function compareCommand(): Command {
  return new Command('compare')
    .description('compare two runs: what differs, and whether that is more than noise')
    .argument('<a>', 'result of the first run, from --json, --ndjson or --report')
    .argument('<b>', 'result of the second run')
    .option('--json', 'print one JSON object')
    .option('--report <file>', 'write a report: one HTML file')
    .addOption(
      repeated(
        '--fail-if <limit>',
        "exit with code 3 if B differs from A by this much and it is more than noise, like 'p99>+10%' or 'received<-5%'",
        parseChangeLimit,
      ),
    )
    .addHelpText(
      'after',
      `
Examples:
  etherconn compare before.json after.json
  etherconn compare before.json after.json --report compare.html --fail-if 'p99>+10%'
`,
    )
    .action(async (a: string, b: string, options: CompareOptions) => {
      process.exitCode = await guarded(false, () => compareFiles(a, b, options));
    });
}

async function compareFiles(fileA: string, fileB: string, options: CompareOptions): Promise<number> {
  const [{ readRun }, { compare }, { comparisonLines }, { paintFor }, { checkWritable }] = await Promise.all([
    import('../compare/run-file.ts'),
    import('../compare/compare.ts'),
    import('../views/comparison.ts'),
    import('../views/terminal.ts'),
    import('../views/output-file.ts'),
  ]);
  if (options.report !== undefined) await checkWritable('--report', options.report);
  const [a, b] = [await readRun(fileA), await readRun(fileB)];
  const rows = compare(a, b);
  const thresholds = options.failIf.map((limit) => limit.judge(rows));
  const passed = thresholds.every(({ state }) => state === 'met');
  const comparison = { a, b, rows, thresholds, passed };
  if (options.report !== undefined) {
    const { writeComparison } = await import('../views/report/comparison-report.ts');
    await writeComparison(options.report, comparison);
  }
  const text =
    options.json === true
      ? JSON.stringify({ a: a.result, b: b.result, rows, thresholds, passed })
      : comparisonLines(comparison, paintFor(process.stdout)).join('\n');
  process.stdout.write(`${text}\n`);
  return passed ? ExitCode.OK : ExitCode.THRESHOLD;
}
