import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireNamespaces } from '../packages/etherconn/dist/testing/index.js';
import { blocksOf } from './markdown.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(root, 'docs/getting-started.md'), 'utf8');

test('the lab of docs/getting-started.md prints what the page says', { skip: requireNamespaces() }, () => {
  // Within the checkout, where the program finds the package.
  const folder = mkdtempSync(join(root, 'node_modules/.getting-started-'));
  try {
    const named = (text, blocks) => blocks.find((block) => block.includes(text));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'lab.js'), named("'lab0'", blocksOf(page, 'js')));
    writeFileSync(join(folder, 'lab.sh'), named('node lab.js', blocksOf(page, 'sh')));
    const run = spawnSync('unshare', ['--net', 'sh', '-c', 'ip link set lo up && sh lab.sh'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.equal(run.stderr, '');
    assert.equal(run.stdout, named('the kernel answers', blocksOf(page, 'text')));
    assert.equal(run.status, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
