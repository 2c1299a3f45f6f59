/**
 * `node bench/report.mjs [FILE]`: keeps the results of FILE as bench/results/latest.json, in the short form, and writes
 * docs/performance.md, its plots and the README's ratios from them. Without FILE it writes them anew. When FILE has not all
 * benches, those that it has take the place of the kept ones, and say that they are of a run of their own.
 */
import { fileURLToPath } from 'node:url';
import { mergeKept, readKept, writeKept } from './lib/kept.mjs';
import { writeReport } from './lib/report.mjs';

const file = fileURLToPath(new URL('results/latest.json', import.meta.url));
const kept = readKept(file);
const results = process.argv[2] === undefined ? kept : mergeKept(kept, readKept(process.argv[2]));
writeKept(file, results);
console.log(writeReport(results));
