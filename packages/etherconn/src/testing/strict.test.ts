import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const MODULES = [
  './namespaces',
  '../test-support/xdp-bench',
  '../test-support/bpf',
  '../test-support/tshark',
].map((name) => new URL(`${name}.js`, import.meta.url).href);

/** What a module that makes its tests dependent on `expression` comes to, where there is no program at all. */
function skipIn(expression: string, strict: string, path = '/nowhere'): string {
  const program = `
    const [namespaces, xdp, bpf, tshark] = ${JSON.stringify(MODULES)};
    try {
      console.log('skip', ${expression});
    } catch (error) {
      console.log('fail', error.message);
    }
  `;
  const args = ['--no-warnings', '--input-type=module', '--eval', program];
  const env = { PATH: path, ETHERCONN_TEST_STRICT: strict };
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  assert.equal(stderr, '');
  return stdout.trim();
}

for (const [what, expression] of [
  ['namespaces', '(await import(namespaces)).requireNamespaces()'],
  ['a command', "(await import(namespaces)).requireCommand('nobodys-program')"],
  ['a program that captures', '(await import(namespaces)).requireCapture()'],
  ['XDP links', '(await import(xdp)).requireXdp()'],
  ['XDP programs', '(await import(bpf)).requireBpf()'],
  ['tshark', '(await import(tshark)).tsharkMissing'],
] as const) {
  test(`without ${what}: skipped with a reason, but in strict runs a failure`, () => {
    const [, reason] = /^skip (.+)$/.exec(skipIn(expression, ''))!;
    assert.notEqual(reason, 'false');
    assert.equal(
      skipIn(expression, '1'),
      `fail ETHERCONN_TEST_STRICT: tests are not to be skipped, but ${reason}`,
    );
  });
}

test('what is no test is told of obstacles all the same', () => {
  assert.match(skipIn('(await import(namespaces)).namespaceObstacle()', '1'), /^skip (?!false)/);
});

test('a program that is there and cannot be started is no reason to skip', () => {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-strict-'));
  try {
    writeFileSync(join(folder, 'nobodys-program'), '', { mode: 0o644 });
    assert.match(
      skipIn("(await import(namespaces)).requireCommand('nobodys-program')", '', folder),
      /^fail .*EACCES/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
