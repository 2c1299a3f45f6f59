/**
 * Programs as users write them, against the package as it would be published (`npm run test:consumers`): packs it, installs
 * it into temporary projects, and uses it there. It needs npm's registry.
 *
 *   node scripts/test-consumers.mjs [--quick] [PART …]
 *     PART     types, bundlers, test-runners, runtimes, package-managers; default: all
 *     --quick  a part of the first three, for CI
 */
import { parseArgs } from 'node:util';
import { bundlers } from './consumers/bundlers.mjs';
import { packageManagers } from './consumers/package-managers.mjs';
import { runtimes } from './consumers/runtimes.mjs';
import { testRunners } from './consumers/test-runners.mjs';
import { types } from './consumers/types.mjs';
import { counts } from './consumers/workshop.mjs';

const PARTS = { types, bundlers, 'test-runners': testRunners, runtimes, 'package-managers': packageManagers };
const QUICK = ['types', 'bundlers', 'test-runners'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false } },
});
const unknown = positionals.find((part) => PARTS[part] === undefined);
if (unknown !== undefined) {
  console.error(`PART must be one of ${Object.keys(PARTS).join(', ')}, got ${unknown}`);
  process.exit(2);
}
const chosen = positionals.length > 0 ? positionals : values.quick ? QUICK : Object.keys(PARTS);
for (const part of chosen) {
  console.log(`\n== ${part}`);
  PARTS[part](values.quick);
}
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed === 0 ? 0 : 1);
