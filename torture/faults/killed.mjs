import { once } from 'node:events';
import { answers, hold, isFree, onWires } from '../lib/held.mjs';
import { KERNEL_ENGINES } from '../lib/wire.mjs';

export const title = 'the process is killed, crashes, or exits without closing';
export const engines = KERNEL_ENGINES;

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  return onWires(part, async (wire) => {
    for (const how of ['SIGKILL', 'SIGTERM', 'SIGABRT', 'exit', 'throw']) {
      const { child, said } = await hold(part, wire);
      part.equal(said, 'open', 'opened');
      await answers(part, wire, `before ${how}`);
      const ended = once(child, 'exit');
      if (how.startsWith('SIG')) child.kill(/** @type {NodeJS.Signals} */ (how));
      else child.stdin.write(`${how}\n`);
      const [status, signal] = await ended;
      part.equal(
        signal ?? status,
        how.startsWith('SIG') ? how : how === 'exit' ? 0 : 1,
        `how it ended by ${how}`,
      );
      await isFree(part, wire, `after ${how}`);
    }
  });
}
