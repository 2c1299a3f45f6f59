import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { answers, isFree, onWires } from '../lib/held.mjs';
import { FAR, holdings, KERNEL_ENGINES } from '../lib/wire.mjs';

export const title = 'a worker that holds a relay is terminated';
export const engines = KERNEL_ENGINES;

const HOLD = fileURLToPath(new URL('../children/hold.mjs', import.meta.url));

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  let before;
  return onWires(part, async (wire) => {
    const worker = new Worker(HOLD, { workerData: [part.engine, FAR, wire.far.path], stdin: true });
    const [said] = await once(worker, 'message');
    part.equal(said, 'open', 'opened');
    await answers(part, wire, 'in a worker');
    await worker.terminate();
    await isFree(part, wire, 'after terminate()');
    // The first leaves what stays loaded.
    if (before === undefined) before = holdings();
    else
      await part.eventually('descriptors and rings are given back', () => {
        const { descriptors, rings } = holdings();
        return descriptors <= before.descriptors && rings <= before.rings;
      });
  });
}
