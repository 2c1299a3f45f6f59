import { overAndOver } from '../lib/scene.mjs';
import { FAR, KERNEL_ENGINES, NEAR } from '../lib/wire.mjs';

export const title = 'the MTU changes';
export const engines = KERNEL_ENGINES;

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  return overAndOver(part, async (scene) => {
    const { near, far } = scene.wire;
    for (const mtu of [1280, 68, 1500, 9000, 1500]) {
      let refused = 0;
      for (const [namespace, name] of /** @type {const} */ ([
        [near, NEAR],
        [far, FAR],
      ])) {
        try {
          namespace.run('ip', 'link', 'set', name, 'mtu', `${mtu}`);
        } catch {
          // A driver may not go over a page with a program on it.
          refused++;
        }
      }
      part.count(refused === 0 ? 'MTU set' : 'MTU refused by the kernel');
      scene.conn.trySendTo(new Uint8Array(1400), { address: '10.9.0.250', port: 9 });
      if (mtu >= 1280) await scene.works(`with an MTU of ${mtu}`);
    }
  });
}
