/**
 * Runs the tests of a folder of tests/ that has dependencies of its own, which all others are spared. Installs them first,
 * for which it needs npm's registry once.
 *
 *   node scripts/test-apart.mjs FOLDER [PATTERN …]
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [name, ...patterns] = process.argv.slice(2);
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join('tests', String(name));
const lock = join(root, folder, 'package-lock.json');
/** The lock file that was installed last. */
const installed = join(root, folder, 'node_modules/installed-lock.json');

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(installed) || readFileSync(installed, 'utf8') !== readFileSync(lock, 'utf8')) {
  run('npm', 'ci', '--prefix', folder, '--ignore-scripts');
  copyFileSync(lock, installed);
}
run(process.execPath, 'scripts/test.mjs', '--folder', folder, ...patterns);
