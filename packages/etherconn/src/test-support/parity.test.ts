import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as etherconn from '../index.ts';
import { GO_NAMES } from './go-names.ts';

/**
 * docs/parity.md against the names of the Go package, our exports and our tests. Types of TypeScript leave nothing
 * behind at run time: they are looked up in index.ts.
 */

interface Row {
  readonly go: string;
  /** `Name`, `Class.method`, `Interface.option`, or several with commas. */
  readonly here: string;
  readonly test: string;
}

const root = new URL('../../../../', import.meta.url);
const source = new URL('packages/etherconn/src/', root);
const index = readFileSync(new URL('index.ts', source), 'utf8');
const rows = readRows();

test('every name of the Go package has one row in docs/parity.md, and no row names anything else', () => {
  assert.deepEqual(rows.map((row) => row.go).sort(), [...GO_NAMES].sort());
});

test('every name in docs/parity.md exists here', () => {
  for (const { go, here } of rows) {
    const names = [...here.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
    assert.ok(names.length > 0, `${go}: no name`);
    for (const name of names) assert.ok(exists(name), `${go}: ${name} does not exist`);
  }
});

test('every test that docs/parity.md names exists', () => {
  const tests = readdirSync(source, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => readFileSync(new URL(file, source), 'utf8'))
    .join('\n');
  for (const row of rows) {
    assert.ok(
      tests.includes(`('${row.test}'`) || tests.includes(`("${row.test}"`),
      `${row.go}: there is no test '${row.test}'`,
    );
  }
});

function readRows(): Row[] {
  const text = readFileSync(new URL('docs/parity.md', root), 'utf8');
  return [...text.matchAll(/^\| `([^`]+)` \| (.+?) \| (.*?) \|$/gm)].map(([, go, here, name]) => ({
    go: go!,
    here: here!,
    test: name!,
  }));
}

/** `Export`, `Class.member`, `Interface.member` or `Interface.option`. */
function exists(name: string): boolean {
  const [top, member] = name.split('.');
  const value = (etherconn as Record<string, unknown>)[top!];
  if (value === undefined && !new RegExp(`\\btype ${top}\\b|\\b${top},|\\b${top} }`).test(index))
    return false;
  if (member === undefined) return true;
  const prototype = (value as { prototype?: object } | undefined)?.prototype;
  if (prototype !== undefined && member in prototype) return true;
  if (value !== undefined && member in (value as object)) return true;
  // Fields and members of interfaces: in the file that declares the name.
  return declarationOf(top!).some((text) =>
    new RegExp(`^ {2}(readonly )?${member}[?]?[:(<]`, 'm').test(text),
  );
}

/** The bodies of the interfaces and classes of that name. */
function declarationOf(name: string): string[] {
  const bodies: string[] = [];
  for (const file of readdirSync(source, { recursive: true }).map(String)) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    const text = readFileSync(new URL(file, source), 'utf8');
    const pattern = new RegExp(`^export (?:abstract )?(?:interface|class) ${name}\\b[^]*?^}`, 'gm');
    bodies.push(...[...text.matchAll(pattern)].map(([body]) => body));
  }
  return bodies;
}
