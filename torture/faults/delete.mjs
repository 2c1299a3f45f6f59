import { overAndOver } from '../lib/scene.mjs';
import { ALL_ENGINES, FAR } from '../lib/wire.mjs';

export const title = 'the interface is deleted';
export const engines = ALL_ENGINES;

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  return overAndOver(part, async (scene) => {
    const { wire, relay, host, conn } = scene;
    const read = conn.readFrom().then(
      () => 'a datagram',
      (error) => error.code,
    );
    let closed = 0;
    for (const one of [relay, host, conn]) one.on('close', () => closed++);
    if (wire.network !== undefined) await wire.network.close();
    else wire.far.run('ip', 'link', 'delete', FAR);
    await part.eventually('the relay is closed', () => relay.closed);
    part.equal(await read, 'ERR_ETHERCONN_RELAY_STOPPED', 'what a read that waited says');
    await part.eventually("'close' is emitted by relay, host and conn", () => closed === 3);
    return { interfaceIsThere: false };
  });
}
