import { L2EndpointKey } from 'etherconn';
import { overAndOver } from '../lib/scene.mjs';
import { ALL_ENGINES } from '../lib/wire.mjs';

export const title = 'the event loop is blocked';
export const engines = ALL_ENGINES;

const BLOCKED = 300;

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  return overAndOver(part, async (scene) => {
    const attacker = await scene.wire.attacker();
    const registration = attacker.register([L2EndpointKey.of('02:ee:ff:ff:ff:ff', 0x9999)]);
    const frame = new Uint8Array(100);
    frame.set([2, 0, 0, 0, 0, 5, 2, 0xee, 0, 0, 0, 1, 0x08, 0x00]);
    const before = scene.relay.stats();
    let sent = 0;
    const end = performance.now() + BLOCKED;
    while (performance.now() < end) {
      for (let i = 0; i < 64; i++) sent += registration.trySend(frame);
      attacker.flush();
    }
    await part.eventually(`${sent} frames are accounted for`, () => {
      const { received, link } = scene.relay.stats();
      return received - before.received + link.rxDropped - before.link.rxDropped >= sent;
    });
    part.count('frames', sent);
    const { link } = scene.relay.stats();
    part.count('dropped while it was blocked', link.rxDropped - before.link.rxDropped);
    await scene.works('after the loop was blocked');
  });
}
