import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireCommand } from 'etherconn/testing';

/** `etherconn run` on a terminal of its own, which util-linux' script makes. */

const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const bin = fileURLToPath(new URL('../../bin/etherconn.js', import.meta.url));

const INVISIBLE = new RegExp(`${String.fromCharCode(27)}\\[[?\\d;]*[A-Za-z]|\\r`, 'g');

const SCENARIO = `
clients: 20
engine: memory
parts:
  leases:
    type: dhcp
    rate: 5
  traffic:
    type: udp-send
    from: 10.0.0.10+20
    to: 10.0.0.2
    rate: 200pps
    end: 5s
    roundTrip: true
`;

/** What a terminal was told. Once that has `pattern`, `then` is called. */
function onTerminal(commands: string, pattern: RegExp, then: () => void): Promise<string> {
  let isDone = false;
  const child = spawn('script', ['-qec', commands, '/dev/null'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm', NO_COLOR: '1', SHELL: '/bin/sh' },
    timeout: 60_000,
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
    if (isDone || !pattern.test(text)) return;
    isDone = true;
    then();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(text));
  });
}

test('the live view of a scenario fits a narrow terminal, and a wider one once it is', {
  skip: requireCommand('script'),
}, async () => {
  const file = join(folder, 'scenario.yaml');
  writeFileSync(file, SCENARIO);
  const command = `'${process.execPath}' '${bin}' run '${file}'`;
  const signal = join(folder, 'wider');
  const text = await onTerminal(
    `stty cols 40 rows 24; ${command} & run=$!; until test -e '${signal}'; do sleep 0.1; done; stty cols 90; wait $run; echo "exit $?"`,
    /traffic +sent/,
    () => writeFileSync(signal, ''),
  );
  const frames = text.split('\x1b[J');
  const end = frames.pop()!;
  const widths = frames.map((frame) => {
    const lines = frame.split(/\r?\n/);
    return Math.max(...lines.map((line) => [...line.replace(INVISIBLE, '')].length));
  });
  const narrow = widths.filter((width) => width < 40).length;
  assert.ok(narrow >= 1, `${widths}`);
  assert.ok(
    widths.slice(0, narrow).every((width) => width < 40),
    `${widths}`,
  );
  const wide = widths.slice(narrow);
  assert.ok(wide.length >= 1 && wide.every((width) => width > 40 && width < 90), `${widths}`);
  for (const part of [/^leases +bound \d+ {2}/m, /^traffic +sent \d+ pps/m, /^phase p99 offer /m])
    assert.match(frames.join('\n'), part);
  assert.match(end, /^part +traffic {2}udp-send/m);
  assert.match(end, /exit 0\r?$/m);
  assert.ok(end.includes('\x1b[?25h'), 'the cursor is back');
});
