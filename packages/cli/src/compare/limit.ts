import type { Verdict } from '../metrics/threshold.ts';
import { ScenarioError } from '../scenario/scenario-error.ts';
import type { Row } from './compare.ts';

/** A limit of a comparison: how much more, or less, B may have than A. */
export interface ChangeLimit {
  readonly text: string;
  readonly judge: (rows: readonly Row[]) => Verdict;
}

/** Parses METRIC>+PERCENT or METRIC<-PERCENT, like 'p99>+10%' or 'received<-5%'; METRIC may be of a part: 'voice.p99'. */
export function parseChangeLimit(option: string, text: string): ChangeLimit {
  const [, metric = '', operator, digits] =
    /^\s*([a-z][\w.-]*?)\s*(>\s*\+|<\s*-)\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(text) ?? [];
  if (operator === undefined)
    throw new ScenarioError(
      option,
      `must be how much B may differ from A, like 'p99>+10%' or 'received<-5%', got '${text}'`,
    );
  const most = Number(digits) / 100;
  const isMore = operator.startsWith('>');
  return {
    text,
    judge(rows) {
      const row = rows.find((each) => each.metric === metric);
      if (row === undefined || row.change === null)
        return { text, state: 'not measured', actual: 'not measured' };
      const isPast = isMore ? row.change > most : row.change < -most;
      // What may be chance is no regression; what cannot be told is one.
      const state = isPast && row.significance !== 'noise' ? 'missed' : 'met';
      const word = row.significance === 'noise' ? ', within noise' : '';
      return { text, state, actual: `${changeText(row.change)}${word}` };
    },
  };
}

/** '+12.3 %'. */
export function changeText(change: number): string {
  if (change === Number.POSITIVE_INFINITY) return 'from 0';
  return `${change > 0 ? '+' : ''}${Number((100 * change).toPrecision(3))} %`;
}
