import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { changeText } from '../compare/limit.ts';
import { type Comparison, SAID, valueText } from './comparison.ts';

/** Writes two runs side by side as one HTML file that needs nothing else. */
export async function writeComparison(path: string, comparison: Comparison): Promise<void> {
  await writeFile(path, comparisonHtml(comparison));
}

export function comparisonHtml({ a, b, rows, thresholds, passed }: Comparison): string {
  const require = createRequire(import.meta.url);
  const plot = (file: string): string => readFileSync(require.resolve(`uplot/dist/${file}`), 'utf8');
  const asset = (file: string): string =>
    readFileSync(new URL(`../../assets/${file}`, import.meta.url), 'utf8');
  const data = {
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
    rows: rows.map((row) => ({
      ...row,
      change: row.change !== null && Number.isFinite(row.change) ? row.change : null,
      aText: valueText(row.a, row.unit),
      bText: valueText(row.b, row.unit),
      changeText: row.change === null ? '–' : changeText(row.change),
      said: SAID[`${row.significance}`],
    })),
    thresholds,
  };
  const badge =
    thresholds.length === 0
      ? ''
      : `<span class="badge ${passed ? 'good' : 'bad'}">${passed ? 'passed' : 'failed'}</span>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>etherconn compare</title>
<style>
${plot('uPlot.min.css')}
${asset('report.css')}
</style>
</head>
<body>
<main>
<header><h1>etherconn compare</h1>${badge}</header>
<noscript>This report needs JavaScript. It loads nothing from the network.</noscript>
</main>
<script type="application/json" id="data">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>
<script>
${plot('uPlot.iife.min.js')}
</script>
<script>
${asset('compare.js')}
</script>
</body>
</html>
`;
}
