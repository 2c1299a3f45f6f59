import { Command } from 'commander';
import { examine, type Finding } from '../doctor/examine.ts';
import { ExitCode } from '../exit-code.ts';
import { LineOutput } from '../line-output.ts';

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('say what works on this machine, what does not, and what to do')
    .option('--json', 'one JSON object')
    .action(async (options: { json?: boolean }) => {
      const findings = await examine();
      const output = new LineOutput(process.stdout);
      output.line(options.json === true ? JSON.stringify({ findings }) : report(findings));
      await output.flush();
      process.exitCode = ExitCode.OK;
    });
}

const MARKS: Readonly<Record<Finding['state'], string>> = { ok: 'ok  ', missing: 'no  ', unknown: '?   ' };

function report(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map((finding) => finding.name.length));
  const lines: string[] = [];
  for (const { name, state, detail, advice } of findings) {
    lines.push(`${MARKS[state]}${name.padEnd(width)}  ${detail}`);
    if (advice !== undefined) lines.push(`${' '.repeat(6 + width)}${advice}`);
  }
  return lines.join('\n');
}
