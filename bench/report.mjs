/** `node bench/report.mjs [FILE]`: writes docs/performance.md and the README's ratios anew from kept results (bench/results/latest.json). */
import { readFileSync } from 'node:fs';
import { writeReport } from './lib/report.mjs';

const file = process.argv[2] ?? new URL('results/latest.json', import.meta.url);
console.log(writeReport(JSON.parse(readFileSync(file, 'utf8'))));
