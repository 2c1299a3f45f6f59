import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const page = readFileSync(new URL('../docs/architecture.md', import.meta.url), 'utf8');
const library = new URL('../packages/etherconn/', import.meta.url);
const command = new URL('../packages/cli/', import.meta.url);
const campaign = new URL('../packages/campaign/', import.meta.url);
const files = [library, command, campaign]
  .flatMap((folder) => readdirSync(folder, { recursive: true }).map(String))
  .filter((file) => /^(src|bpf|wasm|native)\//.test(file));

/** The file that a page means by the end of its path. */
function fileOf(path) {
  return files.find((file) => `/${file}`.endsWith(`/${path}`));
}

test('every source file that docs/architecture.md names exists', () => {
  const named = [...page.matchAll(/`([\w./-]+\.(?:ts|c|wat))`/g)].map(([, path]) => path);
  assert.ok(named.length > 40);
  for (const path of named) {
    const outside = ['tests/', 'scripts/'].some((folder) => path.startsWith(folder));
    assert.ok(outside || fileOf(path) !== undefined, path);
  }
});

test('every function of the two walks is in the file that its row, or one before it, names', () => {
  const [walks] = page.split('## The layers');
  const rows = [...walks.matchAll(/^\| \d+\w? \| (.+?) \| (.+?) \|$/gm)];
  assert.ok(rows.length > 20);
  const seen = new Set();
  for (const [, where, what] of rows) {
    for (const [, path] of `${where} ${what}`.matchAll(/`([\w./-]+\.ts)`/g)) seen.add(fileOf(path));
    const code = [...seen].map((file) => readFileSync(new URL(file, library), 'utf8'));
    for (const [, name] of where.matchAll(/`(?:\w+\.)?(#?\w+)`/g)) {
      const declared = new RegExp(`(^|[^\\w.])${name}(\\(|:| =)`, 'm');
      assert.ok(
        code.some((text) => declared.test(text)),
        name,
      );
    }
  }
});
