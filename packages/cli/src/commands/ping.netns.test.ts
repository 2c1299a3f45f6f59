import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { addVethPair, openNamespace, requireCapture, requireCommand, startCapture } from 'etherconn/testing';
import { type CommandEnd, etherconn, objects } from '../test-support/command.ts';
import { type TestWire, waitForAddresses, wireForTests } from '../test-support/wire.ts';

/** `etherconn ping` as a process: the kernel of `far` answers, and routes to `beyond`, whose wire is narrower. */

const wire = wireForTests(
  { name: 'va', addresses: ['10.0.0.9/24'] },
  { name: 'vb', addresses: ['10.0.0.1/24', 'fd00::1/64'] },
  { ipv6: true, prepare: addRouter },
);
const { skip } = wire;

async function addRouter(wire: TestWire): Promise<void> {
  const { far } = wire;
  const beyond = wire.keep(await openNamespace());
  addVethPair(
    { namespace: far, name: 'vc', addresses: ['10.1.0.1/24', 'fd01::1/64'] },
    { namespace: beyond, name: 'vd', addresses: ['10.1.0.2/24', 'fd01::2/64'] },
    { ipv6: true, mtu: 1400 },
  );
  far.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  beyond.run('ip', 'route', 'add', 'default', 'via', '10.1.0.1');
  beyond.run('ip', '-6', 'route', 'add', 'default', 'via', 'fd01::1');
  waitForAddresses(far, 'vb');
  waitForAddresses(far, 'vc');
  waitForAddresses(beyond, 'vd');
}

function ping(to: string, ...args: string[]): Promise<CommandEnd> {
  const from = to.includes(':') ? 'fd00::20' : '10.0.0.20';
  const gateway = to.includes(':') ? 'fd00::1' : '10.0.0.1';
  return etherconn([
    ...['ping', 'va', to, '--netns', wire.near.path, '--gateway', gateway],
    ...(args.includes('--from') ? [] : ['--from', from]),
    ...args,
  ]);
}

/** The lines without their times. */
function lines({ stdout }: CommandEnd): string[] {
  return stdout
    .split('\n')
    .map((line) => line.replace(/time=[\d.]+ ms/, 'time=T').replace(/time \d+ms/, 'time T'))
    .filter((line) => !line.startsWith('rtt '));
}

for (const engine of ['packet', 'xdp']) {
  for (const [to, bytes] of [
    ['10.0.0.1', '56(84) bytes of data.'],
    ['fd00::1', '56 data bytes'],
  ] as const) {
    test(`${engine}: ${to} answers, line by line as ping says it`, { skip }, async () => {
      const end = await ping(to, '--engine', engine, '-c', '3', '-i', '0.05');
      assert.equal(end.status, 0, end.stderr);
      const from = to.includes(':') ? 'fd00::20' : '10.0.0.20';
      assert.deepEqual(lines(end), [
        `PING ${to} (${to}) from ${from} va: ${bytes}`,
        ...[1, 2, 3].map((n) => `64 bytes from ${to}: icmp_seq=${n} ttl=64 time=T`),
        '',
        `--- ${to} ping statistics ---`,
        '3 packets transmitted, 3 received, 0% packet loss, time T',
        '',
      ]);
      assert.match(end.stdout, /^rtt min\/avg\/max\/mdev = ([\d.]+\/){3}[\d.]+ ms$/m);
      assert.match(end.stdout, /^rtt p50 .* p99\.9 /m);
    });
  }
}

test('errors: nobody at the address, TTL exceeded, narrower paths, and exit code 1', { skip }, async () => {
  const nobody = await ping('10.0.0.77', '-c', '1');
  assert.equal(nobody.status, 1, nobody.stderr);
  assert.deepEqual(lines(nobody).slice(1), [
    'From 10.0.0.20 icmp_seq=1 Destination Host Unreachable',
    '',
    '--- 10.0.0.77 ping statistics ---',
    '1 packets transmitted, 0 received, +1 errors, 100% packet loss, time T',
    '',
  ]);
  const short = await ping('10.1.0.2', '-c', '1', '-t', '1');
  assert.equal(short.status, 1);
  assert.equal(lines(short)[1], 'From 10.0.0.1 icmp_seq=1 Time to live exceeded');
  const short6 = await ping('fd01::2', '-c', '1', '-t', '1');
  assert.equal(lines(short6)[1], 'From fd00::1 icmp_seq=1 Time exceeded: Hop limit');
  const narrow = await ping('10.1.0.2', '-c', '2', '-i', '0.2', '-s', '1472', '-M', 'do', '-W', '0.2');
  assert.equal(narrow.status, 1);
  assert.deepEqual(lines(narrow).slice(1, 3), [
    'From 10.0.0.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)',
    'ping: local error: message too long, mtu=1400',
  ]);
  const narrow6 = await ping('fd01::2', '-c', '3', '-i', '0.2', '-s', '1452');
  assert.equal(narrow6.status, 0, 'fragments, once the MTU is known');
  assert.equal(lines(narrow6)[1], 'From fd00::1 icmp_seq=1 Packet too big: mtu=1400');
  assert.match(lines(narrow6)[2]!, /^1460 bytes from fd01::2: icmp_seq=2 ttl=63 time=T$/);
  const filtered = await ping('10.1.0.77', '-c', '1', '-W', '5');
  assert.equal(lines(filtered)[1], 'From 10.0.0.1 icmp_seq=1 Destination Host Unreachable');
});

test('many machines in VLANs, thresholds, JSON per machine; a flood', { skip }, async () => {
  const end = await ping(
    '10.0.0.1',
    ...['--from', '10.0.0.30+50', '--from-mac', '02:00:00:00:07:00+50', '-c', '4', '-i', '0.2'],
    ...['--json', '--per-flow', '--fail-if', 'loss>0', '--fail-if', 'p99>10s'],
  );
  assert.equal(end.status, 0, end.stderr + end.stdout);
  const [result] = objects(end);
  assert.equal(result.command, 'ping');
  assert.deepEqual([result.sent.packets, result.received.packets, result.latency.count], [200, 200, 200]);
  assert.deepEqual(result.ping.errorsByName, {});
  assert.ok(result.ping.mdev >= 0 && result.ping.mdev <= result.latency.max);
  assert.equal(result.perFlow.length, 50);
  for (const flow of result.perFlow) assert.deepEqual([flow.expected, flow.received], [4, 4]);
  // Linux without VLAN devices takes a frame with tags for nobody's: these get no answer.
  const tagged = await ping(
    '10.0.0.1',
    '--vlan',
    '100-101',
    '-c',
    '1',
    '-W',
    '0.2',
    '--json',
    '--clients',
    '4',
  );
  assert.equal(tagged.status, 1);
  assert.deepEqual([objects(tagged)[0].sent.packets, objects(tagged)[0].received.packets], [4, 0]);
  const flood = await ping('10.0.0.1', '-f', '-c', '500', '--json');
  assert.equal(flood.status, 0, flood.stderr);
  assert.equal(objects(flood)[0].received.packets, 500);
  const missed = await ping('10.0.0.1', '-c', '1', '--fail-if', 'min<10s');
  assert.equal(missed.status, 3);
  assert.match(missed.stdout, /^threshold {2}FAIL min<10s/m);
});

test('tcpdump sees the MAC address, TTL, TOS, DF, sequence and data of the options', {
  skip: skip || requireCapture() || requireCommand('tcpdump'),
}, async () => {
  const capture = await startCapture(wire.far, 'vb', 'icmp[icmptype] == icmp-echo');
  const end = await ping(
    '10.0.0.1',
    ...['-c', '2', '-i', '0.05', '-t', '9', '-Q', '184', '-s', '20', '-M', 'do'],
    ...['--from-mac', '02:00:00:00:77:01'],
  );
  assert.equal(end.status, 0, end.stderr);
  await capture.frames(2);
  const { stdout } = spawnSync('tcpdump', ['-nevr', '-'], { input: capture.file, encoding: 'utf8' });
  assert.match(stdout, /02:00:00:00:77:01 > .*tos 0xb8, ttl 9, .*flags \[DF\], proto ICMP/);
  assert.match(stdout, /10\.0\.0\.20 > 10\.0\.0\.1: ICMP echo request, id \d+, seq 1, length 28/);
  assert.match(stdout, /seq 2, length 28/);
});

test('the kernel pings back a machine that pings', { skip: skip || requireCommand('ping') }, async () => {
  const pinging = ping('10.0.0.1', '-w', '3', '-q');
  const { status, stdout } = spawnSync(
    'nsenter',
    [`--net=${wire.far.path}`, 'ping', '-c', '1', '-w', '3', '10.0.0.20'],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stdout);
  const end = await pinging;
  assert.equal(end.status, 0, end.stderr);
  assert.deepEqual(lines(end).slice(0, 3), [
    'PING 10.0.0.1 (10.0.0.1) from 10.0.0.20 va: 56(84) bytes of data.',
    '',
    '--- 10.0.0.1 ping statistics ---',
  ]);
});
