import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';

/** Floors of the library from the bottom up (docs/architecture.md): a file may import from its own and lower ones. */
const FLOORS = [
  ['wire'],
  ['native'],
  ['capture'],
  ['link'],
  ['relay'],
  ['conn'],
  ['host'],
  ['dgram'],
  ['testing'],
  ['test-support'],
];
/** Single files at the top of src/ that belong to every floor. */
const COMMON = new Set([
  'clock.ts',
  'errors.ts',
  'open-table.ts',
  'options.ts',
  'pending.ts',
  'real-time.ts',
  'rethrow.ts',
  'ticks.ts',
  'virtual-clock.ts',
]);

/** Prints every import that points up; returns whether there is none. */
export function checkLayers(root) {
  const source = join(root, 'packages/etherconn/src');
  const wrong = [];
  for (const file of readdirSync(source, { recursive: true }).map(String)) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    const floor = floorOf(file);
    for (const [, target] of readFileSync(join(source, file), 'utf8').matchAll(/from '(\.[^']+)'/g)) {
      const imported = posix.join(dirname(file), target);
      if (floorOf(imported) > floor) wrong.push(`${file} imports ${imported}`);
    }
  }
  for (const line of wrong) console.log(`${relative(root, source)}: ${line}`);
  return wrong.length === 0;
}

function floorOf(file) {
  const [top] = file.split('/');
  if (COMMON.has(file)) return -1;
  const floor = FLOORS.findIndex((names) => names.includes(top));
  // index.ts and other files at the top export everything.
  return floor < 0 ? FLOORS.length : floor;
}
