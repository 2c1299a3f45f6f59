import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { shorten } from './kept.mjs';
import { plotsOf } from './plot.mjs';
import { withRatios } from './readme-ratios.mjs';
import { measuredCells, ratioCells } from './run.mjs';
import { markdownTable } from './table.mjs';

const REPORT = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const IMAGES = new URL('../../docs/images/', import.meta.url);
const README = new URL('../../README.md', import.meta.url);
const NOTES = new URL('../notes.md', import.meta.url);

/**
 * @typedef {{ machine: ReturnType<typeof import('./machine.mjs').describeMachine>, repetitions: number,
 *   cores: { a: number, b: number }, seconds: number }} Run
 * @typedef {Run & { quick: boolean, benches: BenchResult[] }} Results
 * @typedef {{ name: string, title: string, sections: import('./run.mjs').SectionResult[], skipped?: string,
 *   run?: Run }} BenchResult run: when it is not that of the others
 */

/**
 * Writes docs/performance.md and its plots from results and the notes that are kept by hand, and the ratios of the README.
 * @param {Results} full
 */
export function writeReport(full) {
  const results = shorten(full);
  for (const { name, svg } of plotsOf(results.benches).files) writeFileSync(new URL(name, IMAGES), svg);
  writeFileSync(REPORT, reportOf(results, readFileSync(NOTES, 'utf8').trim()));
  writeFileSync(README, withRatios(readFileSync(README, 'utf8'), results));
  return REPORT;
}

/**
 * @param {Results} results
 * @param {string} notes
 */
function reportOf(results, notes) {
  const { benches } = results;
  const parts = [
    '# Performance',
    '<!-- Written by `npm run bench -- --json bench/results/latest.json`. Do not edit: what is said by hand is in bench/notes.md. -->',
    runOf(results),
    'The wire is a veth pair between two network namespaces, on which AF_XDP copies each frame (there is no zero-copy ' +
      'mode), and whose sending side does the receiving side’s softirq work. Zero-copy drivers could not be tried on ' +
      'this machine. Frame sizes count the FCS, as is usual: 64 bytes are the shortest frame of Ethernet.',
    plotsOf(benches).markdown,
    summaryOf(benches),
    notes,
    ...benches.map(benchPart),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** @param {Run} run */
function runOf({ machine, repetitions, cores, seconds }) {
  const { cpu, cores: count, virtual, memoryGiB, kernel, node, v8, uv } = machine;
  return (
    `Measured in one run of ${Math.max(1, Math.round(seconds / 60))} minutes on ${cpu}, ${count} cores${virtual ? ' of a virtual machine' : ''}, ` +
    `${memoryGiB} GiB; Linux ${kernel}; Node ${node} (V8 ${v8}, libuv ${uv}). Programs are pinned: the near side to ` +
    `core ${cores.a}, the far side to core ${cores.b}. Every figure is the median of ${repetitions} repetitions, in ` +
    'which all cases of a table take turns; ratios are formed within each repetition, and the median of them is shown.'
  );
}

/** @param {BenchResult[]} benches */
function summaryOf(benches) {
  const goals = benches.flatMap(({ name, sections }) =>
    sections.flatMap(({ title, ratios }) =>
      ratios.filter(({ met }) => met !== null).map((ratio) => ({ where: `${name}: ${title}`, ratio })),
    ),
  );
  const met = goals.filter(({ ratio }) => ratio.met).length;
  const missed = goals.filter(({ ratio }) => !ratio.met);
  const { head, rows } = ratioCells({
    title: '',
    unit: '',
    rows: [],
    skipped: [],
    notes: [],
    ratios: missed.map(({ where, ratio }) => ({ ...ratio, name: `${where}: ${ratio.name}` })),
  });
  const text = `Of ${goals.length} goals, ${met} are met.`;
  return missed.length === 0 ? text : `${text} Missed are:\n\n${markdownTable(head, rows)}`;
}

/** @param {BenchResult} bench */
function benchPart({ name, title, sections, skipped, run }) {
  const own = run === undefined ? '' : `\n\nThis part is of a run of its own. ${runOf(run)}`;
  const heading = `## ${name}\n\n${title}.${own}`;
  if (skipped !== undefined) return `${heading}\n\nNot run: ${skipped}`;
  return [heading, ...sections.map(sectionPart)].join('\n\n');
}

/** @param {import('./run.mjs').SectionResult} section */
function sectionPart(section) {
  const measured = measuredCells(section);
  const parts = [`### ${section.title}`];
  if (measured.rows.length > 0) parts.push(markdownTable(measured.head, measured.rows));
  if (section.ratios.length > 0) {
    const { head, rows } = ratioCells(section);
    parts.push(markdownTable(head, rows));
  }
  if (section.skipped.length > 0) {
    parts.push(
      section.skipped.map(({ name, reason }) => `- not run: ${name}: ${oneLine(reason)}`).join('\n'),
    );
  }
  return [...parts, ...section.notes].join('\n\n');
}

/** @param {string} text */
function oneLine(text) {
  return text.split('\n')[0];
}
