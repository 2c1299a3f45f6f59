import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Host } from 'etherconn';
import { HOST_ADDRESS } from './scene.mjs';
import { FAR, interfaceState, openRelay, Wire } from './wire.mjs';

const HOLD = fileURLToPath(new URL('../children/hold.mjs', import.meta.url));

/**
 * A process that holds a relay at the far end of a wire.
 * @param {import('./part.mjs').Part} part
 * @param {Wire} wire
 * @param {readonly string[]} [prefix] what it is started through
 */
export async function hold(part, wire, prefix = []) {
  const command = [...prefix, process.execPath, HOLD, part.engine, FAR, wire.far.path];
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'ignore'] });
  const [said] = await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => ['nothing']),
  ]);
  return { child, said: String(said).trim() };
}

/**
 * Waits until an interface is as if nobody had ever used it, and can be used again.
 * @param {import('./part.mjs').Part} part
 * @param {Wire} wire
 * @param {string} when
 */
export async function isFree(part, wire, when) {
  await part.eventually(`${when}: no program and no promiscuity are left`, () => {
    const { program, promiscuity } = interfaceState(wire.far, FAR);
    return !program && promiscuity === 0;
  });
  const relay = await openRelay(part.engine, { interfaceName: FAR, netns: wire.far.path });
  await relay.close();
}

/**
 * Whether the host of a held relay answers.
 * @param {import('./part.mjs').Part} part
 * @param {Wire} wire
 * @param {string} when
 */
export async function answers(part, wire, when) {
  const relay = await wire.attacker();
  const peer = Host.createNow(relay, {
    mac: '02:00:00:00:01:01',
    addresses: ['10.9.0.250/24'],
    detectDuplicates: 'off',
  });
  let error;
  for (let tries = 0; tries < 5; tries++) {
    error = await peer.ping(HOST_ADDRESS, { timeout: 1000 }).then(
      () => undefined,
      (failure) => failure,
    );
    if (error === undefined) break;
  }
  part.check(error === undefined, `${when}: the host does not answer: ${error}`);
  await peer.close();
  await relay.close();
}

/**
 * Does something to processes that hold a relay, over and over.
 * @param {import('./part.mjs').Part} part
 * @param {(wire: Wire) => Promise<void>} fault
 */
export async function onWires(part, fault) {
  const wire = await Wire.open(part.engine);
  try {
    do {
      await fault(wire);
      part.count('times');
    } while (part.goesOn);
  } finally {
    await wire.close();
  }
}
