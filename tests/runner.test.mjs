import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const RUNNER = fileURLToPath(new URL('../scripts/test.mjs', import.meta.url));

/** What the runner says of a test file with that text, when a file may take so many seconds. */
async function run(text, seconds = 60) {
  const folder = mkdtempSync(join(tmpdir(), 'etherconn-runner-'));
  try {
    writeFileSync(join(folder, 'planted.test.mjs'), `import { describe, test } from 'node:test';\n${text}`);
    const args = [RUNNER, '--folder', folder, '--limit', `${seconds}`];
    const child = spawn(process.execPath, args, { env: { ...process.env, NODE_TEST_CONTEXT: undefined } });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        said += chunk;
      });
    }
    const [status] = await new Promise((resolve) => child.on('close', (...how) => resolve(how)));
    return { status, said };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** How many processes have that word in their command line. */
function processesWith(word) {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(word);
    } catch {
      return false;
    }
  }).length;
}

test('what passes, is skipped and fails is counted and named', async () => {
  const { status, said } = await run(`
    test('good', () => {});
    test('elsewhere', { skip: 'no such thing here' }, () => {});
    describe('a suite', () => test('bad', () => { throw new Error('as planted', { cause: new Error('why') }); }));
  `);
  assert.equal(status, 1);
  for (const line of [/ℹ pass 1$/m, /ℹ fail 1$/m, /ℹ skipped 1$/m, /✖ bad/, /Error: as planted/, /why/]) {
    assert.match(said, line);
  }
  assert.match(said, /Skipped here, with the reason:\n {2}elsewhere: no such thing here\n/);
});

test('what passes is a success', async () => {
  const { status, said } = await run("test('good', () => {});");
  assert.equal(status, 0, said);
});

test('a test that never ends, and sockets that are open', async () => {
  const { status, said } = await run(
    `import { createSocket } from 'node:dgram';
    test('good', () => {});
    describe('a suite', () => test('waits', () => new Promise(() => createSocket('udp4').bind(45_454, '127.0.0.1'))));`,
    3,
  );
  assert.equal(status, 1);
  assert.match(said, /planted\.test\.mjs had not ended after 3 s, and was killed/);
  assert.match(said, /Tests that had begun:\n\s+a suite > waits\n/);
  assert.match(said, /It was kept open by:\n\s+udp at 127\.0\.0\.1:45454/);
  assert.match(said, /✔ good/);
});

test('tests that are through, and a socket that was forgotten', async () => {
  const { status, said } = await run(
    "import { createSocket } from 'node:dgram';\ntest('good', () => void createSocket('udp4').bind());",
    3,
  );
  assert.equal(status, 1);
  assert.match(said, /✔ good/);
  assert.match(said, /none: all that had begun were through/);
  assert.match(said, /It was kept open by:\n\s+udp at/);
});

test('a loop that never ends, and heeds no signal', async () => {
  const { status, said } = await run(
    `process.on('SIGTERM', () => {});
    function turns() { for (;;); }
    test('loops', turns);`,
    3,
  );
  assert.equal(status, 1);
  assert.match(said, /It was running:\n\s+turns file:.*planted\.test\.mjs:3/);
});

test('a command that never ends is named, and ended too', async () => {
  const word = `60${process.pid}`;
  const { status, said } = await run(
    `import { spawnSync } from 'node:child_process';
    test('waits for another', () => void spawnSync('setsid', ['--fork', '--wait', 'sleep', '${word}']));`,
    3,
  );
  assert.equal(status, 1);
  assert.match(said, new RegExp(`It had started:[\\s\\S]*\\d+ sleep ${word}`));
  assert.match(said, /It could not be asked/);
  assert.equal(processesWith(word), 0);
});

test('a process that ends before its tests, well or not', async () => {
  const ends = (how) => run(`test('ends', async () => { await 0; ${how} });`);
  assert.match((await ends('process.kill(process.pid, "SIGKILL");')).said, /was ended by SIGKILL/);
  const quiet = await ends('process.reallyExit(0);');
  assert.equal(quiet.status, 1);
  assert.match(quiet.said, /ended before its tests did/);
  assert.match((await run("import './nowhere.mjs';")).said, /ERR_MODULE_NOT_FOUND[\s\S]*ended with status 1/);
});
