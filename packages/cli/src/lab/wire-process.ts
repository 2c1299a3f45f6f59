import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { openPacketLink } from 'etherconn/link';
import { wireInterfaces } from './lab-plan.ts';
import { type LabState, socketOf } from './lab-state.ts';
import { Wire } from './wire.ts';

/**
 * The process of a lab's wires: `node wire-process.js STATE`, inside of the wires' namespace. It says 'ready', and from then
 * on tells what the wires have done to whoever connects to the lab's socket. It ends by SIGTERM, and when an interface
 * is gone, for then the lab is.
 */

/** Room for a burst, and for the pause in which this process does not look. */
const RECEIVE_RING = 8192;

// Not by the lab's name: inside of a user namespace another user seems to run it, whose states are elsewhere.
const statePath = process.argv[2];
const { plan } = JSON.parse(readFileSync(statePath, 'utf8')) as LabState;
const { name, cables, impair = {}, seed } = plan;
process.title = `etherconn lab wire ${name}`;
const path = socketOf(statePath);

const end = (error?: Error): void => {
  if (error !== undefined) process.stderr.write(`${new Date().toISOString()} ${error.message}\n`);
  rmSync(path, { force: true });
  process.exit(error === undefined ? 0 : 1);
};
const wires = cables.map((_cable, n) => {
  const [left, right] = wireInterfaces(n).map((side) =>
    openPacketLink(side, { receiveRing: ringFor(plan.mtu) }),
  );
  return new Wire(left, right, impair, seed + 2 * n, end);
});

function ringFor(mtu: number): number {
  return mtu <= 2000 ? RECEIVE_RING : RECEIVE_RING / 8;
}

process.on('SIGTERM', () => end());
rmSync(path, { force: true });
createServer((socket) => {
  socket.on('error', () => {});
  socket.end(JSON.stringify(wires.map((wire) => wire.stats())));
}).listen(path, () => process.stdout.write('ready\n'));
