/**
 * The command itself, as `bin/etherconn.js` runs it. Takes { argv, starts: 'told' | 'now' }. With 'told' it runs when it is told
 * to begin; with 'now' at once, is ready when it has told its first second, and ends when it is told to. Answers with
 * the figures of its third second, in which it is warm, and of its result.
 */
import { run } from '../../packages/cli/dist/main.js';
import { residentMemory } from '../lib/memory.mjs';
import { cpuMicroseconds, onCommand, readArguments, sayReady } from './timing.mjs';

const { argv, starts = 'told' } = readArguments();
/** The third second: then it is warm. */
const MEASURED = 2;
/** Lines of --ndjson, with the processor time at which each was written. @type {[Record<string, any>, number][]} */
const lines = [];
let memory = residentMemory();
const print = process.stdout.write.bind(process.stdout);

// The command's output is read here; what goes to the suite is said aloud.
process.stdout.write = (/** @type {any} */ text, /** @type {any} */ done) => {
  if (done === undefined) return print(text);
  for (const line of String(text).split('\n')) {
    if (line === '') continue;
    lines.push([JSON.parse(line), cpuMicroseconds()]);
    if (lines.length === MEASURED + 1) memory = residentMemory();
    if (starts === 'now' && lines.length === 1) sayReady();
  }
  done();
  return true;
};

async function start() {
  await run(['node', 'etherconn', ...argv, '--ndjson']);
  const [[second, cpu], [, before]] = [lines[MEASURED], lines[MEASURED - 1]];
  const [result] = /** @type {[Record<string, any>, number]} */ (lines.at(-1));
  if (result.type !== 'result' || second?.type !== 'second') throw new Error('the run was too short');
  print(`${JSON.stringify({ second, result, cpuMicroseconds: cpu - before, ...memory })}\n`);
  process.exit(0);
}

if (starts === 'now') void start();
else sayReady();
onCommand((command) => {
  if (command === 'e') process.kill(process.pid, 'SIGINT');
  else if (starts !== 'now') void start();
});
