import { once } from 'node:events';
import { answers, hold, isFree, onWires } from '../lib/held.mjs';
import { KERNEL_ENGINES } from '../lib/wire.mjs';

export const title = 'too little lockable memory, too few descriptors';
export const engines = KERNEL_ENGINES;

/** What Node itself needs to start. */
const NODE_NEEDS = 20;
const ENOUGH = 64;
/** How opening may fail: told by what the system says. */
const SAID = /^(open|EMFILE|ENOBUFS|ENOMEM|EPERM)$/;

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  return onWires(part, async (wire) => {
    const { random } = part;
    for (let i = 0; i < 8 && (i === 0 || part.goesOn); i++) {
      const memory = `--memlock=${random.pick([0, 65_536, 1 << 20])}`;
      const limit = random.once(4) ? memory : `--nofile=${NODE_NEEDS + random.below(ENOUGH - NODE_NEEDS)}`;
      // Without the capability that would pass over the limit.
      const lock = limit.startsWith('--memlock')
        ? ['setpriv', '--bounding-set=-ipc_lock', '--inh-caps=-ipc_lock']
        : [];
      const { child, said } = await hold(part, wire, ['prlimit', limit, ...lock]);
      if (said !== 'nothing') part.check(SAID.test(said), `${limit}: ${said}`);
      part.count(
        said === 'open' ? 'opened' : said === 'nothing' ? 'too few for Node itself' : `refused by ${said}`,
      );
      if (said === 'open') await answers(part, wire, limit);
      if (child.exitCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
    }
    await isFree(part, wire, 'after limits');
  });
}
