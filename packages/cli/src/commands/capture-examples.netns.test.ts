import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCaptureFile } from 'etherconn/capture';
import { etherconn } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';
import { folderForTests } from '../test-support/folder.ts';
import { type TestWire, wireForTests } from '../test-support/wire.ts';

/** Every example of docs/commands/capture.md is run, with a machine behind eth0 that keeps asking for others. */

const wire = wireForTests(
  { name: 'eth0' },
  { name: 'eth1', addresses: ['10.0.0.2/24'] },
  { prepare: askOften },
);
const { skip } = wire;
const folder = folderForTests();

function askOften(each: TestWire): void {
  const { far } = each;
  const asking = setInterval(() => far.run('bash', '-c', 'echo > /dev/udp/10.0.0.9/53'), 200);
  each.keep({ close: async () => clearInterval(asking) });
}

const commands = skip === false ? examplesOf('capture.md').flat() : [];
for (const words of commands) {
  test(`docs/commands/capture.md: ${words.join(' ')}`, { skip }, async () => {
    assert.equal(words[0], 'etherconn');
    const args = words.slice(1).map((word) => (word.endsWith('.pcapng') ? join(folder, word) : word));
    const end = await etherconn([...args, '--netns', wire.near.path]);
    assert.equal(end.status, 0, end.stderr + end.stdout);
    assert.match(end.stderr, /frames? captured, 0 dropped by the kernel, 0 lost/);
  });
}

test('there are examples, and they have written files', { skip }, async () => {
  assert.ok(commands.length >= 7);
  const files = readdirSync(folder);
  assert.equal(files.length, 3);
  let frames = 0;
  for (const file of files)
    for await (const { data } of readCaptureFile(join(folder, file))) frames += data.length > 0 ? 1 : 0;
  assert.ok(frames > 2);
});
