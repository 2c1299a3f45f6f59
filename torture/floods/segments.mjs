import { FRIEND, flood } from '../lib/flood.mjs';
import { FrameMaker } from '../lib/frames.mjs';
import { TARGET } from '../lib/target.mjs';
import { KERNEL_ENGINES } from '../lib/wire.mjs';

export const title = 'a flood of TCP: SYNs, acknowledgments, resets, any options';
export const engines = KERNEL_ENGINES;

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  const maker = new FrameMaker(part.random, TARGET);
  // Half of them come from a neighbor that the host knows, and can be answered.
  return flood(part, (random) => maker.whole('TCP', random.once(2) ? FRIEND : undefined));
}
