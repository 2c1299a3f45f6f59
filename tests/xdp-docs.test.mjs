import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const docs = readFileSync(new URL('../docs/xdp.md', import.meta.url), 'utf8');
const source = new URL('../packages/etherconn/src/', import.meta.url);

/** All of the library's code, with strings that go over several lines put together. */
const code = readdirSync(source, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.ts') && !file.includes('.test.') && !file.startsWith('testing'))
  .map((file) => readFileSync(new URL(file, source), 'utf8'))
  .join('\n')
  .replaceAll(/['"`] \+\s+['"`]/g, '');

test('every message that the troubleshooting quotes is one of ours', () => {
  const [, part] = docs.split('## Troubleshooting');
  const quoted = [...part.matchAll(/^### `([^`]+)`$/gm)].map(([, message]) => message);
  assert.ok(quoted.length > 10);
  // In the text a message is followed by a colon, and is no command.
  for (const [, message] of part.matchAll(/`([^`]+ [^`]+)`:/g)) quoted.push(message);
  for (const message of quoted) assert.ok(code.includes(message), message);
});

test('the table of options has every option, and no other', () => {
  const [, part] = docs.split('## Options');
  const inTable = [...part.split('\n## ')[0].matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  const names = ['XdpLinkOptions', 'RelayOptions'].flatMap((type) => {
    const [body] = new RegExp(`^export interface ${type} [^]*?^}`, 'm').exec(code);
    return [...body.matchAll(/^ {2}(\w+)\?:/gm)].map(([, name]) => name);
  });
  assert.deepEqual(inTable.toSorted(), names.toSorted());
});

test('the programs of the page use what is exported', async () => {
  const exported = await import('etherconn');
  const names = [...docs.matchAll(/^import \{ (.+) \} from 'etherconn';$/gm)].flatMap(([, list]) =>
    list.split(', '),
  );
  assert.ok(names.length > 3);
  for (const name of names) assert.ok(name in exported, name);
});
