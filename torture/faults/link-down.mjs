import { overAndOver } from '../lib/scene.mjs';
import { FAR, KERNEL_ENGINES, NEAR } from '../lib/wire.mjs';

export const title = 'the interface goes down and up, and so does its peer';
export const engines = KERNEL_ENGINES;

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  return overAndOver(part, async (scene) => {
    const { wire, relay } = scene;
    for (const [namespace, name] of /** @type {const} */ ([
      [wire.far, FAR],
      [wire.near, NEAR],
    ])) {
      namespace.run('ip', 'link', 'set', name, 'down');
      scene.host.ping('10.9.0.250', { timeout: 50 }).catch(() => {});
      scene.conn.trySendTo(new Uint8Array(20), { address: '10.9.0.250', port: 9 });
      await new Promise((resolve) => setTimeout(resolve, 20));
      namespace.run('ip', 'link', 'set', name, 'up');
      part.equal(relay.closed, false, `${name} was down, the relay is closed`);
      await scene.works(`after ${name} was down`);
    }
  });
}
