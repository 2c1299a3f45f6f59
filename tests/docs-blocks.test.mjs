import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PAGES } from '../site/pages.mjs';
import { linksOf, placeLinksOf, placesOf } from './markdown.mjs';

/**
 * The pages of docs/: every block of JavaScript and TypeScript is type-checked, and run where the page says what it
 * prints, which is a block of text right behind it. A block that is no whole program may use the names of
 * tests/docs-names.d.ts. Programs of docs/frames.md, docs/conns.md and README.md have tests of their own besides.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const docs = readdirSync(join(root, 'docs'), { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.md'))
  .sort();
const read = (page) => readFileSync(join(root, 'docs', page), 'utf8');

/** Blocks with what follows each: `[language, text, output or undefined]`. */
function blocksOf(page) {
  const blocks = [
    ...read(page).matchAll(/^```(\w+)\n(.*?)^```\n(?:(?:\n|[^\n]*prints:?\n)*^```text\n(.*?)^```)?/gms),
  ];
  return blocks.map(([, language, text, output]) => ({ language, text, output }));
}

test('the site has all pages of docs/, and no other', () => {
  const listed = PAGES.flatMap(({ pages }) => pages.map(([, page]) => `${page}.md`));
  const own = listed.filter((page) => !page.startsWith('project/'));
  assert.deepEqual(
    own.sort(),
    docs.filter((page) => page !== 'README.md'),
  );
});

test('every link between pages leads somewhere', () => {
  for (const page of docs) {
    for (const link of linksOf(read(page))) {
      const file = join('docs', dirname(page), decodeURIComponent(link));
      assert.ok(existsSync(join(root, normalize(file))), `docs/${page} links to ${link}`);
    }
  }
});

test('pictures are named from the page on, as the site needs it', () => {
  for (const page of docs) {
    for (const [, file] of read(page).matchAll(/(?:src|srcset)="([^"]+)"/g))
      assert.match(file, /^\.\.?\//, `docs/${page} shows ${file}`);
  }
});

test('every link to a place in a page leads to a heading', () => {
  for (const page of docs) {
    for (const { file, place } of placeLinksOf(read(page))) {
      const target = file === '' ? page : normalize(join(dirname(page), file));
      if (!docs.includes(target)) continue;
      assert.ok(placesOf(read(target)).has(place), `docs/${page} links to ${target}#${place}`);
    }
  }
});

test('every block of code is accepted by the compiler', () => {
  const cache = join(root, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'docs-blocks-'));
  try {
    for (const page of docs) {
      for (const [i, { language, text }] of blocksOf(page).entries()) {
        if (language !== 'js' && language !== 'ts') continue;
        const ending = language === 'js' ? 'mjs' : 'mts';
        writeFileSync(join(folder, `${page.replaceAll('/', '-')}.${i + 1}.${ending}`), `export {};\n${text}`);
      }
    }
    const options = {
      allowJs: true,
      checkJs: true,
      noEmit: true,
      // As an editor checks JavaScript that says nothing of types.
      strict: false,
      skipLibCheck: true,
      target: 'es2023',
      lib: ['es2023', 'esnext.disposable'],
      module: 'nodenext',
      types: ['node'],
    };
    const files = ['*', join(root, 'tests/docs-names.d.ts'), join(root, 'tests/docs-modules.d.ts')];
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, include: files }),
    );
    const { stdout } = spawnSync('npx', ['--no-install', 'tsc', '-p', folder], {
      cwd: root,
      encoding: 'utf8',
    });
    assert.equal(stdout, '');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('programs print what the page says', () => {
  for (const page of docs) {
    for (const [i, { language, text, output }] of blocksOf(page).entries()) {
      if (language !== 'js' || output === undefined || !text.includes("from 'etherconn")) continue;
      test(`block ${i + 1} of docs/${page}`, () => {
        const run = spawnSync(process.execPath, ['--input-type=module', '-'], {
          cwd: root,
          input: text,
          encoding: 'utf8',
        });
        assert.equal(run.stderr, '');
        assert.equal(run.stdout, output);
      });
    }
  }
});
