import { median, pairedRatios, spread } from './stats.mjs';
import { format, textTable } from './table.mjs';

/**
 * One thing that is measured. `run` gives one value, or several by name of which `value` is the one compared.
 * @typedef {{ name: string, run: () => Promise<number | Measurement> }} Case
 * @typedef {{ value: number, [detail: string]: number }} Measurement
 *
 * Two cases compared, or a detail of theirs, in the pairs of each repetition; `atLeast` or `atMost` is the goal, if
 * there is one.
 * @typedef {{ of: string, to: string, detail?: string, atLeast?: number, atMost?: number }} Comparison
 *
 * A bound on the median of one case, or of one of its details.
 * @typedef {{ of: string, detail?: string, atLeast?: number, atMost?: number, unit?: string }} Bound
 *
 * @typedef {{ title: string, unit: string, cases: readonly Case[], comparisons?: readonly Comparison[],
 *   bounds?: readonly Bound[], notes?: readonly string[] }} Section
 *
 * @typedef {import('./stats.mjs').Spread & { name: string, details: Record<string, number>, samples?: number[],
 *   beside?: import('./stats.mjs').Spread & { name: string } }} Row details: medians; samples and beside: kept.mjs
 * @typedef {import('./stats.mjs').Spread & { name: string, goal: string, met: boolean | null }} Ratio
 * @typedef {{ title: string, unit: string, rows: Row[], ratios: Ratio[], skipped: { name: string, reason: string }[],
 *   notes: string[] }} SectionResult
 */

/** Thrown by a case that cannot run here; its message says why. */
export class Skip extends Error {}

/**
 * Runs the cases of a section in turn, again and again, so that all of them see the same machine; every other
 * repetition goes backwards, so that none always comes after the same one.
 * @param {Section} section
 * @param {{ repetitions: number, quick: boolean }} context quick: only the cases that there is a goal for
 * @returns {Promise<SectionResult>}
 */
export async function measure(section, { repetitions, quick }) {
  const { title, unit, comparisons = [], bounds = [], notes = [] } = section;
  const cases = quick ? withGoals(section) : section.cases;
  if (cases.length > 0) console.log(`\n${title}  [${unit}]`);
  /** @type {Map<string, Measurement[]>} */
  const taken = new Map();
  /** @type {Map<string, string>} */
  const skipped = new Map();
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const { name, run } of repetition % 2 === 0 ? cases : cases.toReversed()) {
      if (skipped.has(name)) continue;
      try {
        const result = await run();
        const list = taken.get(name) ?? [];
        taken.set(name, list);
        list.push(typeof result === 'number' ? { value: result } : result);
      } catch (error) {
        const reason = /** @type {Error} */ (error).message;
        skipped.set(name, error instanceof Skip ? reason : `failed: ${reason}`);
        taken.delete(name);
      }
    }
  }
  /** @type {SectionResult} */
  const result = { title, unit, rows: [], ratios: [], skipped: [], notes: [...notes] };
  for (const { name } of cases) {
    const list = taken.get(name);
    if (list === undefined) {
      result.skipped.push({ name, reason: skipped.get(name) ?? 'not run' });
      continue;
    }
    const samples = list.map(({ value }) => value);
    /** @type {Row['details']} */
    const details = {};
    for (const key of Object.keys(list[0])) {
      if (key !== 'value') details[key] = median(list.map((measurement) => measurement[key]));
    }
    result.rows.push({ name, ...spread(samples), samples, details });
  }
  for (const { of, to, detail = 'value', ...goal } of comparisons) {
    const a = taken.get(of);
    const b = taken.get(to);
    if (a === undefined || b === undefined) continue;
    const ratios = pairedRatios(
      a.map((measurement) => measurement[detail]),
      b.map((measurement) => measurement[detail]),
    );
    const name = `${detail === 'value' ? '' : `${detail}: `}${of} / ${to}`;
    result.ratios.push({ name, ...judge(spread(ratios), goal) });
  }
  for (const { of, detail = 'value', unit: suffix, ...goal } of bounds) {
    const list = taken.get(of);
    if (list === undefined) continue;
    const values = spread(list.map((measurement) => measurement[detail]));
    const what = detail === 'value' ? unit : (suffix ?? detail);
    result.ratios.push({ name: `${of}, ${what}`, ...judge(values, goal) });
  }
  print(result);
  return result;
}

/** @param {Section} section */
function withGoals({ cases, comparisons = [], bounds = [] }) {
  const hasGoal = (/** @type {Comparison | Bound} */ { atLeast, atMost }) =>
    (atLeast ?? atMost) !== undefined;
  const wanted = new Set(bounds.filter(hasGoal).map(({ of }) => of));
  for (const { of, to } of comparisons.filter(hasGoal)) wanted.add(of).add(to);
  return cases.filter(({ name }) => wanted.has(name));
}

/**
 * @param {import('./stats.mjs').Spread} values
 * @param {{ atLeast?: number, atMost?: number }} goal
 */
function judge(values, { atLeast, atMost }) {
  if (atLeast !== undefined) return { ...values, goal: `≥ ${atLeast}`, met: values.median >= atLeast };
  if (atMost !== undefined) return { ...values, goal: `≤ ${atMost}`, met: values.median <= atMost };
  return { ...values, goal: '', met: null };
}

/** @param {SectionResult} result */
function print(result) {
  const { head, rows } = measuredCells(result);
  if (rows.length > 0) console.log(textTable(head, rows));
  if (result.ratios.length > 0) {
    const ratios = ratioCells(result);
    console.log(`\n${textTable(ratios.head, ratios.rows)}`);
  }
  for (const { name, reason } of result.skipped) console.log(`  skipped: ${name}: ${reason}`);
  for (const note of result.notes) console.log(`  ${note}`);
}

/** @param {SectionResult} result */
export function measuredCells({ rows, unit }) {
  const details = [...new Set(rows.flatMap((row) => Object.keys(row.details)))];
  return {
    head: [unit, 'median', 'min', 'max', ...details],
    rows: rows.map((row) => [
      row.name,
      ...[row.median, row.min, row.max].map(format),
      ...details.map((key) => (row.details[key] === undefined ? '' : format(row.details[key]))),
    ]),
  };
}

/** @param {SectionResult} result */
export function ratioCells({ ratios }) {
  const verdict = (/** @type {Ratio} */ { met }) => (met === null ? '' : met ? 'met' : 'missed');
  return {
    head: ['ratio or bound', 'median', 'min', 'max', 'goal', ''],
    rows: ratios.map((ratio) => [
      ratio.name,
      ...[ratio.median, ratio.min, ratio.max].map(format),
      ratio.goal,
      verdict(ratio),
    ]),
  };
}
