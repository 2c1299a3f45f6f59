import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type CapturePacket, decodePacket, readCaptureFile } from 'etherconn/capture';
import { endAll, etherconn } from '../test-support/command.ts';

/** `--capture` of commands that run on an engine. */

const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
after(() => {
  endAll();
  rmSync(folder, { recursive: true });
});

async function captured(path: string): Promise<CapturePacket[]> {
  const packets: CapturePacket[] = [];
  for await (const packet of readCaptureFile(path)) packets.push(packet);
  return packets;
}

test('udp send: each datagram has its flow and number as comment', async () => {
  const file = join(folder, 'udp.pcapng');
  const machines = ['--from', '10.0.0.10+3', '--to', '10.0.0.2'];
  const end = await etherconn([
    'udp',
    'send',
    'mem',
    '--engine',
    'memory',
    ...machines,
    '--count',
    '30',
    '--capture',
    file,
    '--json',
  ]);
  assert.equal(end.status, 0, end.stderr);
  const packets = await captured(file);
  const comments = packets.flatMap(({ comment, direction }) =>
    direction === 'out' && comment !== undefined ? [comment] : [],
  );
  for (let flow = 0; flow < 3; flow++)
    for (let packet = 0; packet < 10; packet++)
      assert.ok(comments.includes(`flow ${flow}, packet ${packet}`), `flow ${flow}, packet ${packet}`);
  assert.ok(comments.includes('flow 0 ends after 10 packets'));
  assert.ok(
    packets.some((packet, i) => decodePacket(packet, i)['arp.opcode'] === 2 && packet.direction === 'in'),
  );
  const printed = await etherconn(['decode', file]);
  assert.match(printed.stdout, /\(flow 2, packet 9\)$/m);
});

test('dhcp: both directions, with the number of the client', async () => {
  const file = join(folder, 'dhcp.pcapng');
  const end = await etherconn([
    'dhcp',
    'mem',
    '--engine',
    'memory',
    '--clients',
    '5',
    '--rate',
    'max',
    '--capture',
    file,
  ]);
  assert.equal(end.status, 0, end.stderr);
  const types = new Map<string, Set<string>>();
  for (const [i, packet] of (await captured(file)).entries()) {
    const { 'dhcp.option.dhcp': type, 'dhcp.hw.mac_addr': mac } = decodePacket(packet, i);
    if (type === undefined) continue;
    assert.match(packet.comment ?? '', /^client [0-4]$/);
    assert.equal(Number(packet.comment!.slice(-1)) + 1, Number.parseInt(mac!.slice(-2), 16));
    const seen = types.get(packet.comment!) ?? new Set();
    types.set(packet.comment!, seen.add(`${packet.direction} ${type}`));
  }
  assert.equal(types.size, 5);
  for (const seen of types.values()) assert.deepEqual([...seen].sort(), ['in 2', 'in 5', 'out 1', 'out 3']);
});

test('a file that cannot be written', async () => {
  const args = ['dhcp', 'mem', '--engine', 'memory', '--clients', '5', '--rate', 'max'];
  const missing = await etherconn([...args, '--capture', join(folder, 'no/file')]);
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /--capture: .* there is no folder/);
  const full = await etherconn([...args, '--capture', '/dev/full']);
  assert.equal(full.status, 1);
  assert.match(full.stderr, /ENOSPC/);
});
