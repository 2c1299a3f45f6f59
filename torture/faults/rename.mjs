import { overAndOver } from '../lib/scene.mjs';
import { FAR, KERNEL_ENGINES } from '../lib/wire.mjs';

export const title = 'the interface gets another name';
export const engines = KERNEL_ENGINES;

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  return overAndOver(part, async (scene) => {
    const { far } = scene.wire;
    const rename = (from, to) => {
      far.run('ip', 'link', 'set', from, 'down');
      far.run('ip', 'link', 'set', from, 'name', to);
      far.run('ip', 'link', 'set', to, 'up');
    };
    rename(FAR, 'renamed0');
    await scene.works('under another name');
    rename('renamed0', FAR);
    await scene.works('under its own name again');
  });
}
