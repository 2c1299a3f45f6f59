import { writeFile } from 'node:fs/promises';
import { changeText } from '../../compare/limit.ts';
import { type Comparison, SAID, valueText } from '../comparison.ts';
import { pageHtml } from './page.ts';

/** Writes two runs side by side as one HTML file that needs nothing else. */
export async function writeComparison(path: string, comparison: Comparison): Promise<void> {
  await writeFile(path, comparisonHtml(comparison));
}

export function comparisonHtml({ a, b, rows, thresholds, passed }: Comparison): string {
  const parts = Object.keys(a.parts).filter((name) => b.parts[name] !== undefined);
  return pageHtml({
    title: 'etherconn compare',
    heading: 'etherconn compare',
    badge: thresholds.length === 0 ? null : { text: passed ? 'passed' : 'failed', isGood: passed },
    subtitle: `A ${a.file} · B ${b.file}`,
    data: {
      runs: [a, b].map(({ file, result }) => ({
        file,
        commandLine: result.commandLine,
        started: result.started,
        version: result.version,
        engine: result.engine,
        environment: result.environment,
        notes: result.notes,
      })),
      seconds: [a.whole.seconds, b.whole.seconds],
      partSeconds: Object.fromEntries(
        parts.map((name) => [name, [a.parts[name].seconds, b.parts[name].seconds]]),
      ),
      rows: rows.map((row) => ({
        ...row,
        // JSON has no infinity.
        change: row.change === Number.POSITIVE_INFINITY ? Number.MAX_VALUE : row.change,
        aText: valueText(row.a, row.unit),
        bText: valueText(row.b, row.unit),
        changeText: row.change === null ? '–' : changeText(row.change),
        said: SAID[`${row.significance}`],
      })),
      thresholds,
    },
    modules: ['compare.js'],
  });
}
