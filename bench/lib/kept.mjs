/**
 * Results as a file keeps them: medians and ranges with four digits, without the single measurements. This is what
 * docs/performance.md, the ratios of the README and `--compare` need.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { isRival } from './rivals.mjs';
import { pairedRatios, spread } from './stats.mjs';

/** What fits on one line of the file stays on one. */
const LINE = 300;

/**
 * Results of a run, or of a file written by an earlier version, in the short form.
 * @param {import('./report.mjs').Results} results
 * @returns {import('./report.mjs').Results}
 */
export function shorten(results) {
  const benches = results.benches.map((bench) => ({
    ...bench,
    sections: bench.sections.map((section) => ({
      ...section,
      rows: section.rows.map((row) => shortRow(row, section.rows)),
      ratios: section.ratios.map((ratio) => ({ ...ratio, ...short(ratio) })),
    })),
  }));
  return { ...results, seconds: Math.round(results.seconds), benches };
}

/**
 * @param {string} file
 * @returns {import('./report.mjs').Results}
 */
export function readKept(file) {
  const results = JSON.parse(readFileSync(file, 'utf8'));
  if (!Array.isArray(results?.benches)) throw new Error(`${file} holds no results of this bench`);
  return shorten(results);
}

/**
 * @param {string} file
 * @param {import('./report.mjs').Results} results
 */
export function writeKept(file, results) {
  writeFileSync(file, `${text(shorten(results), '')}\n`);
}

/**
 * The results of a run, with those of the kept benches that it has not.
 * @param {import('./report.mjs').Results} kept
 * @param {import('./report.mjs').Results} now
 * @returns {import('./report.mjs').Results}
 */
export function mergeKept(kept, now) {
  const added = new Map(now.benches.map((bench) => [bench.name, bench]));
  if (kept.benches.every(({ name }) => added.has(name))) return now;
  const { machine, repetitions, cores, seconds } = now;
  const run = { machine, repetitions, cores, seconds };
  const known = new Set(kept.benches.map(({ name }) => name));
  return {
    ...kept,
    benches: [
      ...kept.benches.map((bench) => {
        const instead = added.get(bench.name);
        return instead === undefined ? bench : { ...instead, run };
      }),
      ...now.benches.filter(({ name }) => !known.has(name)).map((bench) => ({ ...bench, run })),
    ],
  };
}

/**
 * A row of ours also gets its ratio to the first rival of its section, formed within each repetition.
 * @param {import('./run.mjs').Row} row
 * @param {readonly import('./run.mjs').Row[]} rows
 * @returns {import('./run.mjs').Row}
 */
function shortRow({ name, median, min, max, details, samples, beside }, rows) {
  const medians = Object.entries(details).map(([key, value]) => [
    key,
    digits(typeof value === 'number' ? value : value.median),
  ]);
  const row = { name, ...short({ median, min, max }), details: Object.fromEntries(medians) };
  if (samples === undefined) return beside === undefined ? row : { ...row, beside };
  const rival = rows.find((each) => /^C[ ,]/.test(each.name)) ?? rows.find((each) => isRival(each.name));
  if (rival?.samples === undefined || isRival(name)) return row;
  const ratio = spread(pairedRatios(samples, rival.samples));
  return { ...row, beside: { name: rival.name, ...short(ratio) } };
}

/** @param {import('./stats.mjs').Spread} values */
function short({ median, min, max }) {
  return { median: digits(median), min: digits(min), max: digits(max) };
}

/** @param {number} value */
function digits(value) {
  return Number(value.toPrecision(4));
}

/**
 * JSON in which what is short has one line.
 * @param {unknown} value
 * @param {string} indent
 * @returns {string}
 */
function text(value, indent) {
  const line = JSON.stringify(value);
  if (line.length <= LINE || typeof value !== 'object' || value === null) return line;
  const deeper = `${indent} `;
  if (Array.isArray(value)) {
    return `[\n${value.map((each) => `${deeper}${text(each, deeper)}`).join(',\n')}\n${indent}]`;
  }
  const members = Object.entries(value).filter(([, each]) => each !== undefined);
  const lines = members.map(([key, each]) => `${deeper}${JSON.stringify(key)}: ${text(each, deeper)}`);
  return `{\n${lines.join(',\n')}\n${indent}}`;
}
