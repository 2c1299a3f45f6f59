/** The compiler's arguments that every build of the addon shares: the one for this machine and the prebuilt ones. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const TARGETS = ['linux-x64-glibc', 'linux-x64-musl', 'linux-arm64-glibc', 'linux-arm64-musl'];

export const sourceFolder = fileURLToPath(new URL('../../packages/etherconn/native/', import.meta.url));
export const prebuildsFolder = fileURLToPath(new URL('../../packages/etherconn/prebuilds/', import.meta.url));

const FLAGS = [
  '-std=c11',
  '-D_GNU_SOURCE',
  '-DNAPI_VERSION=8',
  '-shared',
  '-fPIC',
  '-O2',
  '-fvisibility=hidden',
  // What a runtime lacks is named when the addon is loaded, and does not end the process at the first call.
  '-Wl,-z,now',
];
const WARNINGS = ['-Wall', '-Wextra', '-Werror'];

/** Where the addon for a target lies below a folder of prebuilt addons. */
export function addonFile(folder, target) {
  return join(folder, target, 'etherconn.node');
}

/** The files of `folder` that the addon is made of, headers included, in the same order everywhere. */
export function nativeFiles(folder = sourceFolder) {
  const names = readdirSync(folder).filter((name) => /\.[ch]$/.test(name));
  return names.sort().map((name) => join(folder, name));
}

/** The folder with Node-API's headers; undefined when the development dependency is missing. */
export function nodeApiHeaders() {
  try {
    return createRequire(import.meta.url)('node-api-headers').include_dir;
  } catch {
    return undefined;
  }
}

/**
 * Compiles the addon into `output`. `command` is the compiler, `before` and `after` are arguments that come before and
 * after everything else. Returns whether it succeeded; the compiler prints why not.
 */
export function compile({ command, before = [], after = [], output, folder = sourceFolder }) {
  mkdirSync(dirname(output), { recursive: true });
  // Written aside and renamed, so that a running process or a second build never sees half a file.
  const temporary = `${output}.${process.pid}.tmp`;
  const sources = nativeFiles(folder).filter((file) => file.endsWith('.c'));
  const args = [...before, ...FLAGS, ...WARNINGS, `-I${nodeApiHeaders()}`, ...sources, '-o', temporary];
  const { status, error } = spawnSync(command, [...args, ...after], { stdio: 'inherit' });
  if (error) console.error(`${command}: ${error.message}`);
  if (status !== 0) {
    rmSync(temporary, { force: true });
    return false;
  }
  renameSync(temporary, output);
  return true;
}
