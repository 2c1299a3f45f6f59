import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compare } from '../bench/lib/compare.mjs';
import { mergeKept, readKept, shorten, writeKept } from '../bench/lib/kept.mjs';
import { plotsOf } from '../bench/lib/plot.mjs';

/** How results of the bench are kept, compared and drawn; on results that are made up, and on those in the repository. */

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'etherconn-bench-'));
after(() => rmSync(folder, { recursive: true }));
const machine = {
  cpu: 'one',
  mhz: 0,
  cores: 2,
  virtual: false,
  memoryGiB: 1,
  kernel: '6',
  node: 'v20',
  v8: '',
  uv: '',
};
const CASES = ['C AF_XDP', 'onBatch', 'message', 'reply'];

/** Results of one section with these samples of each case, and a ratio of the second case to the first. */
function results(samples, { unit = 'packets/s', ratios = [], repetitions = 3 } = {}) {
  const rows = CASES.map((name, i) => {
    const sorted = samples[i].toSorted((a, b) => a - b);
    const [min, median, max] = [sorted[0], sorted[1], sorted[2]];
    return { name, median, min, max, samples: samples[i], details: {} };
  });
  const section = { title: '64 bytes', unit, rows, ratios, skipped: [], notes: [] };
  const benches = [{ name: 'rx', title: 'RX', sections: [section] }];
  return { machine, quick: false, repetitions, cores: { a: 0, b: 1 }, seconds: 60.4, benches };
}

const KEPT = [
  [100, 200, 150],
  [90, 180, 140],
  [50, 100, 75],
  [80, 160, 110],
];
/** A machine half as fast; onBatch is as before, message clearly slower, reply within the noise. */
const NOW = [
  [50, 100, 75],
  [46, 90, 69],
  [20, 39, 30],
  [38, 80, 57],
];

test('results of one bench take the place of the kept ones, and say that they are of a run of their own', () => {
  const kept = shorten(results(KEPT));
  const bench = { ...shorten(results(NOW)).benches[0], name: 'tool' };
  const one = { ...shorten(results(NOW)), repetitions: 5, benches: [bench] };
  const merged = mergeKept(kept, one);
  assert.deepEqual(
    merged.benches.map(({ name, run }) => [name, run?.repetitions]),
    [
      ['rx', undefined],
      ['tool', 5],
    ],
  );
  assert.equal(merged.repetitions, 3);
  assert.deepEqual(mergeKept(merged, one), merged);
  // A run of all benches replaces everything.
  const all = { ...kept, benches: [...kept.benches, bench] };
  assert.equal(mergeKept(merged, all), all);
});

const names = (changes) => changes.map(({ name }) => name);

test('a slower machine is no slower library: ratios to the rival of each run are compared', () => {
  const comparison = compare(shorten(results(KEPT)), shorten(results(NOW)));
  assert.deepEqual(names(comparison.slower), ['rx: 64 bytes: message / C AF_XDP']);
  assert.deepEqual(names(comparison.perhaps), []);
  assert.deepEqual(names(comparison.faster), []);
  assert.equal(comparison.same, 2);
  const [{ change }] = comparison.slower;
  assert.equal(Math.round(change * 100), -20);
  assert.deepEqual(names(compare(shorten(results(NOW)), shorten(results(KEPT))).faster), [
    'rx: 64 bytes: message / C AF_XDP',
  ]);
});

test('where less is better, a smaller ratio is faster', () => {
  const unit = 'ns per packet';
  const comparison = compare(shorten(results(KEPT, { unit })), shorten(results(NOW, { unit })));
  assert.deepEqual(names(comparison.faster), ['rx: 64 bytes: message / C AF_XDP']);
  assert.deepEqual(names(comparison.slower), []);
});

test('ranges that overlap are noise; a median outside the other range is named apart', () => {
  const ratio = (median, min, max) => [{ name: 'onBatch / C AF_XDP', median, min, max, goal: '', met: null }];
  const of = (...values) => shorten(results(KEPT, { ratios: ratio(...values) }));
  assert.deepEqual(names(compare(of(1, 0.9, 1.1), of(0.92, 0.8, 1.05)).perhaps), []);
  assert.deepEqual(names(compare(of(1, 0.9, 1.1), of(0.85, 0.8, 0.95)).perhaps), [
    'rx: 64 bytes: onBatch / C AF_XDP',
  ]);
  assert.deepEqual(names(compare(of(1, 0.99, 1.01), of(0.98, 0.975, 0.985)).slower), [], 'under 3 %');
});

test('bytes allocated are compared, and what is no longer measured is named', () => {
  const bytes = (value) => [
    { name: 'onBatch, bytes allocated', median: value, min: value, max: value, goal: '≤ 1', met: value <= 1 },
  ];
  const of = (value) => shorten(results(KEPT, { ratios: bytes(value) }));
  assert.deepEqual(names(compare(of(0), of(8)).slower), ['rx: 64 bytes: onBatch, bytes allocated']);
  assert.deepEqual(compare(of(0), of(0.001)).slower, []);
  assert.deepEqual(compare(of(0), shorten(results(KEPT))).gone, ['rx: 64 bytes: onBatch, bytes allocated']);
});

test('a section without a rival cannot be compared, which is said', () => {
  const now = shorten(results(KEPT));
  now.benches[0].sections[0].rows.shift();
  assert.deepEqual(compare(shorten(results(KEPT)), now).apart, ['rx: 64 bytes']);
  assert.deepEqual(compare(now, shorten(results(KEPT))).apart, []);
});

test('too few repetitions show no noise, so they are refused', () => {
  assert.throws(
    () => compare(results(KEPT), results(NOW, { repetitions: 2 })),
    /at least 3 repetitions.*got 2/,
  );
  const run = spawnSync(
    process.execPath,
    ['bench/run.mjs', '--quick', '--compare', 'bench/results/latest.json'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  assert.equal(run.status, 2);
  assert.match(run.stderr, /--compare needs --repetitions of at least 3, got 2/);
});

test('two kept files are compared by the command; its status says whether something is slower', () => {
  const [kept, now] = [join(folder, 'kept.json'), join(folder, 'now.json')];
  writeKept(kept, results(KEPT));
  writeFileSync(now, JSON.stringify(results(NOW)));
  const run = (...files) =>
    spawnSync(process.execPath, [join(root, 'bench/compare.mjs'), ...files], { encoding: 'utf8' });
  const slower = run(kept, now);
  assert.equal(slower.stderr, '');
  assert.match(slower.stdout, /message \/ C AF_XDP .*−20 %/);
  assert.match(slower.stdout, /1 slower, 0 perhaps slower, 0 faster, 2 as before/);
  assert.equal(slower.status, 1);
  assert.equal(run(kept, kept).status, 0);
});

test('the kept form is short, and stays what it is when it is kept again', () => {
  const file = join(root, 'bench/results/latest.json');
  assert.ok(statSync(file).size < 80_000, `${statSync(file).size} bytes`);
  const again = join(folder, 'again.json');
  writeKept(again, readKept(file));
  assert.equal(readFileSync(again, 'utf8'), readFileSync(file, 'utf8'));
});

test('the plots of docs/performance.md are those of the kept results', () => {
  const { files, markdown } = plotsOf(readKept(join(root, 'bench/results/latest.json')).benches);
  assert.equal(files.length, 4);
  for (const { name, svg } of files)
    assert.equal(readFileSync(join(root, 'docs/images', name), 'utf8'), svg, name);
  assert.ok(readFileSync(join(root, 'docs/performance.md'), 'utf8').includes(markdown));
});

test('a bar is as long as its ratio, and less time is a longer bar', () => {
  const ratio = { name: 'onBatch / C AF_XDP', median: 0.5, min: 0.4, max: 1, goal: '', met: null };
  const width = (unit) => {
    const { files } = plotsOf(results(KEPT, { unit, ratios: [ratio] }).benches);
    return Number(/class="bar" [^>]*width="([\d.]+)"/.exec(files[0].svg)[1]);
  };
  // The axis ends at 1 for packets per second, at 2.5 for their inverse.
  assert.equal(width('packets/s'), 195);
  assert.equal(width('ns'), 312);
});
