/** Plots of the ratios, as SVG: a bar to the median, and a line from the smallest to the largest of the repetitions. */
import { speedOf } from './compare.mjs';

const WIDTH = 880;
const LEFT = 390;
const RIGHT = 100;
const ROW = 22;
const HEAD = 34;
const TOP = 56;

/** What is plotted. The files are docs/images/performance-NAME-THEME.svg. */
const PLOTS = [
  { name: 'c', rival: /^C[ ,]/, title: 'Speed as a multiple of the same work in C' },
  { name: 'node', rival: /^node:dgram/, title: 'Speed as a multiple of node:dgram' },
];

const THEMES = {
  light: {
    back: '#ffffff',
    text: '#1f2328',
    note: '#59636e',
    grid: '#d1d9e0',
    one: '#1f2328',
    bar: '#54aeff',
  },
  dark: {
    back: '#0d1117',
    text: '#f0f6fc',
    note: '#9198a1',
    grid: '#3d444d',
    one: '#f0f6fc',
    bar: '#1f6feb',
  },
};

/**
 * @typedef {import('./stats.mjs').Spread & { of: string, name: string }} Bar
 * @typedef {{ title: string, bars: Bar[] }} Group
 */

/**
 * @param {readonly import('./report.mjs').BenchResult[]} benches
 * @returns {{ markdown: string, files: { name: string, svg: string }[] }}
 */
export function plotsOf(benches) {
  const parts = [];
  const files = [];
  for (const { name, rival, title } of PLOTS) {
    const groups = groupsOf(benches, rival);
    if (groups.length === 0) continue;
    for (const [theme, colors] of Object.entries(THEMES)) {
      files.push({ name: `performance-${name}-${theme}.svg`, svg: draw(title, groups, colors) });
    }
    const image = (/** @type {string} */ theme) => `./images/performance-${name}-${theme}.svg`;
    parts.push(
      [
        '<picture>',
        `  <source media="(prefers-color-scheme: dark)" srcset="${image('dark')}">`,
        `  <img src="${image('light')}" width="${WIDTH}" alt="${title}, as bars. The tables below have the same figures.">`,
        '</picture>',
      ].join('\n'),
    );
  }
  return { markdown: parts.join('\n\n'), files };
}

/**
 * The ratios to such rivals, of rates and times but not of details such as processor time, as ratios of speeds.
 * @param {readonly import('./report.mjs').BenchResult[]} benches
 * @param {RegExp} rival
 */
function groupsOf(benches, rival) {
  /** @type {Group[]} */
  const groups = [];
  for (const bench of benches) {
    for (const { title, unit, rows, ratios } of bench.sections) {
      const names = new Set(rows.map((row) => row.name));
      const bars = ratios.flatMap((ratio) => {
        const [of, to] = ratio.name.split(' / ');
        if (to === undefined || !rival.test(to) || !names.has(of)) return [];
        return [{ of, name: ratio.name, ...speedOf(ratio, unit) }];
      });
      if (bars.length > 0) groups.push({ title: `${bench.name}: ${title}`, bars });
    }
  }
  return groups;
}

/**
 * @param {string} title
 * @param {readonly Group[]} groups
 * @param {typeof THEMES.light} colors
 */
function draw(title, groups, colors) {
  const most = Math.max(1, ...groups.flatMap(({ bars }) => bars.map(({ max }) => max)));
  const step = most > 3 ? 1 : 0.25;
  const end = Math.ceil(most / step) * step;
  const x = (/** @type {number} */ value) => number(LEFT + (value / end) * (WIDTH - LEFT - RIGHT));
  const rows = [];
  let y = TOP;
  for (const group of groups) {
    rows.push(`<text class="head" x="16" y="${y + 23}">${escaped(group.title)}</text>`);
    y += HEAD;
    for (const { of, name, median, min, max } of group.bars) {
      const middle = y + ROW / 2;
      rows.push(
        `<g><title>${escaped(name)}: ${median.toFixed(2)}, from ${min.toFixed(2)} to ${max.toFixed(2)}</title>`,
        `<text class="of" x="${LEFT - 10}" y="${middle + 4}" text-anchor="end">${escaped(of)}</text>`,
        `<rect class="bar" x="${LEFT}" y="${middle - 7}" width="${number(x(median) - LEFT)}" height="14"/>`,
        `<path class="range" d="M${x(min)} ${middle - 4}v8M${x(min)} ${middle}H${x(max)}M${x(max)} ${middle - 4}v8"/>`,
        `<text class="value" x="${WIDTH - 16}" y="${middle + 4}" text-anchor="end">${median.toFixed(2)} ×</text></g>`,
      );
      y += ROW;
    }
  }
  const height = y + 34;
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, i) => i * step);
  const grid = ticks.flatMap((value) => [
    `<path class="${value === 1 ? 'one' : 'grid'}" d="M${x(value)} ${TOP}V${y + 8}"/>`,
    `<text class="tick" x="${x(value)}" y="${y + 24}" text-anchor="middle">${value}</text>`,
  ]);
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title">`,
    `<title id="title">${escaped(title)}</title>`,
    '<style>',
    'text { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }',
    `.title { font-size: 16px; font-weight: 600; fill: ${colors.text}; }`,
    `.head { font-size: 13px; font-weight: 600; fill: ${colors.text}; }`,
    `.of, .value { font-size: 12px; fill: ${colors.text}; }`,
    `.note, .tick { font-size: 12px; fill: ${colors.note}; }`,
    `.grid { stroke: ${colors.grid}; }`,
    `.one { stroke: ${colors.one}; stroke-width: 1.5; }`,
    `.bar { fill: ${colors.bar}; }`,
    `.range { stroke: ${colors.note}; stroke-width: 1.5; fill: none; }`,
    '</style>',
    `<rect width="${WIDTH}" height="${height}" fill="${colors.back}"/>`,
    `<text class="title" x="16" y="28">${escaped(title)}</text>`,
    '<text class="note" x="16" y="47">Bars: medians. Lines: the range of the repetitions. Longer is faster.</text>',
    ...grid,
    ...rows,
    '</svg>',
  ].join('\n')}\n`;
}

/** @param {number} value */
function number(value) {
  return Math.round(value * 10) / 10;
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}
