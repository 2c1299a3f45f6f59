/**
 * What became slower since a kept result. Only ratios to the rivals of each run are compared, since a rival meets the
 * same machine, and bytes. The noise is the range of the repetitions.
 */
import { isRival } from './rivals.mjs';
import { format, textTable } from './table.mjs';

/** Below this many repetitions, the range says nothing of the noise. */
export const FEWEST = 3;
/** Changes of the median that are never named. */
const SMALL = 0.03;

/**
 * `slower`: the ranges of both runs are apart. `perhaps`: each median is outside the range of the other run.
 * @typedef {{ name: string, kept: Figure, now: Figure, change: number }} Change
 * @typedef {import('./stats.mjs').Spread & { speed: import('./stats.mjs').Spread }} Figure
 * @typedef {{ slower: Change[], perhaps: Change[], faster: Change[], same: number, gone: string[],
 *   apart: string[] }} Comparison  gone: figures that the new run lacks; apart: sections without a rival
 */

/**
 * @param {import('./report.mjs').Results} kept
 * @param {import('./report.mjs').Results} now
 * @returns {Comparison}
 */
export function compare(kept, now) {
  for (const { repetitions } of [kept, now]) {
    if (repetitions < FEWEST) {
      throw new Error(`a comparison needs at least ${FEWEST} repetitions in both runs, got ${repetitions}`);
    }
  }
  const before = figuresOf(kept);
  const after = figuresOf(now);
  /** @type {Comparison} */
  const result = { slower: [], perhaps: [], faster: [], same: 0, gone: [], apart: sectionsWithoutRival(now) };
  const measured = new Set(now.benches.map(({ name }) => name));
  for (const [name, { bench, figure }] of before) {
    const current = after.get(name);
    if (current === undefined) {
      if (measured.has(bench)) result.gone.push(name);
      continue;
    }
    const was = figure.speed;
    const is = current.figure.speed;
    const change = is.median / was.median - 1;
    const entry = { name, kept: figure, now: current.figure, change };
    if (Math.abs(change) < SMALL) result.same++;
    else if (is.max < was.min) result.slower.push(entry);
    else if (is.median < was.min && was.median > is.max) result.perhaps.push(entry);
    else if (is.min > was.max) result.faster.push(entry);
    else result.same++;
  }
  return result;
}

/**
 * @param {Comparison} comparison
 * @param {import('./report.mjs').Results} kept
 * @param {import('./report.mjs').Results} now
 */
export function describe({ slower, perhaps, faster, same, gone, apart }, kept, now) {
  const lines = ['Compared by ratios to the rivals of each run; the noise is the range of the repetitions.'];
  for (const key of /** @type {const} */ (['cpu', 'cores', 'kernel', 'node'])) {
    const [was, is] = [kept.machine[key], now.machine[key]];
    if (was !== is) lines.push(`Not the same machine: ${key} was ${was} and is ${is}.`);
  }
  if (kept.quick !== now.quick) lines.push('One of the runs was quick.');
  for (const [title, changes] of /** @type {const} */ ([
    ['slower: the ranges are apart', slower],
    ['perhaps slower: each median is outside the range of the other run', perhaps],
    ['faster: the ranges are apart', faster],
  ])) {
    if (changes.length === 0) continue;
    const head = [title, 'kept', 'min', 'max', 'now', 'min', 'max', 'speed'];
    const rows = changes.map(({ name, kept: was, now: is, change }) => [
      name,
      ...[was.median, was.min, was.max, is.median, is.min, is.max].map(format),
      `${change < 0 ? '−' : '+'}${Math.abs(change * 100).toFixed(0)} %`,
    ]);
    lines.push('', textTable(head, rows));
  }
  if (gone.length > 0) lines.push('', 'no longer measured:', ...gone.map((name) => `  ${name}`));
  if (apart.length > 0)
    lines.push('', 'not compared, for want of a rival:', ...apart.map((name) => `  ${name}`));
  lines.push(
    '',
    `${slower.length} slower, ${perhaps.length} perhaps slower, ${faster.length} faster, ${same} as before`,
  );
  return lines.join('\n');
}

/** @param {import('./report.mjs').Results} results */
function sectionsWithoutRival({ benches }) {
  return benches.flatMap(({ name, sections }) =>
    sections
      .filter(({ rows }) => !rows.some((row) => isRival(row.name)))
      .map(({ title }) => `${name}: ${title}`),
  );
}

/**
 * All that can be compared, by name.
 * @param {import('./report.mjs').Results} results
 */
function figuresOf({ benches }) {
  /** @type {Map<string, { bench: string, figure: Figure }>} */
  const figures = new Map();
  for (const { name: bench, sections } of benches) {
    for (const { title, unit, rows, ratios } of sections) {
      const add = (/** @type {string} */ name, values, speed) =>
        figures.set(`${bench}: ${title}: ${name}`, { bench, figure: { ...values, speed } });
      const compared = new Set();
      for (const ratio of ratios) {
        const detail = rows
          .flatMap((row) => Object.keys(row.details))
          .find((key) => ratio.name.startsWith(`${key}: `));
        const [of, to] = ratio.name.split(' / ');
        if (to !== undefined && isRival(to)) {
          if (detail === undefined) compared.add(of);
          add(ratio.name, spreadOf(ratio), speedOf(ratio, detail ?? unit));
        } else if (to === undefined && /bytes( allocated)?$/.test(ratio.name)) {
          add(ratio.name, spreadOf(ratio), leanness(ratio));
        }
      }
      for (const { name, beside } of rows) {
        if (beside === undefined || compared.has(name)) continue;
        add(`${name} / ${beside.name}`, spreadOf(beside), speedOf(beside, unit));
      }
    }
  }
  return figures;
}

/** @param {import('./stats.mjs').Spread} values */
function spreadOf({ median, min, max }) {
  return { median, min, max };
}

/**
 * A ratio of what is measured in `unit`, as a ratio of speeds.
 * @param {import('./stats.mjs').Spread} ratio
 * @param {string} unit
 */
export function speedOf({ median, min, max }, unit) {
  return unit.endsWith('/s') ? { median, min, max } : { median: 1 / median, min: 1 / max, max: 1 / min };
}

/**
 * Bytes, so that fewer is more and a fraction of a byte is nothing.
 * @param {import('./stats.mjs').Spread} bytes
 */
function leanness({ median, min, max }) {
  return { median: 1 / (1 + median), min: 1 / (1 + max), max: 1 / (1 + min) };
}
