/** `npm run check`: format and lint, types, layers, circles, the public API, and the packages as they would be published. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkCircles } from './check-circles.mjs';
import { checkLayers } from './check-layers.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const PACKAGES = ['packages/etherconn', 'packages/cli', 'packages/campaign'];

const steps = [
  ['format and lint', () => npx('biome', 'ci', '--colors=off', '--error-on-warnings', '.')],
  ['types', () => PACKAGES.every((folder) => npx('tsc', '-p', folder))],
  ['imports point down', () => checkLayers(root)],
  [
    'no files import each other in a circle',
    () => PACKAGES.map((folder) => checkCircles(`${root}/${folder}/src`)).every(Boolean),
  ],
  ['steering program is of its sources', () => node('scripts/build-bpf.mjs', '--check')],
  ['checksum module is of its source', () => node('scripts/build-wasm.mjs', '--check')],
  ['public API is as api.txt says', () => node('scripts/api-report.mjs', '--check')],
  [
    'lock files name no host',
    () =>
      ['.', 'tests/libraries', 'tests/deploy'].every(
        (folder) => !/"resolved": "http/.test(readFileSync(`${root}/${folder}/package-lock.json`, 'utf8')),
      ),
  ],
  ['publint', () => PACKAGES.every((folder) => npx('publint', '--strict', folder))],
  [
    'are the types wrong',
    () => PACKAGES.every((folder) => npx('attw', '--pack', folder, '--profile', 'esm-only')),
  ],
];

let failed = 0;
for (const [name, step] of steps) {
  console.log(`\n== ${name}`);
  if (!step()) {
    failed++;
    console.log(`== ${name}: FAILED`);
  }
}
console.log(failed === 0 ? '\nall checks passed' : `\n${failed} of ${steps.length} checks failed`);
process.exit(failed === 0 ? 0 : 1);

function npx(...args) {
  return spawnSync('npx', ['--no-install', ...args], { cwd: root, stdio: 'inherit' }).status === 0;
}

function node(...args) {
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;
}
