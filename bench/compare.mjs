/** `node bench/compare.mjs KEPT NEW`: says what became slower between two kept results; exits with 1 if something did. */
import { compare, describe } from './lib/compare.mjs';
import { readKept } from './lib/kept.mjs';

const [first, second] = process.argv.slice(2);
if (first === undefined || second === undefined) {
  console.error('usage: node bench/compare.mjs KEPT NEW');
  process.exit(2);
}
const [kept, now] = [readKept(first), readKept(second)];
const comparison = compare(kept, now);
console.log(describe(comparison, kept, now));
if (comparison.slower.length > 0) process.exitCode = 1;
