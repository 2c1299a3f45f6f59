import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

/**
 * Floors of the library from the bottom up (docs/architecture.md): a file may import from its own room and lower floors.
 * Rooms on one floor do not know each other; those in a list of their own are one room.
 */
const FLOORS = [
  ['wire'],
  ['frames'],
  ['native'],
  ['capture'],
  ['link'],
  ['relay'],
  ['conn'],
  ['host'],
  [['dgram', 'net']],
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
  ['tcp-stats.ts'],
  ['broadcast-ports.ts', 'host-error.ts', 'host-ethernet.ts', 'host-stats.ts', 'ip', 'link-watch.ts'],
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

/** Rooms of the command from the bottom up. */
const COMMAND = [
  ['abortable.ts', 'exit-code.ts', 'interruption.ts', 'line-output.ts', 'seeded-random.ts', 'system'],
  ['scenario'],
  ['filter', 'metrics'],
  ['figures'],
  ['capture', 'lab', 'runner'],
  ['dhcp', 'doctor', 'ping', 'replay', 'send', 'udp'],
  ['respond', 'run'],
  ['compare', 'demo'],
  ['views'],
  ['test-support'],
  ['commands'],
];

/** Rooms of campaigns from the bottom up. */
const CAMPAIGN = [
  ['protocol'],
  ['hub', 'results'],
  ['agent', 'coordinator'],
  ['plan'],
  ['commands'],
  ['test-support'],
];

/** The sources of a package, a folder in them, and the order of what is in it. */
const HOUSES = [
  ['packages/etherconn/src', '', FLOORS],
  ['packages/etherconn/src', 'host/', ROOMS],
  ['packages/cli/src', '', COMMAND],
  ['packages/campaign/src', '', CAMPAIGN],
];

/** Prints every import that points up; returns whether there is none. */
export function checkLayers(root) {
  const wrong = HOUSES.flatMap(([source, below, floors]) =>
    importsUp(join(root, source, below), floors).map(
      ([file, imported]) => `${source}: ${below}${file} imports ${below}${imported}`,
    ),
  );
  for (const line of wrong) console.log(line);
  return wrong.length === 0;
}

/** The imports in a folder, as [file, imported], of files of the same folder, that point up, or to another room of the same floor. */
function importsUp(folder, floors) {
  const wrong = [];
  for (const file of readdirSync(folder, { recursive: true }).map(String)) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    const [floor, room] = placeOf(file, floors);
    const text = readFileSync(join(folder, file), 'utf8');
    for (const [, target] of text.matchAll(/(?:from |import\()'(\.[^']+)'/g)) {
      const imported = posix.join(dirname(file), target);
      if (imported.startsWith('..')) continue;
      const [below, other] = placeOf(imported, floors);
      const isUp = below > floor || (below === floor && other !== room);
      if (isUp) wrong.push([file, imported]);
    }
  }
  return wrong;
}

/** The floor of a file, and its room there. A file that the floors name itself is no part of its folder's room. */
function placeOf(file, floors) {
  if (COMMON.has(file)) return [-1, ''];
  for (const name of [file, file.split('/')[0]]) {
    for (const [floor, rooms] of floors.entries()) {
      const room = rooms.find((names) => [names].flat().includes(name));
      if (room !== undefined) return [floor, room];
    }
  }
  // index.ts, host.ts and other files at the top export or use everything.
  return [floors.length, ''];
}
