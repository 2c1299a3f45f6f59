import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { billFaults } from '../scripts/release/bill.mjs';
import { tarballFaults } from '../scripts/release/tarball.mjs';
import { changelogFaults, PACKAGES, setVersion, versionFaults } from '../scripts/release/versions.mjs';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** A folder with files, by their names. */
function folderOf(t, files) {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-release-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(name)), { recursive: true });
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

const MANIFEST = {
  name: '@etherconn/cli',
  version: '1.0.0',
  license: 'Apache-2.0',
  bin: { tool: 'bin/tool.js' },
  exports: { '.': { types: './dist/main.d.ts', default: './dist/main.js' } },
};
/** A package without faults. */
const GOOD = {
  'package.json': MANIFEST,
  LICENSE: readFileSync(join(root, 'LICENSE'), 'utf8'),
  'README.md': '# Tool\n\n[Licence](LICENSE)\n',
  'bin/tool.js': '#!/usr/bin/env node\n',
  'dist/main.js': '',
  'dist/main.d.ts': "export * from './other.ts';\n",
  'dist/other.d.ts': '',
  'dist/main.js.map': { sources: ['../src/main.ts'] },
  'src/main.ts': '',
};

test('a package without faults has none', (t) => {
  assert.deepEqual(tarballFaults(folderOf(t, GOOD), 1000, root), []);
});

for (const [name, files, fault] of [
  ['a dead link', { 'README.md': '[x](docs/none.md)' }, 'README.md: links to docs/none.md, which is missing'],
  [
    'a link to no heading',
    { 'README.md': '# Tool\n\n[x](#none) [y](#tool)\n' },
    'README.md: links to #none, which is no heading there',
  ],
  [
    'a declaration of what is not there',
    { 'dist/main.d.ts': "import('./none.ts');" },
    /main\.d\.ts: imports \.\/none\.d\.ts/,
  ],
  [
    'an internal declaration',
    { 'dist/other.d.ts': '/** @internal */' },
    /other\.d\.ts has declarations that are internal/,
  ],
  [
    'a map without its source',
    { 'dist/main.js.map': { sources: ['../src/x.ts'] } },
    /is made of \.\.\/src\/x\.ts/,
  ],
  ['a test', { 'dist/main.test.js': '' }, 'dist/main.test.js does not belong there'],
  [
    "the machine's folder",
    { 'dist/main.js': `import '${root}/x.js'` },
    /main\.js names the machine's folder/,
  ],
  ['another licence', { LICENSE: 'none' }, 'LICENSE is not that of the workspace'],
  [
    'an install script',
    { 'package.json': { ...MANIFEST, scripts: { install: 'x' } } },
    'it has the script install',
  ],
  [
    'an entry that is missing',
    { 'package.json': { ...MANIFEST, exports: { './x': './dist/x.js' } } },
    /dist\/x\.js, which is missing/,
  ],
  [
    'a dependency of this machine',
    { 'package.json': { ...MANIFEST, dependencies: { x: 'file:../x' } } },
    /depends on x at file:/,
  ],
  [
    'a library without its addons',
    { 'package.json': { ...MANIFEST, name: 'etherconn' } },
    /prebuilds\/linux-arm64-musl\/etherconn\.node is missing/,
  ],
]) {
  test(`${name} is found in a package`, (t) => {
    const faults = tarballFaults(folderOf(t, { ...GOOD, ...files }), 1000, root);
    const matches = (found) => (typeof fault === 'string' ? found === fault : fault.test(found));
    assert.ok(faults.some(matches), `only ${faults.join('; ') || 'nothing'}`);
  });
}

test('a package that has grown past its budget is found', (t) => {
  assert.match(
    tarballFaults(folderOf(t, GOOD), 1e9, root).join(),
    /1000000000 bytes packed are more than its budget/,
  );
});

test('versions move together', (t) => {
  const folder = folderOf(t, {});
  for (const file of [
    'CHANGELOG.md',
    'package-lock.json',
    ...PACKAGES.map((name) => `${name}/package.json`),
  ]) {
    cpSync(join(root, file), join(folder, file));
  }
  assert.deepEqual(versionFaults(folder), []);
  setVersion(folder, '7.8.9', '2030-01-02');
  assert.deepEqual(versionFaults(folder), []);
  const changelog = readFileSync(join(folder, 'CHANGELOG.md'), 'utf8');
  assert.deepEqual(changelogFaults(changelog, '7.8.9'), []);
  assert.match(changelog, /^## \[7\.8\.9\] - 2030-01-02$/m);
  assert.throws(() => setVersion(folder, '7.8', '2030-01-02'), /7\.8 is no version/);

  const file = join(folder, 'packages/cli/package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(
    file,
    JSON.stringify({ ...manifest, version: '7.9.0', dependencies: { etherconn: '^7.8.9' } }),
  );
  const faults = versionFaults(folder).join('; ');
  assert.match(faults, /@etherconn\/cli has version 7\.9\.0, etherconn has 7\.8\.9/);
  assert.match(faults, /package-lock\.json has @etherconn\/cli 7\.8\.9/);
  assert.match(faults, /@etherconn\/cli depends on etherconn \^7\.8\.9/);
});

test('the changelog of this tree has its form, and others are found', () => {
  assert.deepEqual(changelogFaults(readFileSync(join(root, 'CHANGELOG.md'), 'utf8')), []);
  const wrong = '## [Unreleased]\n\n### News\n\n- x\n\n## 1.0.0\n';
  assert.deepEqual(changelogFaults(wrong, '1.0.0'), [
    "no version and date: '1.0.0'",
    "'### News' is none of Added, Changed, Deprecated, Removed, Fixed, Security",
    'there is no section for 1.0.0',
    'the section [Unreleased] is not empty',
  ]);
});

const EXPRESSIONS = ['(MIT OR Apache-2.0)', 'MIT AND GPL-3.0'].map((expression) => ({
  name: expression,
  licenses: [{ expression }],
}));

test('a licence that is not expected is found in the bill of materials', () => {
  const component = (name, id) => ({ name, licenses: id === undefined ? [] : [{ license: { id } }] });
  const bill = {
    components: [component('a', 'MIT'), component('b', 'AGPL-3.0'), component('c'), ...EXPRESSIONS],
  };
  assert.deepEqual(billFaults(JSON.stringify(bill), ['a', 'd']), [
    'the bill of materials lacks d',
    'b has the licence AGPL-3.0',
    'c has the licence unknown',
    'MIT AND GPL-3.0 has the licence MIT, GPL-3.0',
  ]);
});
