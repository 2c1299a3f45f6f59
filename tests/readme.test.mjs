import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withRatios } from '../bench/lib/readme-ratios.mjs';
import { blocksOf } from './markdown.mjs';

/** The pages that newcomers read first. The README's program for a real interface is in readme.netns.test.mjs. */

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file) => readFileSync(`${root}${file}`, 'utf8');
const readme = read('README.md');

for (const file of ['README.md', 'docs/conns.md']) {
  test(`the first program of ${file} prints what the page says`, () => {
    const page = read(file);
    const [program] = blocksOf(page, 'js');
    const [output] = blocksOf(page, 'text');
    const run = spawnSync(process.execPath, ['--input-type=module', '-'], {
      cwd: root,
      input: program,
      encoding: 'utf8',
    });
    assert.equal(run.stderr, '');
    assert.equal(run.stdout, output);
    assert.equal(run.status, 0);
  });
}

test('every program of the README is run: one here, one on a real interface', () => {
  const languages = [...readme.matchAll(/^```(\w+)$/gm)].map(([, language]) => language);
  assert.deepEqual(languages, ['sh', 'js', 'text', 'js', 'sh', 'sh']);
});

test('the commands of the README exist', () => {
  const { scripts } = JSON.parse(read('package.json'));
  for (const [, name] of readme.matchAll(/npm run (\w+)/g)) assert.ok(name in scripts, `npm run ${name}`);
  const main = `${root}packages/cli/dist/main.js`;
  const commands = [...readme.matchAll(/npx etherconn (\w+)/g)].map(([, name]) => name);
  assert.ok(commands.length > 0);
  for (const command of commands) {
    const { status, stderr } = spawnSync(process.execPath, [main, command, '--help'], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  }
  for (const name of JSON.stringify(blocksOf(readme, 'sh')).matchAll(/npm install (\S+?)\\n/g)) {
    const folder = name[1] === 'etherconn' ? 'etherconn' : 'cli';
    assert.equal(JSON.parse(read(`packages/${folder}/package.json`)).name, name[1]);
  }
});

test('the README lists every command, with its page', () => {
  const main = `${root}packages/cli/dist/main.js`;
  const { stdout } = spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8' });
  const [, listed] = stdout.split('Commands:');
  const names = [...listed.matchAll(/^ {2}(\w+)/gm)]
    .map(([, name]) => name)
    .filter((name) => name !== 'help');
  const rows = readme.split('\n').filter((line) => line.startsWith('| [`'));
  for (const name of names)
    assert.ok(
      rows.some((row) => new RegExp(`\\[[^\\]]*\`${name}\\b[^\\]]*\\]\\(docs/`).test(row)),
      name,
    );
  for (const [, page] of rows.join('\n').matchAll(/\]\((docs\/[^)]+)\)/g))
    assert.ok(existsSync(`${root}${page}`), page);
});

test('the README has the ratios of the run that docs/performance.md reports', () => {
  assert.equal(withRatios(readme, JSON.parse(read('bench/results/latest.json'))), readme);
});

test('the README states the version', () => {
  const { version } = JSON.parse(read('packages/etherconn/package.json'));
  assert.ok(readme.includes(`Version ${version}:`), version);
});

test('the two pictures of the layers differ in colours only', () => {
  const [light, dark] = ['light', 'dark'].map((theme) => read(`docs/images/layers-${theme}.svg`));
  assert.notEqual(light, dark);
  const withoutColours = (svg) => svg.replaceAll(/#[0-9a-f]{6}/g, '#');
  assert.equal(withoutColours(light), withoutColours(dark));
});
