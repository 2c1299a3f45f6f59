/**
 * Runs the tests of the addon and of the links with an addon that AddressSanitizer and UndefinedBehaviorSanitizer watch
 * (`npm run test:sanitize`): whoever writes past memory, or relies on what C does not define, ends the process and so
 * fails the test. Everything is copied to a folder of its own, so that a run that is ended harms no other.
 *
 *   node scripts/sanitize.mjs [PATTERN …]   only test files whose path contains one of the patterns; by default those of
 *                                           the addon, of AF_PACKET, of AF_XDP and of what both share
 *
 * Where the compiler has no sanitizers it says so and succeeds; with ETHERCONN_TEST_STRICT=1 it fails.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PATTERNS = ['/native/', '/link/packet/', '/link/xdp/', '/link/kernel/'];
/** Minutes after which the whole run has failed. */
const LIMIT = 20;

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = process.env.CC ?? 'gcc';

const library = findLibrary();
if (library === undefined) {
  console.log(
    `test:sanitize skipped: ${compiler} has no libasan.so and libubsan.so (on Debian they come with gcc: apt-get install gcc libc6-dev)`,
  );
  process.exit(process.env.ETHERCONN_TEST_STRICT === '1' ? 1 : 0);
}

const folder = mkdtempSync(join(tmpdir(), 'etherconn-sanitize-'));
try {
  process.exitCode = run();
} finally {
  rmSync(folder, { recursive: true });
}

/** The library that must be loaded before Node itself, which is not built with it. */
function findLibrary() {
  if (process.platform !== 'linux') return undefined;
  const [address, undefinedBehaviour] = ['libasan.so', 'libubsan.so'].map((name) => {
    const { stdout } = spawnSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' });
    const path = (stdout ?? '').trim();
    // The name alone is the answer of a compiler that does not have it.
    return isAbsolute(path) && existsSync(path) ? path : undefined;
  });
  return undefinedBehaviour === undefined ? undefined : address;
}

function run() {
  const home = join(folder, 'packages/etherconn');
  mkdirSync(home, { recursive: true });
  for (const name of ['dist', 'package.json', 'wasm', 'bpf']) {
    const source = join(root, 'packages/etherconn', name);
    if (existsSync(source)) cpSync(source, join(home, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const build = [
    'scripts/build-native.mjs',
    '--sanitize',
    '--cc',
    compiler,
    '--prebuilds',
    join(home, 'prebuilds'),
  ];
  const built = spawnSync(process.execPath, build, { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) return 1;

  const patterns = process.argv.length > 2 ? process.argv.slice(2) : PATTERNS;
  const test = ['scripts/test.mjs', '--folder', join(home, 'dist'), ...patterns];
  const { status, error } = spawnSync(process.execPath, test, {
    cwd: root,
    stdio: 'inherit',
    timeout: LIMIT * 60_000,
    env: {
      ...process.env,
      LD_PRELOAD: library,
      // Node gives nothing back when it ends. Allocations that fail are the addon's to handle.
      ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1:disable_coredump=1',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  });
  if (error !== undefined) console.error(`test:sanitize: ${error.message}`);
  return status ?? 1;
}
