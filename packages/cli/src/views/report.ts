import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Second } from '../metrics/delta.ts';
import type { LatencyHistogram } from '../metrics/latency-histogram.ts';
import { checkWritable } from './output-file.ts';
import { ratesOf, type SecondRates } from './rates.ts';
import type { RunOutcome, View } from './view.ts';

/** Points of a time series; of longer runs, neighbours become one. */
const POINTS_MAX = 4000;
/** Flows in a report: those that lost most. */
const FLOWS_MAX = 10_000;

/** A report: one HTML file that needs nothing else, written at the end. */
export function reportView(path: string): View {
  const series = new SecondSeries();
  return {
    begin: () => checkWritable('--report', path),
    second: (second) => series.add(second),
    end: (outcome) => writeFile(path, reportHtml(outcome, series.points)),
  };
}

/** The seconds of a run, however long it is. */
export class SecondSeries {
  points: SecondRates[] = [];
  /** Seconds in a point. */
  #width = 1;
  #pending: SecondRates[] = [];

  add(second: Second): void {
    // What arrives behind the last packet sent would look like a fall of the rate.
    const isFirst = this.points.length === 0 && this.#pending.length === 0;
    if (!isFirst && second.length < 1000 && second.delta.get('sent') === 0) return;
    this.#pending.push(ratesOf(second));
    if (this.#pending.length < this.#width) return;
    this.points.push(this.#pending.reduce(joined));
    this.#pending = [];
    if (this.points.length < POINTS_MAX) return;
    this.points = Array.from({ length: POINTS_MAX / 2 }, (_, i) =>
      joined(this.points[2 * i], this.points[2 * i + 1]),
    );
    this.#width *= 2;
  }
}

/** Rates are means, counts are sums, latencies the worse ones. */
function joined(a: SecondRates, b: SecondRates): SecondRates {
  const worse = (x: number | null, y: number | null): number | null =>
    x === null || y === null ? (x ?? y) : Math.max(x, y);
  return {
    second: a.second,
    sent: (a.sent + b.sent) / 2,
    sentBits: (a.sentBits + b.sentBits) / 2,
    received: (a.received + b.received) / 2,
    receivedBits: (a.receivedBits + b.receivedBits) / 2,
    lost: a.lost + b.lost,
    duplicates: a.duplicates + b.duplicates,
    reordered: a.reordered + b.reordered,
    p50: worse(a.p50, b.p50),
    p90: worse(a.p90, b.p90),
    p99: worse(a.p99, b.p99),
    max: worse(a.max, b.max),
  };
}

export function reportHtml({ result, total, flows }: RunOutcome, seconds: readonly SecondRates[]): string {
  const require = createRequire(import.meta.url);
  const plot = (file: string): string => readFileSync(require.resolve(`uplot/dist/${file}`), 'utf8');
  const asset = (file: string): string =>
    readFileSync(new URL(`../../assets/${file}`, import.meta.url), 'utf8');
  const latency = result.received === null ? undefined : total.histograms.get('latency');
  const data = {
    result,
    seconds,
    percentiles: latency === undefined ? [] : percentilesOf(latency),
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
