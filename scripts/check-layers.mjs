import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';

/** Floors of the library from the bottom up (docs/architecture.md): a file may import from its own and lower ones. */
const FLOORS = [
  ['wire'],
  ['frames'],
  ['native'],
  ['capture'],
  ['link'],
  ['relay'],
  ['conn'],
  ['host'],
  ['dgram', 'net'],
  ['testing'],
  ['test-support'],
];
/** Single files at the top of src/ that belong to every floor. */
const COMMON = new Set([
  'clock.ts',
  'errors.ts',
  'lazy-emitter.ts',
  'open-table.ts',
  'options.ts',
  'pending.ts',
  'real-time.ts',
  'rethrow.ts',
  'ticks.ts',
  'virtual-clock.ts',
]);

/** Rooms of host/ from the bottom up, in the same way. */
const ROOMS = [
  ['host-error.ts', 'host-ethernet.ts', 'host-stats.ts', 'ip', 'link-watch.ts', 'tcp-stats.ts'],
  ['state.ts'],
  ['neighbor'],
  ['egress'],
  ['multicast'],
  ['tcp', 'udp'],
  ['icmp'],
  ['input.ts'],
  ['config'],
  ['host-options.ts', 'sharing.ts', 'stack.ts'],
  ['dhcp', 'slaac'],
];
/** Prints every import that points up; returns whether there is none. */
export function checkLayers(root) {
  const source = join(root, 'packages/etherconn/src');
  const wrong = [...importsUp(source, '', FLOORS), ...importsUp(source, 'host/', ROOMS)];
  for (const line of wrong) console.log(`${relative(root, source)}: ${line}`);
  return wrong.length === 0;
}

/** The imports in a folder of the source, of files of the same folder, that point up. */
function importsUp(source, below, floors) {
  const folder = join(source, below);
  const wrong = [];
  for (const file of readdirSync(folder, { recursive: true }).map(String)) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    const floor = floorOf(file, floors);
    for (const [, target] of readFileSync(join(folder, file), 'utf8').matchAll(/from '(\.[^']+)'/g)) {
      const imported = posix.join(dirname(file), target);
      if (imported.startsWith('..')) continue;
      if (floorOf(imported, floors) > floor) wrong.push(`${below}${file} imports ${below}${imported}`);
    }
  }
  return wrong;
}

function floorOf(file, floors) {
  const [top] = file.split('/');
  if (COMMON.has(file)) return -1;
  const floor = floors.findIndex((names) => names.includes(top));
  // index.ts, host.ts and other files at the top export or use everything.
  return floor < 0 ? floors.length : floor;
}
