import { writeFile } from 'node:fs/promises';
import type { Delta } from '../../metrics/delta.ts';
import type { LatencyHistogram } from '../../metrics/latency-histogram.ts';
import { resultWithSeconds } from '../json.ts';
import { checkWritable } from '../output-file.ts';
import type { RunOutcome, View } from '../view.ts';
import { pageHtml } from './page.ts';

/** Flows in a report: those that lost most. */
const FLOWS_MAX = 10_000;
/** Points of a percentile plot to each factor of ten. */
const POINTS = 20;

/** A report: one HTML file that needs nothing else, written at the end. */
export function reportView(path: string): View {
  return {
    begin: () => checkWritable('--report', path),
    end: (outcome) => writeFile(path, reportHtml(outcome)),
  };
}

export function reportHtml(outcome: RunOutcome): string {
  const { result, total, flows, tables = [] } = outcome;
  const parts = Object.keys(result.parts ?? {});
  return pageHtml({
    title: `etherconn ${result.command}, ${result.started}`,
    heading: `etherconn ${result.command}`,
    badge: badgeOf(result.interrupted, result.passed, result.thresholds.length > 0),
    subtitle: `${result.engine} · ${result.started}`,
    data: {
      result: resultWithSeconds(outcome),
      percentiles: percentilesOf(total),
      partPercentiles: Object.fromEntries(parts.map((name) => [name, percentilesOf(total.part(name))])),
      percentileStep: 1 / POINTS,
      tables,
      flows: flows.slice(0, FLOWS_MAX),
      flowsLeftOut: Math.max(0, flows.length - FLOWS_MAX),
    },
    modules: ['time-plots.js', 'run-tables.js', 'run.js'],
  });
}

function badgeOf(
  interrupted: boolean,
  passed: boolean,
  hasThresholds: boolean,
): { text: string; isGood: boolean } | null {
  if (interrupted) return { text: 'interrupted', isGood: false };
  if (!passed) return { text: 'failed', isGood: false };
  return hasThresholds ? { text: 'passed', isGood: true } : null;
}

/** What histograms of a run or a part say, by their names. How late senders were is no latency. */
function percentilesOf(total: Delta): Record<string, number[]> {
  const measured = [...total.histograms].filter(
    ([name, { count }]) => !name.includes('/') && name !== 'behind' && count > 0,
  );
  return Object.fromEntries(measured.map(([name, histogram]) => [name, curveOf(histogram)]));
}

/** Milliseconds that all but 1, 10^-0.05, 10^-0.1 … of the packets took at most: as far as there are packets to tell by. */
function curveOf(histogram: LatencyHistogram): number[] {
  const curve: number[] = [];
  for (let rest = 1; rest >= 1 / histogram.count; rest = 10 ** (-curve.length / POINTS))
    curve.push(histogram.quantile(1 - rest) / 1000);
  return curve;
}
