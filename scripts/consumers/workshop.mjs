/** Temporary projects with the package as it would be published, and the account of what worked in them. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Milliseconds for one program: what hangs has failed. */
const LIMIT = 180_000;

const folder = mkdtempSync(join(tmpdir(), 'etherconn-consumers-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** The package, packed. */
export const tarball = join(
  folder,
  mustRun('npm', ['pack', '--silent', '--pack-destination', folder], join(root, 'packages/etherconn')),
);

export const counts = { passed: 0, failed: 0, skipped: 0 };

/** A new project with copies of what is in a folder of tests/. */
export function project(name, content) {
  const home = join(folder, name.replace(/\W+/g, '-'));
  mkdirSync(home);
  if (content === undefined)
    writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }\n');
  else cpSync(join(root, 'tests', content), home, { recursive: true });
  return home;
}

/** Installs packages with npm; ends everything when that fails. */
export function install(home, ...packages) {
  mustRun('npm', ['install', '--silent', '--no-audit', '--no-fund', ...packages], home);
}

/** The path of a program that a project has installed. */
export function bin(home, name) {
  return join(home, 'node_modules/.bin', name);
}

/** Runs a program in a project. Returns what spawnSync does. */
export function run(home, command, args, env = {}) {
  const options = {
    cwd: home,
    encoding: 'utf8',
    timeout: LIMIT,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  };
  return spawnSync(command, args, options);
}

/** Notes how a program ended, and what it printed when it failed. Returns whether it succeeded. */
export function report(name, { status, error, stdout = '', stderr = '' }) {
  const right = status === 0;
  console.log(`${right ? 'ok  ' : 'FAIL'} ${name}`);
  counts[right ? 'passed' : 'failed']++;
  if (!right) console.log(`${error?.message ?? ''}${stdout}${stderr}`.trim());
  return right;
}

export function skip(name, reason) {
  console.log(`skip ${name}: ${reason}`);
  counts.skipped++;
}

function mustRun(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  console.error(`${command} ${args.join(' ')}\n${stdout}${stderr}`);
  process.exit(1);
}
