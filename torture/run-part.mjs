/** One part of the torture in a process of its own: `node run-part.mjs FILE JSON`. Prints its result as one line of JSON. */
import { Part } from './lib/part.mjs';

const [file, text] = process.argv.slice(2);
const part = new Part(JSON.parse(text));
const { run } = await import(`./${file}.mjs`);
const began = performance.now();
try {
  await run(part);
} catch (error) {
  part.fail(`threw: ${error?.stack ?? error}`);
}
const { counts, failures, failed } = part;
const elapsed = performance.now() - began;
const { utilization } = performance.eventLoopUtilization();
process.stdout.write(
  `\n${JSON.stringify({ counts, failures, failed, elapsed, utilization, rss: process.memoryUsage.rss() })}\n`,
  () => process.exit(0),
);
