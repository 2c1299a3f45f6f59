import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const page = readFileSync(new URL('../docs/troubleshooting.md', import.meta.url), 'utf8');
const source = new URL('../packages/etherconn/src/', import.meta.url);

/** All of the library's code, with strings that go over several lines put together. */
const code = readdirSync(source, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.ts') && !file.includes('.test.') && !file.startsWith('test'))
  .map((file) => readFileSync(new URL(file, source), 'utf8'))
  .join('\n')
  .replaceAll(/['"`] \+\s+['"`]/g, '');

/** The class whose errors have a code: the one whose constructor passes it on, or else the common one. */
function classOf(name) {
  const [before] = code.split(new RegExp(`(?<=super\\()\\s*'${name}'`));
  return before === code ? 'EtherconnError' : before.slice(before.lastIndexOf('class ')).split(' ')[1];
}

test('the table of codes has every code of the library, with its class, and no other', () => {
  const codes = new Set([...code.matchAll(/'(ERR_ETHERCONN_\w+)'/g)].map(([, name]) => name));
  const rows = [...page.matchAll(/^\| `(ERR_ETHERCONN_\w+)` \| (\w+) \|/gm)];
  assert.deepEqual(rows.map(([, name]) => name).toSorted(), [...codes].toSorted());
  for (const [, name, type] of rows) assert.equal(type, classOf(name), name);
});

test('every message that is quoted is one of ours', () => {
  const quoted = [...page.matchAll(/^### `([^`]+)`$/gm)].map(([, message]) => message);
  assert.ok(quoted.length > 10);
  for (const message of quoted) assert.ok(code.includes(message), message);
});
