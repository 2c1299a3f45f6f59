import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PcapWriter } from 'etherconn/capture';
import { buildUdpFrame } from 'etherconn/wire';
import { etherconn } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';
import { folderForTests } from '../test-support/folder.ts';
import { wireForTests } from '../test-support/wire.ts';

/** Every example of docs/commands/replay.md is run, with eth0 and eth1 at the ends of a veth pair. */

const wire = wireForTests({ name: 'eth0' }, { name: 'eth1' }, { prepare: writeCapture });
const { skip } = wire;
const folder = folderForTests();
const capture = join(folder, 'capture.pcap');

function writeCapture(): void {
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
}

const commands = skip === false ? examplesOf('replay.md').flat() : [];
for (const words of commands) {
  test(`docs/commands/replay.md: ${words.join(' ')}`, { skip }, async () => {
    assert.equal(words[0], 'etherconn');
    const args = words.slice(1).map((word) => {
      if (word === 'capture.pcap') return capture;
      return word === 'far' ? wire.far.path : word;
    });
    const end = await etherconn(args.includes('memory') ? args : [...args, '--netns', wire.near.path]);
    assert.equal(end.status, 0, end.stderr + end.stdout);
    assert.equal(end.stderr, '');
    assert.match(end.stdout, /^sent +[1-9]|"sent":\{"packets":500,/m);
  });
}

test('there are examples', { skip }, () => {
  assert.ok(commands.length >= 8);
});
