/**
 * `npm run bench [-- NAME…] [--quick] [--json FILE]`: measures the library beside programs in C, node:dgram and others.
 *
 * `--quick` takes under two minutes, and says little; `--json` keeps the results, and after a complete run that was not
 * quick writes docs/performance.md; `--nice` goes before what else the machine does; `--repetitions N` of each case.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { takePrecedence } from './lib/child.mjs';
import { chooseCores, describeMachine } from './lib/machine.mjs';
import { writeReport } from './lib/report.mjs';
import { Skip } from './lib/run.mjs';

const BENCHES = ['wire', 'user-space', 'tx', 'rx', 'inject', 'dgram', 'echo', 'scale', 'app'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
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
if (values.json !== undefined) {
  const results = { machine, quick, repetitions, cores, seconds, benches };
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify(results, undefined, 1)}\n`);
  if (!quick && names.length === BENCHES.length) console.log(writeReport(results));
}
