import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { linksOf } from './markdown.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The files of a package as npm would publish it. */
function filesOf(folder) {
  const { status, stdout, stderr } = spawnSync('npm', ['pack', '--dry-run', '--json'], {
    cwd: `${root}packages/${folder}`,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  // What the script before packing prints comes first.
  const [{ files }] = JSON.parse(stdout.slice(stdout.indexOf('[\n')));
  return files.map(({ path }) => path);
}

for (const folder of ['etherconn', 'cli']) {
  test(`every file that the pages of packages/${folder} link to is in the package`, () => {
    const files = new Set(filesOf(folder));
    const pages = [...files].filter((file) => file.endsWith('.md'));
    assert.ok(pages.includes('README.md'));
    for (const page of pages) {
      for (const link of linksOf(readFileSync(`${root}packages/${folder}/${page}`, 'utf8'))) {
        const target = posix.join(posix.dirname(page), link);
        assert.ok(files.has(target), `${page} links to ${link}`);
      }
    }
  });
}

test('every file that CONTRIBUTING.md links to exists', () => {
  for (const link of linksOf(readFileSync(`${root}CONTRIBUTING.md`, 'utf8'))) {
    assert.ok(existsSync(`${root}${link}`), link);
  }
});
