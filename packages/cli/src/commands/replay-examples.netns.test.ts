import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PcapWriter } from 'etherconn/capture';
import { addVethPair, type Namespace, openNamespace, requireNamespaces } from 'etherconn/testing';
import { buildUdpFrame } from 'etherconn/wire';
import { endAll, etherconn } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';

/** Every example of docs/commands/replay.md is run, with eth0 and eth1 at the ends of a veth pair. */

const skip = requireNamespaces();
const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
const capture = join(folder, 'capture.pcap');
let near: Namespace;
let far: Namespace;

before(async () => {
  if (skip !== false) return;
  [near, far] = [await openNamespace(), await openNamespace()];
  addVethPair({ namespace: near, name: 'eth0' }, { namespace: far, name: 'eth1' });
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => chunks.push(Uint8Array.from(bytes)));
  for (let i = 0; i < 500; i++) {
    const data = buildUdpFrame({
      sourceMac: '02:00:00:00:00:01',
      destinationMac: '02:00:00:00:00:02',
      source: '10.0.0.1',
      destination: '10.0.0.2',
      sourcePort: 1000,
      destinationPort: 9,
      payload: `${i}`,
      pad: true,
    });
    writer.write({ timestamp: 1_700_000_000_000_000_000n + BigInt(i) * 1_000_000n, data });
  }
  writeFileSync(capture, Buffer.concat(chunks));
});
after(async () => {
  endAll();
  await near?.close();
  await far?.close();
  rmSync(folder, { recursive: true });
});

const commands = skip === false ? examplesOf('replay.md').flat() : [];
for (const words of commands) {
  test(`docs/commands/replay.md: ${words.join(' ')}`, { skip }, async () => {
    assert.equal(words[0], 'etherconn');
    const args = words.slice(1).map((word) => {
      if (word === 'capture.pcap') return capture;
      return word === 'far' ? far.path : word;
    });
    const end = await etherconn(args.includes('memory') ? args : [...args, '--netns', near.path]);
    assert.equal(end.status, 0, end.stderr + end.stdout);
    assert.equal(end.stderr, '');
    assert.match(end.stdout, /^sent +[1-9]|"sent":\{"packets":500,/m);
  });
}

test('there are examples', { skip }, () => {
  assert.ok(commands.length >= 8);
});
