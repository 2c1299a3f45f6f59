import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readCaptureFile } from 'etherconn/capture';
import { addVethPair, type Namespace, openNamespace, requireNamespaces } from 'etherconn/testing';
import { endAll, etherconn } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';

/** Every example of docs/commands/capture.md is run, with a machine behind eth0 that keeps asking for others. */

const skip = requireNamespaces();
const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
let near: Namespace;
let far: Namespace;
let asking: NodeJS.Timeout;

before(async () => {
  if (skip !== false) return;
  [near, far] = [await openNamespace(), await openNamespace()];
  addVethPair({ namespace: near, name: 'eth0' }, { namespace: far, name: 'eth1' });
  far.run('ip', 'addr', 'add', '10.0.0.2/24', 'dev', 'eth1');
  asking = setInterval(() => far.run('bash', '-c', 'echo > /dev/udp/10.0.0.9/53'), 200);
});
after(async () => {
  clearInterval(asking);
  endAll();
  await near?.close();
  await far?.close();
  rmSync(folder, { recursive: true });
});

const commands = skip === false ? examplesOf('capture.md').flat() : [];
for (const words of commands) {
  test(`docs/commands/capture.md: ${words.join(' ')}`, { skip }, async () => {
    assert.equal(words[0], 'etherconn');
    const args = words.slice(1).map((word) => (word.endsWith('.pcapng') ? join(folder, word) : word));
    const end = await etherconn([...args, '--netns', near.path]);
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
