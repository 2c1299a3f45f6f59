import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FrameMaker } from '../torture/lib/frames.mjs';
import { PARTS, SHORT } from '../torture/lib/plan.mjs';
import { Random } from '../torture/lib/random.mjs';
import { Results } from '../torture/lib/results.mjs';
import { runPart } from '../torture/lib/run-part.mjs';
import { TARGET } from '../torture/lib/target.mjs';

const FOLDER = fileURLToPath(new URL('../torture/', import.meta.url));

function planted(engine) {
  return runPart({ file: '../tests/planted/torture-part', title: 'planted', engine, seed: 1, seconds: 1 });
}

test('a seed gives the same frames again, another one others', () => {
  const frames = (seed) => {
    const maker = new FrameMaker(new Random(seed), TARGET);
    return Array.from({ length: 3000 }, (_, n) => {
      const frame = maker.next();
      if (n % 50 === 0) maker.hear(frame);
      return Buffer.from(frame).toString('hex');
    });
  };
  assert.deepEqual(frames(7), frames(7));
  assert.notDeepEqual(frames(7), frames(8));
});

test('what goes wrong in a part is a failure, and is told', async () => {
  for (const [engine, text] of [
    ['checks', /^one: 1, not 2$/],
    ['throws', /^threw: Error: as planted/],
    ['throws later', /^uncaught: Error: as planted/],
    ['rejects', /^unhandled rejection: Error: as planted/],
    ['is killed', /^its process ended by SIGSEGV/],
    ['never ends', /^its process ended by status 13/],
  ]) {
    const { failed, failures } = await planted(engine);
    assert.equal(failed, 1, engine);
    assert.match(failures[0], text);
  }
  assert.equal((await planted('nothing')).failed, 0);
});

test('runs add up in the table', async () => {
  const results = new Results();
  for (const engine of ['nothing', 'nothing', 'checks']) results.add(await planted(engine));
  const text = results.markdown({ command: 'torture', seed: 5, minutes: 1 });
  assert.match(text, /`torture` \(seed 5\), 1\.0 minutes, 9 frames, 1 failures\./);
  assert.match(text, /\| planted \| nothing \| 2 \| 6 \| {2}\| 0 \|/);
  assert.match(text, /\| planted \| checks \| 1 \| 3 \| 2 \| 1 \|/);
});

test('every part is in the plan, and every part of the plan is there', () => {
  const there = ['fuzz', 'floods', 'faults', 'load']
    .flatMap((room) => readdirSync(`${FOLDER}${room}`).map((file) => `${room}/${file.replace('.mjs', '')}`))
    .sort();
  assert.deepEqual(PARTS.map(([file]) => file).sort(), there);
  for (const [file] of SHORT) assert.ok(existsSync(`${FOLDER}${file}.mjs`), file);
});

test('wrong options are refused', () => {
  for (const args of [
    ['--minutes', '0'],
    ['--seed', 'x'],
    ['--only', 'nothing of that name'],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [`${FOLDER}run.mjs`, ...args], {
      encoding: 'utf8',
    });
    assert.equal(status, 2, stderr);
  }
});
