/**
 * `npm run bench [-- NAME…] [--quick] [--json FILE] [--compare FILE]`: measures the library beside programs in C, node:dgram and others.
 *
 * `--quick` takes under two minutes, and says little; `--json` keeps the results, and after a complete run that was not
 * quick writes docs/performance.md; `--compare` says what became slower than a kept result by more than the noise, and
 * exits with 1 if something did (bench/compare.mjs does so with two kept results); `--nice` goes before what else the machine does; `--repetitions N` of each case.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { takePrecedence } from './lib/child.mjs';
import { compare, describe, FEWEST } from './lib/compare.mjs';
import { readKept, shorten, writeKept } from './lib/kept.mjs';
import { chooseCores, describeMachine } from './lib/machine.mjs';
import { writeReport } from './lib/report.mjs';
import { Skip } from './lib/run.mjs';

const BENCHES = ['wire', 'user-space', 'tx', 'rx', 'inject', 'dgram', 'echo', 'scale', 'app', 'tool', 'tcp'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    compare: { type: 'string' },
    nice: { type: 'boolean', default: false },
    repetitions: { type: 'string' },
  },
});
for (const name of positionals) {
  if (!BENCHES.includes(name)) {
    console.error(`no bench '${name}'; there are: ${BENCHES.join(', ')}`);
    process.exit(2);
  }
}
const { quick } = values;
const repetitions = Number(values.repetitions ?? (quick ? 2 : 5));
if (!Number.isInteger(repetitions) || repetitions < 1) {
  console.error(`--repetitions must be a positive integer, got ${values.repetitions}`);
  process.exit(2);
}
if (values.compare !== undefined && repetitions < FEWEST) {
  console.error(`--compare needs --repetitions of at least ${FEWEST}, got ${repetitions}`);
  process.exit(2);
}
// Read before the run, which may write the same file.
const before = values.compare === undefined ? undefined : readKept(values.compare);
const names = positionals.length > 0 ? positionals : BENCHES;
if (values.nice) takePrecedence();

// What is missing and cannot be installed is named here, and its cases are skipped.
spawnSync('sh', [fileURLToPath(new URL('../scripts/setup-tools.sh', import.meta.url)), '--bench'], {
  stdio: 'inherit',
});
const machine = describeMachine();
const cores = chooseCores();
console.log(`${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}`);

const started = performance.now();
/** @type {import('./lib/report.mjs').BenchResult[]} */
const benches = [];
for (const name of names) {
  const bench = await import(`./benches/${name}.mjs`);
  console.log(`\n=== ${name}: ${bench.title}`);
  try {
    const sections = await bench.run({ repetitions, quick, cores });
    benches.push({ name, title: bench.title, sections });
  } catch (error) {
    if (!(error instanceof Skip)) throw error;
    console.log(`  skipped: ${error.message}`);
    benches.push({ name, title: bench.title, sections: [], skipped: error.message });
  }
}
const seconds = (performance.now() - started) / 1000;
console.log(`\n${Math.round(seconds)} s`);
const results = shorten({ machine, quick, repetitions, cores, seconds, benches });
if (values.json !== undefined) {
  mkdirSync(dirname(values.json), { recursive: true });
  writeKept(values.json, results);
  if (!quick && names.length === BENCHES.length) console.log(writeReport(results));
}
if (before !== undefined) {
  const comparison = compare(before, results);
  console.log(`\n${describe(comparison, before, results)}`);
  if (comparison.slower.length > 0) process.exitCode = 1;
}
