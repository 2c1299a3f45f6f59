import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Skip } from './run.mjs';

/** Where programs are built and packages are fetched to; not part of the sources. */
const CACHE = fileURLToPath(new URL('../.cache/', import.meta.url));
const SOURCES = fileURLToPath(new URL('../rivals/', import.meta.url));

/** How the names of cases begin that are not ours. */
const NAMES = /^(C[ ,]|node:dgram|Bun|cap,|perfdhcp,)/;

/**
 * @param {string} name of a case
 */
export function isRival(name) {
  return NAMES.test(name);
}

/** @type {Map<string, string>} */
const problems = new Map();

/**
 * Path of a rival in C, built by the system's compiler if it is not yet.
 * @param {string} name
 */
export function rival(name) {
  const program = `${CACHE}${name}`;
  if (isFresh(program, `${name}.c`)) return program;
  const known = problems.get(name);
  if (known !== undefined) throw new Skip(known);
  mkdirSync(CACHE, { recursive: true });
  const built = spawnSync('cc', ['-O2', '-o', program, `${SOURCES}${name}.c`], { encoding: 'utf8' });
  if (built.status === 0) return program;
  const reason = built.error ? 'no C compiler (cc)' : `cc: ${firstError(built.stderr)}`;
  problems.set(name, reason);
  throw new Skip(reason);
}

/**
 * @param {string} program
 * @param {string} source
 */
function isFresh(program, source) {
  if (!existsSync(program)) return false;
  const built = statSync(program).mtimeMs;
  return readdirSync(SOURCES)
    .filter((file) => file === source || file.endsWith('.h'))
    .every((file) => statSync(`${SOURCES}${file}`).mtimeMs < built);
}

/**
 * Folder of an npm package that is compared with, fetched once. It is no dependency of ours: where it cannot be had,
 * the comparison is left out.
 * @param {string} name
 * @param {string} [product] file in it that is built when the package is installed
 */
export function rivalPackage(name, product) {
  const folder = `${CACHE}npm/node_modules/${name}`;
  const known = problems.get(name);
  if (known !== undefined) throw new Skip(known);
  const isThere = () => existsSync(`${folder}/${product ?? 'package.json'}`);
  if (isThere()) return folder;
  mkdirSync(`${CACHE}npm`, { recursive: true });
  const options = ['--prefix', `${CACHE}npm`, '--no-audit', '--no-fund'];
  let { stderr } = runNpm(CACHE, ['install', ...options, name]);
  // Install scripts may be off by default; this package is wanted, with its one.
  if (!isThere() && product !== undefined && existsSync(folder)) {
    ({ stderr } = runNpm(folder, ['exec', '--yes', 'node-gyp', '--', 'rebuild']));
  }
  if (isThere()) return folder;
  const reason = `npm package '${name}' cannot be installed: ${firstError(stderr)}`;
  problems.set(name, reason);
  throw new Skip(reason);
}

/**
 * @param {string} folder
 * @param {readonly string[]} args
 */
function runNpm(folder, args) {
  const { stderr, error } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8', timeout: 120_000 });
  return { stderr: error === undefined ? stderr : error.message };
}

/** @param {string} text */
function firstError(text) {
  const line = text.split('\n').find((each) => /error: |ERR_|E[A-Z]{4,}/.test(each)) ?? text.split('\n')[0];
  return line
    .replace(/^npm error\s*/, '')
    .replaceAll(CACHE, '')
    .trim();
}
