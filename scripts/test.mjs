/**
 * Runs the compiled tests (`npm test`).
 *
 * Files named `*.netns.test.js` need network namespaces: as root they run with the rest, as an ordinary user in a
 * user namespace of their own, and where that is forbidden they are skipped, which is said. With
 * ETHERCONN_TEST_STRICT=1 what is missing makes tests fail instead (src/testing/strict.ts).
 *
 *   node scripts/test.mjs [--fuzz] [PATTERN …]   only files whose path contains one of the patterns;
 *   --fuzz                                       the fuzz properties alone, for much longer
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Milliseconds for a file, after which it has failed. The longest takes a tenth of it. */
const FILE_TIMEOUT = 240_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
const fuzz = args.includes('--fuzz');
const patterns = args.filter((arg) => !arg.startsWith('--'));
if (fuzz) {
  process.env.ETHERCONN_FUZZ_RUNS ??= '3000000';
  patterns.push('fuzz.test.js');
}

const folders = ['packages/etherconn/dist', 'packages/cli/dist', 'tests'];
const files = folders
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((file) => join(folder, String(file))),
  )
  .filter((file) => /\.test\.m?js$/.test(file))
  .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${patterns.join(' ')}`);
  process.exit(1);
}

const isRoot = process.getuid?.() === 0;
const privileged = files.filter((file) => /\.netns\.test\.m?js$/.test(file));
const ordinary = files.filter((file) => !privileged.includes(file));
let failed = false;

if (isRoot || privileged.length === 0) {
  run([], files);
} else {
  run([], ordinary);
  const probe = spawnSync('unshare', ['-Urn', 'true'], { encoding: 'utf8' });
  if (probe.status === 0) {
    console.log('\nTests that need network namespaces, in a user namespace:');
    run(['unshare', '-Urn'], privileged);
  } else {
    const why = probe.error?.message ?? probe.stderr.trim();
    console.log(`\nSkipped, for they need root or a user namespace (${why}):`);
    for (const file of privileged) console.log(`  ${relative(root, file)}`);
    if (process.env.ETHERCONN_TEST_STRICT === '1') {
      console.log('ETHERCONN_TEST_STRICT: tests are not to be skipped');
      failed = true;
    }
  }
}
process.exit(failed ? 1 : 0);

function run(prefix, list) {
  if (list.length === 0) return;
  const reporters = ['spec', './scripts/skip-reporter.mjs'].flatMap((reporter) => [
    `--test-reporter=${reporter}`,
    '--test-reporter-destination=stdout',
  ]);
  // Tests on real interfaces mostly wait for the kernel: two at a time, even on a small machine.
  const concurrency = `--test-concurrency=${Math.max(2, availableParallelism() - 1)}`;
  // What a failed test has left open would keep its file from ending.
  const timeout = fuzz ? [] : [`--test-timeout=${FILE_TIMEOUT}`];
  const node = [process.execPath, '--enable-source-maps', '--test', concurrency, ...timeout];
  const command = [...prefix, ...node, ...reporters, ...list];
  const { status } = spawnSync(command[0], command.slice(1), { cwd: root, stdio: 'inherit' });
  if (status !== 0) failed = true;
}
