import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Every export of every entry point has a docstring: editors show it, and the API reference is made of it. A file's own comment is none. */

const home = fileURLToPath(new URL('../packages/etherconn', import.meta.url));
const { exports } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));

const DECLARED =
  /^export (?:declare )?(?:abstract |async )*(?:const|let|function\*?|class|interface|type|namespace) (\w+)/;
const LISTED = /^export (?:type )?(\*|\{[^}]*\}) from ['"](\.[^'"]+)['"]/gm;

/**
 * What a file exports, itself or from others: for each name, whether a docstring is right before it.
 * @returns {Map<string, boolean>}
 */
function exportsOf(file) {
  const text = readFileSync(file, 'utf8');
  const found = new Map();
  for (const [, what, from] of text.matchAll(LISTED)) {
    const inner = exportsOf(join(dirname(file), from.replace(/\.js$/, '.ts')));
    if (what === '*') {
      for (const [name, documented] of inner) found.set(name, documented);
      continue;
    }
    for (const item of what.slice(1, -1).split(',')) {
      const [name, as = name] = item
        .trim()
        .replace(/^type /, '')
        .split(' as ');
      if (name !== '') found.set(as, inner.get(name) ?? false);
    }
  }
  const lines = text.split('\n');
  for (const [i, line] of lines.entries()) {
    const name = DECLARED.exec(line)?.[1];
    // Overloads share the docstring of the first, and a type has that of the value of its name.
    if (name !== undefined) found.set(name, lines[i - 1]?.endsWith('*/') || found.get(name) === true);
  }
  return found;
}

for (const [path, conditions] of Object.entries(exports)) {
  if (typeof conditions !== 'object') continue;
  test(`every export of etherconn${path.slice(1)} has a docstring`, () => {
    const all = exportsOf(join(home, conditions.types.replace('dist/', 'src/').replace('.d.ts', '.ts')));
    const missing = [...all].filter(([, documented]) => !documented).map(([name]) => name);
    assert.equal(missing.join(' '), '');
    if (path === './wire') assert.ok(all.size > 300, `${all.size} exports`);
  });
}
