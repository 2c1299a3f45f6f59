/**
 * `npm run torture -- --minutes N [--short] [--seed S] [--only TEXT] [--json FILE]`: fuzz, floods, faults and load on
 * every engine, and what holds all the while. Needs root.
 *
 * `--short` takes a minute and does a part of it, on engines that the seed chooses; `--only` takes the parts whose file
 * or engine contains the text; `--json` keeps all counts. Every failure is printed with the command that does it again.
 * At the end comes the table of docs/reliability.md. Exits with 1 when anything has failed.
 */
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { namespaceObstacle } from 'etherconn/testing';
import { PARTS, SHORT } from './lib/plan.mjs';
import { Results } from './lib/results.mjs';
import { runPart } from './lib/run-part.mjs';

/** Share of the time that is used by the parts themselves; the rest is for starting and ending them. */
const USED = 0.6;
/** Seconds of a share, at least and at most: after the most there is another round, with another seed. */
const [SHORTEST, LONGEST] = [1, 20];
/** Seconds after which the short form begins nothing more. */
const SHORT_LIMIT = 50;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    short: { type: 'boolean', default: false },
    seed: { type: 'string' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});
const minutes = Number(values.minutes ?? (values.short ? 1 : 10));
const seed = Number(values.seed ?? randomInt(2 ** 31));
if (!(minutes > 0)) wrong('--minutes must be a number above 0');
if (!Number.isInteger(seed) || seed < 0) wrong('--seed must be an integer from 0');
const obstacle = process.getuid?.() === 0 ? namespaceObstacle() : 'it needs root';
if (obstacle !== false) wrong(`the torture cannot run here: ${obstacle}`);

const began = performance.now();
const seconds = () => (performance.now() - began) / 1000;
const parts = await Promise.all(
  (values.short ? SHORT : PARTS).map(async ([file, share]) => {
    const { title, engines } = await import(`./${file}.mjs`);
    return { file: `${file}`, share: Number(share), title, engines };
  }),
);
const runs = parts
  .flatMap(({ engines, ...part }, index) =>
    // The short form tries one engine with each, another one with another seed.
    (values.short && values.only === undefined ? [engines[(seed + index) % engines.length]] : engines).map(
      (engine) => ({ ...part, engine }),
    ),
  )
  .filter(({ file, engine }) => values.only === undefined || `${file} ${engine}`.includes(values.only));
if (runs.length === 0) wrong(`no part contains '${values.only}'`);
const shares = runs.reduce((sum, { share }) => sum + share, 0);
const unit = values.short ? 1 : Math.min(LONGEST, Math.max(SHORTEST, (60 * minutes * USED) / shares));
const limit = values.short ? SHORT_LIMIT : 60 * minutes;

console.log(`seed ${seed}; ${runs.length} runs a round`);
const results = new Results();
const all = [];
for (let round = 0, first = true; first || (!values.short && seconds() < limit); round++, first = false) {
  for (const [index, run] of runs.entries()) {
    if (seconds() > limit) {
      console.log(`the time is over: ${runs.length - index} runs of this round were not begun`);
      break;
    }
    const result = await runPart({ ...run, seed: seed + round, seconds: unit * run.share });
    all.push(result);
    results.add(result);
    print(result);
  }
}
const command = `npm run torture -- ${process.argv.slice(2).join(' ')}`.trim();
console.log(`\n${results.markdown({ command, seed, minutes: seconds() / 60 })}`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(all, undefined, 1)}\n`);
process.exit(results.failed === 0 ? 0 : 1);

/** @param {import('./lib/results.mjs').Result} result */
function print({ file, engine, seed: used, title, counts, failures, failed, elapsed }) {
  const shown = Object.entries(counts).filter(([name]) => !name.startsWith('of them'));
  const text = shown.map(([name, value]) => `${name} ${value}`).join('; ');
  const on = engine === 'none' ? '' : `, ${engine}`;
  console.log(`${failed === 0 ? 'ok  ' : 'FAIL'} ${title}${on} (${(elapsed / 1000).toFixed(1)} s): ${text}`);
  for (const failure of failures) console.log(`       ${failure.replaceAll('\n', '\n       ')}`);
  if (failed > failures.length) console.log(`       and ${failed - failures.length} more`);
  if (failed > 0) {
    console.log(`     again: npm run torture -- --minutes 1 --seed ${used} --only '${file} ${engine}'`);
  }
}

/** @param {string} message */
function wrong(message) {
  console.error(message);
  process.exit(2);
}
