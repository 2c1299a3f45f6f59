import { once } from 'node:events';
import { L2EndpointKey } from 'etherconn';
import { answers, hold, isFree, onWires } from '../lib/held.mjs';
import { sleep } from '../lib/part.mjs';
import { KERNEL_ENGINES } from '../lib/wire.mjs';

export const title = 'the process is stopped under traffic, and goes on';
export const engines = KERNEL_ENGINES;

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  return onWires(part, async (wire) => {
    const { child, said } = await hold(part, wire);
    part.equal(said, 'open', 'opened');
    child.kill('SIGSTOP');
    const attacker = await wire.attacker();
    const registration = attacker.register([L2EndpointKey.of('02:ee:ff:ff:ff:ff', 0x9999)]);
    const frame = new Uint8Array(100);
    frame.set([2, 0, 0, 0, 0, 5, 2, 0xee, 0, 0, 0, 1, 0x08, 0x00]);
    const end = performance.now() + 300;
    while (performance.now() < end) {
      for (let i = 0; i < 256; i++) part.count('frames', registration.trySend(frame));
      attacker.flush();
      await sleep(1);
    }
    await attacker.close();
    child.kill('SIGCONT');
    await answers(part, wire, 'after it was stopped');
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await isFree(part, wire, 'after it was stopped and killed');
  });
}
