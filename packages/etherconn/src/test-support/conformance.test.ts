import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

/** docs/conformance.md: its form, and that every test that it names exists. */

interface Row {
  readonly line: number;
  readonly cells: readonly string[];
}

const root = new URL('../../../../', import.meta.url);
const source = new URL('packages/etherconn/src/', root);
const lines = readFileSync(new URL('docs/conformance.md', root), 'utf8').split('\n');
const rows: readonly Row[] = lines.flatMap((text, index) => {
  const isRow = text.startsWith('|') && !text.startsWith('| §') && !/^[|\s:-]+$/.test(text);
  return isRow
    ? [
        {
          line: index + 1,
          cells: text
            .slice(1, -1)
            .split('|')
            .map((cell) => cell.trim()),
        },
      ]
    : [];
});

test('every row of docs/conformance.md says what is asked for, whether it is done, and what shows it', () => {
  assert.ok(rows.length > 0);
  for (const { line, cells } of rows) {
    const where = `docs/conformance.md:${line}`;
    assert.equal(cells.length, 4, `${where}: four columns, none of them with a '|' inside`);
    const [section, requirement, done, shown] = cells;
    assert.notEqual(section, '', `${where}: the section`);
    assert.match(requirement!, /\b(must|should|may)\b/, `${where}: how strongly it is asked for`);
    assert.match(done!, /^(yes|no: .+)$/, `${where}: 'yes', or 'no: ' and why`);
    if (done === 'yes') assert.notEqual(shown, '', `${where}: the test that shows it`);
  }
});

test('every test that docs/conformance.md names exists', () => {
  const files = new Map<string, string>();
  for (const { line, cells } of rows) {
    const where = `docs/conformance.md:${line}`;
    for (const name of (cells[3] ?? '').split('<br>').filter((one) => one !== '')) {
      const [file, title, ...rest] = name.split(' › ').map((part) => part.trim());
      assert.ok(title !== undefined && rest.length === 0, `${where}: 'file › title', got '${name}'`);
      assert.match(file!, /\.test\.ts$/, `${where}: a test file, got '${file}'`);
      const url = new URL(file!, source);
      assert.ok(existsSync(url), `${where}: there is no file ${file}`);
      if (!files.has(file!)) files.set(file!, readFileSync(url, 'utf8'));
      assert.ok(hasTest(files.get(file!)!, title), `${where}: there is no test '${title}' in ${file}`);
    }
  }
});

/** Whether a file has a test of this title; of titles that are made of parts (`${…}`) any text in their place will do. */
function hasTest(text: string, title: string): boolean {
  for (const [, mark, found] of text.matchAll(/\b(?:test|it)\(\s*(['"`])((?:\\.|(?!\1).)*)\1/g)) {
    if (found!.replaceAll(/\\(.)/g, '$1') === title) return true;
    if (mark !== '`') continue;
    const parts = found!.split(/\$\{[^}]*\}/).map(quote);
    if (new RegExp(`^${parts.join('.+')}$`).test(title)) return true;
  }
  return false;
}

function quote(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
