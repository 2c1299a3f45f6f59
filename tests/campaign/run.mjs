/**
 * `npm run test:campaign`: campaigns on real interfaces, judged by a capture.
 *
 *   node tests/campaign/run.mjs [--short] [--judge] [PROOF …]
 *     PROOF     start, killedAgent, stoppedAgent, lostStore, partitions, unfenced; default all
 *     --short   start and killedAgent alone: for CI
 *     --judge   times fail the test, too; without, they are printed
 */
import { parseArgs } from 'node:util';
import { requireCommand, requireNamespaces } from 'etherconn/testing';
import { PROOFS } from './proofs.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: 'boolean' }, judge: { type: 'boolean' } },
});
const obstacle = requireNamespaces() || requireCommand('nats-server') || requireCommand('tcpdump');
if (obstacle) {
  console.log(`skipped: ${obstacle}`);
  process.exit(0);
}
const names =
  positionals.length > 0 ? positionals : values.short ? ['start', 'killedAgent'] : Object.keys(PROOFS);
let [passed, failed] = [0, 0];
for (const name of names) {
  console.log(`\n== ${name}`);
  const missed = [];
  const judge = (what, isMet) => {
    if (!isMet) missed.push(what);
    console.log(`${isMet ? 'met' : 'MISSED'}: ${what}`);
  };
  try {
    await PROOFS[name]({ judge });
    if (values.judge && missed.length > 0) throw new Error(`missed: ${missed.join(', ')}`);
    passed++;
  } catch (error) {
    failed++;
    console.log(error.stack);
  }
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
