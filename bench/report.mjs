/**
 * `node bench/report.mjs [FILE]`: keeps the results of FILE as bench/results/latest.json, in the short form, and writes
 * docs/performance.md, its plots and the README's ratios from them. Without FILE it writes them anew.
 */
import { fileURLToPath } from 'node:url';
import { readKept, writeKept } from './lib/kept.mjs';
import { writeReport } from './lib/report.mjs';

const kept = fileURLToPath(new URL('results/latest.json', import.meta.url));
const results = readKept(process.argv[2] ?? kept);
writeKept(kept, results);
console.log(writeReport(results));
