import { overAndOver } from '../lib/scene.mjs';
import { FAR, KERNEL_ENGINES } from '../lib/wire.mjs';

export const title = 'queues are taken away and given back';
export const engines = KERNEL_ENGINES;

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  const change = async (scene) => {
    for (const count of [1, 4, 2, 4]) {
      try {
        scene.wire.far.run('ethtool', '-L', FAR, 'rx', `${count}`, 'tx', `${count}`);
        part.count('queues changed');
      } catch {
        // A queue with a socket of AF_XDP is not given up.
        part.count('refused by the kernel');
      }
    }
    await scene.works('after queues were changed');
  };
  return overAndOver(part, change, { queues: 4 });
}
