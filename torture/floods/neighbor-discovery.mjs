import { flood } from '../lib/flood.mjs';
import { FrameMaker } from '../lib/frames.mjs';
import { TARGET } from '../lib/target.mjs';
import { KERNEL_ENGINES } from '../lib/wire.mjs';

export const title = 'a flood of neighbor discovery';
export const engines = KERNEL_ENGINES;

/** @param {import('../lib/part.mjs').Part} part */
export function run(part) {
  const maker = new FrameMaker(part.random, TARGET);
  return flood(part, () => maker.whole('neighbor discovery'));
}
