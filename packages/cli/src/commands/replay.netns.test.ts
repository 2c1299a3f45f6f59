import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PcapWriter } from 'etherconn/capture';
import { build, ether, ipv4, ipv6, tcp, udp, vlan } from 'etherconn/frames';
import { requireCapture, requireCommand, startCapture } from 'etherconn/testing';
import { etherconn, objects } from '../test-support/command.ts';
import { folderForTests } from '../test-support/folder.ts';
import { wireForTests } from '../test-support/wire.ts';

/** `etherconn replay` between real interfaces; what tcpdump or dumpcap sees there is the oracle. */

const wire = wireForTests({ name: 'va' }, { name: 'vb' });
const { skip } = wire;
const folder = folderForTests();

const COUNT = 300;
/** TCP, UDP and IPv6, some in VLANs, some to groups. */
const frames = Array.from({ length: COUNT }, (_, i) => {
  const macs = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
  const four = ipv4({ source: '10.0.0.1', destination: `10.0.0.${2 + (i % 50)}` });
  const data = `${i}`.padEnd(20 + (i % 7) * 100);
  if (i % 3 === 0) return build([ether(macs), four, tcp({ sourcePort: i, destinationPort: 80 }), data]);
  if (i % 3 === 1)
    return build([ether(macs), vlan(7), four, udp({ sourcePort: i, destinationPort: 53 }), data]);
  const six = ipv6({ source: 'fd00::1', destination: 'ff02::5' });
  return build([ether({ source: macs.source }), six, udp({ sourcePort: i, destinationPort: 53 }), data]);
});

function write(name: string): string {
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => chunks.push(Uint8Array.from(bytes)));
  for (const [i, data] of frames.entries())
    writer.write({ timestamp: 1_700_000_000_000_000_000n + BigInt(i) * 500_000n, data });
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(chunks));
  return path;
}
const file = write('mixed.pcap');

for (const engine of ['packet', 'xdp']) {
  test(`${engine}: what arrives is byte for byte what was captured`, {
    skip: skip || requireCapture(),
  }, async () => {
    const capture = await startCapture(wire.far, 'vb');
    const end = await etherconn([
      'replay',
      file,
      'va',
      '--netns',
      wire.near.path,
      '--engine',
      engine,
      '--json',
    ]);
    assert.equal(end.status, 0, end.stderr);
    const [{ sent, received, behind }] = objects(end);
    assert.deepEqual([sent.packets, received, behind.count], [COUNT, null, COUNT]);
    assert.deepEqual(
      (await capture.frames(COUNT)).map((each) => each.toString('hex')),
      frames.map((each) => Buffer.from(each).toString('hex')),
    );
  });

  test(`${engine}: listens at the other end: nothing is lost, nothing out of order`, { skip }, async () => {
    const end = await etherconn([
      ...['replay', file, 'va', '--netns', wire.near.path, '--engine', engine, '--loop', '5', '--speed', '5'],
      ...['--listen', 'vb', '--listen-netns', wire.far.path],
      ...['--json', '--fail-if', 'loss>0', '--fail-if', 'reordered>0'],
    ]);
    assert.equal(end.status, 0, end.stderr + end.stdout);
    const [{ sent, received, latency }] = objects(end);
    assert.deepEqual([sent.packets, received.packets, received.duplicates], [5 * COUNT, 5 * COUNT, 0]);
    assert.equal(latency.count, 5 * COUNT);
  });
}

test('tshark finds rewritten frames right', {
  skip: skip || requireCapture() || requireCommand('tshark'),
}, async () => {
  const capture = await startCapture(wire.far, 'vb');
  const end = await etherconn([
    ...['replay', file, 'va', '--netns', wire.near.path, '--max', '--src-mac', '02:00:00:00:aa:01'],
    ...[
      '--map-ip',
      '10.0.0.0/24=192.168.7.0/24',
      '--map-ip',
      'fd00::/64=2001:db8::/64',
      '--set-vlan',
      '100.200',
    ],
  ]);
  assert.equal(end.status, 0, end.stderr);
  await capture.frames(COUNT);
  const seen = join(folder, 'seen.pcap');
  writeFileSync(seen, capture.file);
  const checks = ['ip', 'tcp', 'udp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
  const fields = [
    'eth.src',
    'vlan.id',
    'ip.src',
    'ipv6.src',
    'ip.checksum.status',
    'tcp.checksum.status',
    'udp.checksum.status',
  ];
  const { stdout, stderr } = spawnSync(
    'tshark',
    ['-r', seen, '-T', 'fields', ...fields.flatMap((field) => ['-e', field]), ...checks],
    { encoding: 'utf8' },
  );
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, COUNT, stderr);
  const kinds = new Set(lines);
  assert.deepEqual(
    [...kinds].sort(),
    [
      '02:00:00:00:aa:01\t100,200\t\t2001:db8::1\t\t\t1',
      '02:00:00:00:aa:01\t100,200\t192.168.7.1\t\t1\t\t1',
      '02:00:00:00:aa:01\t100,200\t192.168.7.1\t\t1\t1\t',
    ].sort(),
  );
});

test('frames longer than the interface takes are skipped', { skip }, async () => {
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => chunks.push(Uint8Array.from(bytes)));
  for (const length of [100, 1514, 1519, 9000])
    writer.write({ timestamp: 1n, data: new Uint8Array(length).fill(2) });
  const path = join(folder, 'long.pcap');
  writeFileSync(path, Buffer.concat(chunks));
  const end = await etherconn(['replay', path, 'va', '--netns', wire.near.path, '--json']);
  assert.equal(end.status, 0, end.stderr);
  const [{ sent, replay: about }] = objects(end);
  assert.deepEqual([sent.packets, about.skipped], [2, { 'longer than the interface takes': 2 }]);
});
