import { openNamespace } from 'etherconn/testing';
import { overAndOver } from '../lib/scene.mjs';
import { FAR, KERNEL_ENGINES } from '../lib/wire.mjs';

export const title = 'the interface moves to another namespace';
export const engines = KERNEL_ENGINES;

/** @param {import('../lib/part.mjs').Part} part */
export async function run(part) {
  const elsewhere = await openNamespace();
  await overAndOver(part, async (scene) => {
    const { wire, relay } = scene;
    wire.far.run('ip', 'link', 'set', FAR, 'netns', `${elsewhere.pid}`);
    // It is gone where it was: the relay stops as if it were deleted.
    await part.eventually('the relay is closed', () => relay.closed);
    elsewhere.run('ip', 'link', 'delete', FAR);
    return { interfaceIsThere: false };
  });
  await elsewhere.close();
}
