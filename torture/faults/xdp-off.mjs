import { overAndOver } from '../lib/scene.mjs';
import { FAR } from '../lib/wire.mjs';

export const title = 'somebody takes the XDP program off';
export const engines = ['xdp native', 'xdp generic'];

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  return overAndOver(part, async (scene) => {
    for (const command of ['xdp', 'xdpgeneric', 'xdpdrv']) {
      try {
        scene.wire.far.run('ip', 'link', 'set', FAR, command, 'off');
        part.count('taken for done by the kernel');
      } catch {
        part.count('refused by the kernel');
      }
    }
    // The program is held by a link, which only its owner can take off.
    await scene.works("after 'xdp off'");
  });
}
