// Compiles the C addon of packages/etherconn for this machine into its prebuilds/ folder. Run by the root install of a
// checkout; the published package ships the builds of build-prebuilds.mjs and has no install script.
//
//   node scripts/build-native.mjs [--force] [--cc clang] [--sanitize --prebuilds FOLDER]
//
// --sanitize builds it with AddressSanitizer and UndefinedBehaviorSanitizer, for scripts/sanitize.mjs, which names another
// folder for the result.
//
// Without a compiler, or not on Linux, it says so and succeeds: everything but the kernel links works then.

import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  addonFile,
  compile,
  nativeFiles,
  nodeApiHeaders,
  prebuildsFolder,
  sourceFolder,
  TARGETS,
} from './native/compile.mjs';

/** Undefined behaviour ends the process as well, so that no test passes in spite of it. */
const SANITIZERS = [
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
  '-g',
  '-fno-omit-frame-pointer',
];
const PROBE = '#include <errno.h>\n#include <linux/if_packet.h>\n#include <linux/ethtool.h>\n';

const { values: options } = parseArgs({
  options: {
    force: { type: 'boolean', default: false },
    cc: { type: 'string' },
    sanitize: { type: 'boolean', default: false },
    prebuilds: { type: 'string', default: prebuildsFolder },
  },
});

const root = fileURLToPath(new URL('..', import.meta.url));

/** The target that this machine runs. */
function hostTarget() {
  const libc = process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl';
  return `linux-${process.arch}-${libc}`;
}

const candidates = options.cc ? [options.cc] : [process.env.CC, 'cc', 'gcc', 'clang'].filter(Boolean);

/** The first compiler (a command and its arguments) that finds the C library's and the kernel's headers. */
function findCompiler() {
  const compilers = candidates.map((candidate) => candidate.split(' '));
  return compilers.find(([command, ...args]) => {
    const probe = spawnSync(command, [...args, '-E', '-x', 'c', '-o', '/dev/null', '-'], { input: PROBE });
    return probe.status === 0;
  });
}

function newest(files) {
  return Math.max(...files.map((file) => statSync(file).mtimeMs));
}

function skip(reason) {
  // Who names a compiler wants it built.
  if (options.cc) {
    console.error(`native addon: ${reason}`);
    process.exit(1);
  }
  console.log(
    `native addon not built: ${reason}; kernel links (AF_PACKET) will not work, everything else does`,
  );
  process.exit(0);
}

if (process.platform !== 'linux') skip(`it is for Linux, this is ${process.platform}`);
const target = hostTarget();
if (!TARGETS.includes(target)) skip(`no support for ${target}`);

const inputs = [
  ...nativeFiles(),
  // The layout of the maps is shared with the in-kernel program.
  join(sourceFolder, '../bpf/steer.h'),
  fileURLToPath(import.meta.url),
  fileURLToPath(new URL('native/compile.mjs', import.meta.url)),
];
const output = addonFile(options.prebuilds, target);
if (!options.force && existsSync(output) && statSync(output).mtimeMs > newest(inputs)) process.exit(0);

if (nodeApiHeaders() === undefined) {
  skip('the development dependency node-api-headers is not installed');
}
const compiler = findCompiler();
if (!compiler) {
  skip(
    `no C compiler with Linux headers found (tried ${candidates.join(', ')}; on Debian: apt-get install gcc libc6-dev)`,
  );
}
const [command, ...args] = compiler;
if (!compile({ command, before: [...args, ...(options.sanitize ? SANITIZERS : [])], output })) {
  console.error(`native addon: ${command} failed`);
  process.exit(1);
}
console.log(`native addon built: ${relative(root, output)}`);
