import { overAndOver } from '../lib/scene.mjs';
import { FAR, KERNEL_ENGINES } from '../lib/wire.mjs';

export const title = 'the interface gets another MAC address';
export const engines = KERNEL_ENGINES;

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  return overAndOver(part, async (scene) => {
    for (const mac of ['02:00:00:00:00:77', '02:00:00:00:00:0b']) {
      scene.wire.far.run('ip', 'link', 'set', FAR, 'address', mac);
      await scene.works(`at ${mac}`);
    }
  });
}
