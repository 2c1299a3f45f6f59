import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PcapWriter } from 'etherconn/capture';
import { buildUdpFrame } from 'etherconn/wire';
import { endAll, etherconn } from '../test-support/command.ts';
import { examplesOf } from '../test-support/examples.ts';

/** Every example of docs/commands/decode.md is run with a capture, and every one of demo.md. */

const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
const capture = join(folder, 'capture.pcap');
const chunks: Uint8Array[] = [];
const writer = new PcapWriter((bytes) => chunks.push(Uint8Array.from(bytes)));
for (const destinationPort of [53, 9, 53]) {
  const data = buildUdpFrame({
    sourceMac: '02:00:00:00:00:01',
    destinationMac: '02:00:00:00:00:02',
    source: '10.0.0.1',
    destination: '10.0.0.2',
    sourcePort: 1000,
    destinationPort,
    payload: 'hello',
    pad: true,
  });
  writer.write({ timestamp: 1_700_000_000_000_000_000n, data });
}
writeFileSync(capture, Buffer.concat(chunks));
after(() => {
  endAll();
  rmSync(folder, { recursive: true });
});

for (const words of examplesOf('decode.md').flat())
  test(`docs/commands/decode.md: ${words.join(' ')}`, async () => {
    assert.equal(words[0], 'etherconn');
    const end = await etherconn(words.slice(1).map((word) => (word === 'capture.pcap' ? capture : word)));
    assert.equal(end.status, 0, end.stderr);
    const numbers = end.stdout
      .trimEnd()
      .split('\n')
      .map((line) =>
        words.includes('--json') ? JSON.parse(line)['frame.number'] : Number.parseInt(line, 10),
      );
    assert.deepEqual(numbers, words.includes('-c') ? [1, 3] : [1, 2, 3]);
  });

for (const words of examplesOf('demo.md').flat())
  test(`docs/commands/demo.md: ${words.join(' ')}`, async () => {
    const end = await etherconn(words.slice(1));
    assert.equal(end.status, 0, end.stderr + end.stdout);
  });
