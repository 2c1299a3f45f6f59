// Compiles the C addon of packages/etherconn into its prebuilds/ folder. Run by the root install of a checkout;
// the published package ships the result and has no install script.
//
//   node scripts/build-native.mjs [--force] [--target linux-arm64-glibc] [--cc aarch64-linux-gnu-gcc]
//                                 [--sanitize --prebuilds FOLDER]
//
// --sanitize builds it with AddressSanitizer and UndefinedBehaviorSanitizer, for scripts/sanitize.mjs, which names another
// folder for the result.
//
// Without a compiler, or not on Linux, it says so and succeeds: everything but the kernel links works then.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const FLAGS = [
  '-std=c11',
  '-D_GNU_SOURCE',
  '-DNAPI_VERSION=8',
  '-shared',
  '-fPIC',
  '-O2',
  '-fvisibility=hidden',
];
/** Undefined behaviour ends the process as well, so that no test passes in spite of it. */
const SANITIZERS = [
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
  '-g',
  '-fno-omit-frame-pointer',
];
const WARNINGS = ['-Wall', '-Wextra', '-Werror'];
const TARGET = /^linux-(x64|arm64)-(glibc|musl)$/;
const PROBE = '#include <errno.h>\n#include <linux/if_packet.h>\n#include <linux/ethtool.h>\n';

const { values: options } = parseArgs({
  options: {
    force: { type: 'boolean', default: false },
    target: { type: 'string' },
    cc: { type: 'string' },
    sanitize: { type: 'boolean', default: false },
    prebuilds: { type: 'string' },
  },
});

const root = fileURLToPath(new URL('..', import.meta.url));
const sourceFolder = join(root, 'packages/etherconn/native');

/** The target that this machine runs. */
function hostTarget() {
  const libc = process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl';
  return `linux-${process.arch}-${libc}`;
}

const candidates = options.cc ? [options.cc] : [process.env.CC, 'cc', 'gcc', 'clang'].filter(Boolean);

/**
 * musl's compiler wrapper looks nowhere but in its own folder, which has no kernel headers. They are the same for
 * every C library, so those of the system serve, after everything else.
 */
function kernelHeaders() {
  if (!target.endsWith('musl') || !hostTarget().endsWith('glibc')) return [];
  const machine = target.includes('arm64') ? 'aarch64' : 'x86_64';
  return ['/usr/include', `/usr/include/${machine}-linux-gnu`].flatMap((folder) => ['-idirafter', folder]);
}

/** The first compiler (a command and its arguments) that finds the C library's and the kernel's headers. */
function findCompiler() {
  const compilers = candidates.map((candidate) => [...candidate.split(' '), ...kernelHeaders()]);
  return compilers.find(([command, ...args]) => {
    const probe = spawnSync(command, [...args, '-E', '-x', 'c', '-o', '/dev/null', '-'], { input: PROBE });
    return probe.status === 0;
  });
}

function newest(files) {
  return Math.max(...files.map((file) => statSync(file).mtimeMs));
}

function skip(reason) {
  // Who names a target or a compiler wants it built.
  if (options.target || options.cc) fail(reason);
  console.log(
    `native addon not built: ${reason}; kernel links (AF_PACKET) will not work, everything else does`,
  );
  process.exit(0);
}

function fail(reason, status = 1) {
  console.error(`native addon: ${reason}`);
  process.exit(status);
}

if (process.platform !== 'linux' && !options.target) skip(`it is for Linux, this is ${process.platform}`);
const target = options.target ?? hostTarget();
if (!TARGET.test(target)) {
  if (!options.target) skip(`no support for ${target}`);
  fail(
    `--target must be linux-x64-glibc, linux-x64-musl, linux-arm64-glibc or linux-arm64-musl, got ${target}`,
    2,
  );
}

const names = readdirSync(sourceFolder).filter((name) => /\.[ch]$/.test(name));
const sources = names.filter((name) => name.endsWith('.c')).map((name) => join(sourceFolder, name));
// The layout of the maps is shared with the in-kernel program.
const inputs = [
  ...names.map((name) => join(sourceFolder, name)),
  join(sourceFolder, '../bpf/steer.h'),
  fileURLToPath(import.meta.url),
];
const prebuilds = options.prebuilds ?? join(root, 'packages/etherconn/prebuilds');
const output = join(prebuilds, target, 'etherconn.node');
if (!options.force && existsSync(output) && statSync(output).mtimeMs > newest(inputs)) process.exit(0);

let includeFolder;
try {
  includeFolder = createRequire(import.meta.url)('node-api-headers').include_dir;
} catch {
  skip('the development dependency node-api-headers is not installed');
}
const compiler = findCompiler();
if (!compiler) {
  skip(
    `no C compiler with Linux headers found (tried ${candidates.join(', ')}; on Debian: apt-get install gcc libc6-dev)`,
  );
}
const [command, ...args] = compiler;

mkdirSync(dirname(output), { recursive: true });
// Written aside and renamed, so that a running process or a second build never sees half a file.
const temporary = `${output}.${process.pid}.tmp`;
const build = spawnSync(
  command,
  [
    ...args,
    ...FLAGS,
    ...(options.sanitize ? SANITIZERS : []),
    ...WARNINGS,
    `-I${includeFolder}`,
    ...sources,
    '-o',
    temporary,
  ],
  {
    stdio: 'inherit',
  },
);
if (build.status !== 0) {
  rmSync(temporary, { force: true });
  fail(`${command} failed`);
}
renameSync(temporary, output);
console.log(`native addon built: ${relative(root, output)}`);
