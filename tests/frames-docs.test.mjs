import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { blocksOf } from './markdown.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(`${root}docs/frames.md`, 'utf8');
const programs = blocksOf(page, 'js');
const outputs = blocksOf(page, 'text');

test('every program has its output', () => {
  assert.equal(programs.length, outputs.length);
  assert.ok(programs.length >= 5);
});

for (const [index, program] of programs.entries()) {
  test(`program ${index + 1} of docs/frames.md prints what the page says`, () => {
    const run = spawnSync(process.execPath, ['--input-type=module', '-'], {
      cwd: root,
      input: program,
      encoding: 'utf8',
    });
    assert.equal(run.stderr, '');
    assert.equal(run.stdout, outputs[index]);
  });
}

test('the table of layers has every function that makes one', async () => {
  const frames = await import('etherconn/frames');
  const [, table] = page.split('## Layers');
  const named = new Set([...table.split('\n## ')[0].matchAll(/`(\w+)`/g)].map(([, name]) => name));
  for (const name of frames.LAYER_NAMES) {
    assert.ok(named.has(name), name);
    assert.equal(typeof frames[name], 'function', name);
  }
});
