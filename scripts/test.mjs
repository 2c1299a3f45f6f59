/**
 * Runs the compiled tests (`npm test`).
 *
 * Files named `*.netns.test.js` need network namespaces: as root they run with the rest, as an ordinary user in a
 * user namespace of their own, and where that is forbidden they are skipped, which is said. With
 * ETHERCONN_TEST_STRICT=1 what is missing makes tests fail instead (src/testing/strict.ts).
 *
 * Each file has a process of its own. One that does not end is ended, and it is said what it was doing
 * (test/run-file.mjs).
 *
 *   node scripts/test.mjs [--fuzz] [--limit SECONDS] [--folder FOLDER] [PATTERN …]
 *     PATTERN   only files whose path contains one of the patterns
 *     --fuzz    the fuzz properties alone, for much longer
 *     --limit   seconds for a file, after which it has failed; default 240
 *     --folder  where test files are looked for, in place of the workspace
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Report } from './test/report.mjs';
import { runFile, running } from './test/run-file.mjs';

/** Seconds for a file. The longest takes a tenth of it. */
const LIMIT = 240;
/** What a timer can wait for: as good as for ever. */
const NO_LIMIT = 2 ** 31 - 1;

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals: patterns } = parseArgs({
  allowPositionals: true,
  options: { fuzz: { type: 'boolean' }, limit: { type: 'string' }, folder: { type: 'string' } },
});
const { fuzz = false } = values;
const limit = values.limit === undefined ? LIMIT : Number(values.limit);
if (!(limit > 0)) {
  console.error(`--limit must be a number of seconds above 0, got ${values.limit}`);
  process.exit(2);
}
if (fuzz) {
  process.env.ETHERCONN_FUZZ_RUNS ??= '3000000';
  patterns.push('fuzz.test.');
}

const folders =
  values.folder === undefined
    ? ['packages/etherconn/dist', 'packages/cli/dist', 'packages/campaign/dist', 'tests']
    : [values.folder];
const files = folders
  .flatMap((folder) =>
    // In the folders of tests/ are files that tests give to others: to vitest, to bundlers.
    readdirSync(resolve(root, folder), { recursive: folder !== 'tests' }).map((file) =>
      join(folder, String(file)),
    ),
  )
  .filter((file) => /\.test\.m?js$/.test(file) && !file.includes('node_modules'))
  .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${patterns.join(' ')}`);
  process.exit(1);
}

const report = new Report(root);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    for (const pid of running) process.kill(-pid, 'SIGKILL');
    process.exit(1);
  });
}
const isRoot = process.getuid?.() === 0;
const privileged = files.filter((file) => /\.netns\.test\.m?js$/.test(file));
const prefix = isRoot || privileged.length === 0 ? [] : ['unshare', '-Urn'];
const probe = prefix.length === 0 ? undefined : spawnSync('unshare', ['-Urn', 'true'], { encoding: 'utf8' });
const impossible = probe !== undefined && probe.status !== 0;
await runAll(impossible ? files.filter((file) => !privileged.includes(file)) : files);
await report.end();
if (impossible) {
  const why = probe.error?.message ?? probe.stderr.trim();
  console.log(`\nSkipped, for they need root or a user namespace (${why}):`);
  for (const file of privileged) console.log(`  ${relative(root, file)}`);
  if (process.env.ETHERCONN_TEST_STRICT === '1') {
    console.log('ETHERCONN_TEST_STRICT: tests are not to be skipped');
    report.failed = true;
  }
}
process.exit(report.failed ? 1 : 0);

async function runAll(list) {
  const left = [...list];
  const worker = async () => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) {
      const options = {
        prefix: privileged.includes(file) ? prefix : [],
        limit: fuzz ? NO_LIMIT : limit * 1000,
        cwd: root,
      };
      report.add(await runFile(resolve(root, file), options));
    }
  };
  // Tests on real interfaces mostly wait for the kernel: two at a time, even on a small machine.
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism() - 1) }, worker));
}
