import type { Row, Unit } from '../compare/compare.ts';
import { changeText } from '../compare/limit.ts';
import type { RunFile } from '../compare/run-file.ts';
import { percent, scaled, time, whole } from '../figures/format.ts';
import type { Verdict } from '../metrics/threshold.ts';
import type { Paint } from './summary.ts';

/** Two runs and their comparison. */
export interface Comparison {
  readonly a: RunFile;
  readonly b: RunFile;
  readonly rows: readonly Row[];
  readonly thresholds: readonly Verdict[];
  readonly passed: boolean;
}

/** Two runs side by side, for a terminal. */
export function comparisonLines({ a, b, rows, thresholds }: Comparison, paint: Paint): string[] {
  const columns = (texts: readonly string[]): string =>
    `${texts[0].padEnd(18)} ${texts[1].padStart(11)} ${texts[2].padStart(11)} ${texts[3].padStart(10)}  ${texts[4]}`;
  const lines = [
    `A  ${a.file}  ${a.result.commandLine}  ${a.result.started}`,
    `B  ${b.file}  ${b.result.commandLine}  ${b.result.started}`,
    paint('dim', columns(['', 'A', 'B', 'change', ''])),
  ];
  for (const { metric, unit, a: before, b: after, change, significance } of rows) {
    const line = columns([
      metric,
      valueText(before, unit),
      valueText(after, unit),
      change === null ? '–' : changeText(change),
      SAID[`${significance}`],
    ]);
    lines.push(significance === 'differs' ? paint('bold', line) : line);
  }
  for (const { text, state, actual } of thresholds) {
    const mark = state === 'met' ? paint('green', 'ok  ') : paint('red', 'FAIL');
    lines.push(`${paint('dim', 'threshold'.padEnd(11))}${mark} ${text}  ${paint('dim', actual)}`);
  }
  return lines;
}

export const SAID: Readonly<Record<string, string>> = {
  differs: 'differs',
  noise: 'within noise',
  'cannot tell': 'cannot tell: too few seconds',
  null: 'not tested',
};

export function valueText(value: number | null, unit: Unit): string {
  if (value === null) return '–';
  if (unit === 'pps') return scaled(value, 'pps');
  if (unit === 'ms') return time(value);
  return unit === 'ratio' ? percent(value) : whole(value);
}
