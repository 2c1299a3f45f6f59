import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { compare } from '../../compare/compare.ts';
import { parseChangeLimit } from '../../compare/limit.ts';
import { readRun } from '../../compare/run-file.ts';
import {
  backgroundOf,
  checkPlots,
  noBrowser,
  ReportBrowser,
  SeenTable,
  scrollsSideways,
  seenPlots,
} from '../../test-support/browser.ts';
import { FLOWS, fleetSecond, INFO, runWithParts, udpSecond } from '../../test-support/runs.ts';
import { comparisonHtml } from './comparison-report.ts';
import { reportHtml } from './report.ts';

/** Reports in a headless Chromium: what a user does, and what he sees. */

const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const browser = new ReportBrowser();
after(() => browser.close());
const skip = noBrowser;

const PARTS = {
  voice: { type: 'udp-send', second: () => udpSecond() },
  bulk: { type: 'udp-send', second: (n: number) => udpSecond(50 + n, 4000) },
  leases: { type: 'dhcp', second: () => fleetSecond() },
  others: { type: 'dhcp', second: () => fleetSecond(9000) },
} as const;
const AGENTS = {
  title: 'Agents',
  head: ['agent', 'packets'],
  rows: [
    ['b', '900'],
    ['a', '1000'],
  ],
};
const html = reportHtml({ ...runWithParts(PARTS, { flows: FLOWS }), tables: [AGENTS] });
const SECTIONS = [
  ...['summary', 'thresholds', 'parts', 'table-0', 'time', 'percentiles'],
  ...['phases', 'failures', 'messages', 'flows', 'conditions'],
];
const TIME_PLOTS = ['Packets a second', 'Packets lost', 'Latency'];
const CURVES = 'How long the slowest part of the packets took';

/** Texts of a column as numbers: '12.3 ms' and '450 µs' in milliseconds. */
function numbers(texts: readonly string[]): number[] {
  return texts.map((text) => {
    const value = Number.parseFloat(text.replace(/\u202f/g, ''));
    return text.endsWith('µs') ? value / 1000 : value;
  });
}

const isSorted = (values: readonly number[], direction: number): boolean =>
  values.every((value, i) => i === 0 || direction * (value - values[i - 1]!) >= 0);

for (const [colorScheme, background] of [
  ['light', 'rgb(251, 251, 250)'],
  ['dark', 'rgb(20, 21, 24)'],
] as const)
  test(`a report, ${colorScheme}: one file without errors, whose plots have legible lines`, {
    skip,
  }, async () => {
    const { page, errors } = await browser.open(html, { colorScheme });
    assert.equal(await backgroundOf(page), background);
    await checkPlots(page, [...TIME_PLOTS, CURVES]);
    const ids = await page.evaluate<string[]>(
      "[...document.querySelectorAll('section')].map(({ id }) => id)",
    );
    assert.deepEqual(ids, SECTIONS);
    const text = await page.locator('main').innerText();
    for (const part of [INFO.commandLine, INFO.environment, 'etherconn 0.1.0', 'a note', 'failed'])
      assert.ok(text.includes(part), part);
    assert.deepEqual(errors, []);
    assert.doesNotMatch(html, /<(?:script|link|img)[^>]+(?:src|href)="(?!data:)/);
  });

test('plots are those of the part that is chosen', { skip }, async () => {
  const { page, errors } = await browser.open(html);
  const legend = () =>
    seenPlots(page).then((plots) => plots.map(({ lines }) => lines.map(({ label }) => label)));
  for (const [section, before] of [
    ['time', TIME_PLOTS],
    ['percentiles', [CURVES]],
  ] as const) {
    const choice = page.locator(`#${section} select`);
    assert.deepEqual(await choice.locator('option').allInnerTexts(), ['All parts', ...Object.keys(PARTS)]);
    const pixels = () =>
      page.evaluate<string>(`document.querySelector('#${section} .plot:last-child canvas').toDataURL()`);
    const whole = await pixels();
    await choice.selectOption('voice');
    const voice = await pixels();
    assert.notEqual(voice, whole);
    await choice.selectOption('bulk');
    assert.notEqual(await pixels(), voice);
    await choice.selectOption('All parts');
    assert.equal(await pixels(), whole);
    assert.equal(await page.locator(`#${section} .plot`).count(), before.length);
  }
  await page.locator('#time select').selectOption('leases');
  await page.locator('#percentiles select').selectOption('leases');
  await checkPlots(page, [...['Leases a second', 'Retries and failed attempts', ...TIME_PLOTS, CURVES]]);
  assert.deepEqual((await legend()).at(-1)!.toSorted(), ['ack', 'latency', 'offer']);
  assert.deepEqual(errors, []);
});

test('every table sorts and filters', { skip }, async () => {
  const { page, errors } = await browser.open(html);
  for (const [id, column, words, filter, found] of [
    ['flows', 'p99', 'Flow', '10.0.0.77:', 1],
    ['failures', 'Count', 'Reason', 'refused', 2],
    ['phases', 'p99', 'Phase', 'ack', 2],
    ['parts', 'Lost', 'Part', 'DHCP', 2],
    ['messages', 'Count', 'Message', 'nak', 2],
  ] as const) {
    const table = new SeenTable(page, id);
    const all = (await table.column(words)).length;
    await table.press(column);
    assert.ok(isSorted(numbers(await table.column(column)), -1), id);
    await table.press(column);
    assert.ok(isSorted(numbers(await table.column(column)), 1), id);
    await table.press(words);
    const names = await table.column(words);
    const inOrder = names.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    assert.deepEqual(names, inOrder);
    await table.filter(filter);
    assert.equal((await table.column(words)).length, found, id);
    await table.filter('nothing like that');
    assert.equal((await table.column(words)).length, 0);
    await table.filter('');
    assert.equal((await table.column(words)).length, all);
  }
  const agents = new SeenTable(page, 'table-0');
  await agents.press('packets');
  assert.deepEqual(await agents.column('agent'), ['b', 'a']);
  const flows = new SeenTable(page, 'flows');
  // Of 300 flows 200 are shown: sorting and filtering are over all of them.
  await flows.press('p99');
  assert.match((await flows.column('Flow'))[0]!, /:299 /);
  assert.equal((await flows.column('Flow')).length, 200);
  assert.match(await page.locator('#flows p').innerText(), /^300 of 300 flows, the first 200 are shown$/);
  const sorted = await page.locator('#flows th[aria-sort]').innerText();
  assert.match(sorted, /^p99/);
  assert.deepEqual(errors, []);
});

test('on a phone nothing is wider than the window, and plots follow a turn of it', { skip }, async () => {
  const { page, errors } = await browser.open(html, { width: 390 });
  assert.equal(await scrollsSideways(page), false);
  const widths = () =>
    page.evaluate<number[]>("[...document.querySelectorAll('canvas')].map((each) => each.clientWidth)");
  assert.ok((await widths()).every((width) => width <= 390));
  await page.setViewportSize({ width: 844, height: 390 });
  assert.equal(await scrollsSideways(page), false);
  assert.ok((await widths()).every((width) => width > 600));
  assert.deepEqual(errors, []);
});

test('printed: light, with every table in full and no controls, from a dark screen, too', {
  skip,
}, async () => {
  const { page, errors } = await browser.open(html, { colorScheme: 'dark' });
  const inDark = await seenPlots(page);
  await page.emulateMedia({ media: 'print' });
  assert.equal(await backgroundOf(page), 'rgb(255, 255, 255)');
  await page.locator('html.paper').waitFor();
  await checkPlots(page, [...TIME_PLOTS, CURVES]);
  assert.notDeepEqual(await seenPlots(page), inDark);
  for (const id of ['parts', 'phases', 'failures', 'messages', 'flows']) {
    assert.equal(await page.locator(`#${id} table`).isVisible(), true);
    assert.equal(await page.locator(`#${id} input`).isVisible(), false);
    const cut = await page.evaluate<boolean>(
      `(() => { const box = document.querySelector('#${id} .scroll'); return box.scrollHeight > box.clientHeight + 1; })()`,
    );
    assert.equal(cut, false, `${id} is whole`);
  }
  // On real paper, nothing is wider than the sheet: a browser would make all of it smaller.
  const pdf = await page.pdf({ format: 'A4' });
  assert.ok(pdf.length > 10_000);
  await page.emulateMedia({ media: 'screen' });
  assert.equal(await backgroundOf(page), 'rgb(20, 21, 24)');
  assert.deepEqual(errors, []);
});

async function comparison(): Promise<string> {
  const [a, b] = [join(folder, 'a.html'), join(folder, 'b.html')];
  writeFileSync(a, html);
  const slower = { ...PARTS, voice: { type: 'udp-send', second: () => udpSecond(10, 3000) } } as const;
  writeFileSync(b, reportHtml(runWithParts(slower)));
  const runs = { a: await readRun(a), b: await readRun(b) };
  const rows = compare(runs.a, runs.b);
  const thresholds = [parseChangeLimit('-', 'voice.p50>+10%').judge(rows)];
  return comparisonHtml({ ...runs, rows, thresholds, passed: false });
}

for (const colorScheme of ['light', 'dark'] as const)
  test(`a comparison's report, ${colorScheme}: plots, a table that sorts and filters, phone and paper`, {
    skip,
  }, async () => {
    const { page, errors } = await browser.open(await comparison(), { colorScheme });
    assert.equal(await backgroundOf(page), colorScheme === 'dark' ? 'rgb(20, 21, 24)' : 'rgb(251, 251, 250)');
    await page.locator('#time select').selectOption('voice');
    await checkPlots(page, [
      ...['Packets sent a second', 'Packets received a second', 'Packets lost', 'Latency p50', 'Latency p99'],
    ]);
    const table = new SeenTable(page, 'rows');
    await table.press('Change');
    const metrics = await table.column('Metric');
    // 100 µs have become 3 ms.
    assert.equal(metrics[0], 'voice.p50');
    assert.equal((await table.column('Verdict'))[0], 'differs');
    assert.ok(isSorted(numbers(await table.column('Change')).filter(Number.isFinite), -1));
    await table.press('Metric');
    assert.deepEqual(
      await table.column('Metric'),
      metrics.toSorted((x, y) => x.localeCompare(y, 'en', { numeric: true })),
    );
    await table.filter('voice.p99');
    assert.deepEqual(await table.column('Metric'), ['voice.p99', 'voice.p99.9']);
    await table.filter('');
    assert.match(await page.locator('#limits').innerText(), /voice\.p50>\+10%.*missed/);
    await page.setViewportSize({ width: 390, height: 844 });
    assert.equal(await scrollsSideways(page), false);
    await page.emulateMedia({ media: 'print' });
    assert.equal(await backgroundOf(page), 'rgb(255, 255, 255)');
    assert.equal(await page.locator('#rows table').isVisible(), true);
    assert.equal(await page.locator('#rows input').isVisible(), false);
    assert.deepEqual(errors, []);
  });
