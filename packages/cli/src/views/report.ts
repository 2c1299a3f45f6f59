import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { LatencyHistogram } from '../metrics/latency-histogram.ts';
import { checkWritable } from './output-file.ts';
import type { SecondRates } from './rates.ts';
import type { RunOutcome, View } from './view.ts';

/** Flows in a report: those that lost most. */
const FLOWS_MAX = 10_000;

/** A report: one HTML file that needs nothing else, written at the end. */
export function reportView(path: string): View {
  return {
    begin: () => checkWritable('--report', path),
    end: (outcome) => writeFile(path, reportHtml(outcome, outcome.series?.total.points ?? [])),
  };
}

export function reportHtml(
  { result, total, flows, tables = [] }: RunOutcome,
  seconds: readonly SecondRates[],
): string {
  const require = createRequire(import.meta.url);
  const plot = (file: string): string => readFileSync(require.resolve(`uplot/dist/${file}`), 'utf8');
  const asset = (file: string): string =>
    readFileSync(new URL(`../../assets/${file}`, import.meta.url), 'utf8');
  const latency = result.received === null ? undefined : total.histograms.get('latency');
  const data = {
    result,
    seconds,
    percentiles: latency === undefined ? [] : percentilesOf(latency),
    tables,
    flows: flows.slice(0, FLOWS_MAX),
    flowsLeftOut: Math.max(0, flows.length - FLOWS_MAX),
  };
  const verdict = verdictOf(result.interrupted, result.passed, result.thresholds.length > 0);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${htmlText(`etherconn ${result.command}, ${result.started}`)}</title>
<style>
${plot('uPlot.min.css')}
${asset('report.css')}
</style>
</head>
<body>
<main>
<header>
<h1>${htmlText(`etherconn ${result.command}`)}</h1>
${verdict}
<p>${htmlText(`${result.engine} · ${result.started}`)}</p>
</header>
<noscript>This report needs JavaScript. It loads nothing from the network.</noscript>
</main>
<script type="application/json" id="data">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>
<script>
${plot('uPlot.iife.min.js')}
</script>
<script>
${asset('report.js')}
</script>
</body>
</html>
`;
}

function verdictOf(interrupted: boolean, passed: boolean, hasThresholds: boolean): string {
  if (interrupted) return '<span class="badge bad">interrupted</span>';
  if (!passed) return '<span class="badge bad">failed</span>';
  return hasThresholds ? '<span class="badge good">passed</span>' : '';
}

/** Parts (0 to 1) and the milliseconds that they took at most, ever closer to all of the packets. */
function percentilesOf(latency: LatencyHistogram): [number, number][] {
  const points: [number, number][] = [];
  // As far as there are packets to tell parts by.
  for (let rest = 1; rest >= 1 / latency.count; rest /= 10 ** 0.05)
    points.push([1 - rest, latency.quantile(1 - rest) / 1000]);
  return latency.count === 0 ? [] : points;
}

function htmlText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
