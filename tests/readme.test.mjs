import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('the example of the README prints what the README says', () => {
  const [example] = blocks('js');
  const [output] = blocks('text');
  const run = spawnSync(process.execPath, ['--input-type=module', '-'], {
    cwd: root,
    input: example,
    encoding: 'utf8',
  });
  assert.equal(run.stderr, '');
  assert.equal(run.stdout, output);
  assert.equal(run.status, 0);
});

test('the commands of the README exist', () => {
  const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  for (const [, name] of readme.matchAll(/npm run (\w+)/g)) assert.ok(name in scripts, `npm run ${name}`);
});

test('the files that the README links to exist', () => {
  for (const [, file] of readme.matchAll(/\]\(([^)#]+)\)/g))
    readFileSync(new URL(`../${file}`, import.meta.url));
});

function blocks(language) {
  return [...readme.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map(([, text]) => text);
}
