import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { endAll, etherconn, objects, RunningCommand } from '../test-support/command.ts';

/** `etherconn ping` as a process over a network in memory: no privileges are needed. */

after(endAll);

const PING = ['ping', 'mem', '--engine', 'memory'];

test('lines of replies; duplicates, loss and -O over a wire with faults', async () => {
  const end = await etherconn([
    ...[...PING, '10.0.0.1', '--from', '10.0.0.10', '-c', '20', '-i', '0.02', '-W', '0.2', '-O'],
    ...['--impair', 'duplicate=30%,delay=30ms', '--seed', '5'],
  ]);
  assert.equal(end.status, 0, end.stderr);
  assert.match(end.stdout, /^64 bytes from 10\.0\.0\.1: icmp_seq=\d+ ttl=64 time=[\d.]+ ms \(DUP!\)$/m);
  assert.match(end.stdout, /^no answer yet for icmp_seq=1$/m);
  assert.match(
    end.stdout,
    /^20 packets transmitted, 20 received, \+\d+ duplicates, 0% packet loss, time \d+ms$/m,
  );
});

test('corrupted data is said', async () => {
  const end = await etherconn([
    ...[...PING, 'fd00::1', '--from', 'fd00::10+20', '-c', '50', '-i', '0.02', '-W', '0.2', '-s', '1000'],
    ...['--impair', 'corrupt=20%', '--seed', '5', '--ndjson'],
  ]);
  assert.equal(end.status, 0, end.stderr);
  const lines = objects(end);
  assert.equal(lines[0].type, 'second');
  const result = lines.at(-1);
  assert.equal(result.sent.packets, 1000);
  // Checksums find what is corrupted: it is lost.
  assert.ok(result.received.lost > 0 && result.received.packets > 500);
  assert.equal(result.ping.corrupted, 0);
});

test('many machines: requests are spread over the interval, and each is counted', async () => {
  const end = await etherconn([
    ...[
      ...PING,
      '10.0.0.1+2',
      '--from',
      '10.0.0.10+200',
      '--vlan',
      '100-119',
      '-c',
      '3',
      '-i',
      '0.5',
      '--json',
    ],
    ...['--per-flow', '--fail-if', 'loss>0'],
  ]);
  assert.equal(end.status, 0, end.stderr + end.stdout);
  const [result] = objects(end);
  assert.deepEqual([result.flows, result.sent.packets, result.received.packets], [200, 600, 600]);
  assert.ok(result.perFlow.some(({ name }: { name: string }) => name === '10.0.0.11 > 10.0.0.2 vlan 101'));
  assert.ok(result.duration > 1.4, `${result.duration}`);
});

test('Ctrl-C ends with what there is', async () => {
  const running = new RunningCommand([...PING, '10.0.0.1', '--from', '10.0.0.10', '-i', '0.05']);
  await running.says(/icmp_seq=3 /);
  const end = await running.interrupt();
  assert.equal(end.status, 130);
  assert.match(end.stdout, /^--- 10\.0\.0\.1 ping statistics ---\n\d+ packets transmitted, /m);
});

test('a flood, and a deadline', async () => {
  const flood = await etherconn([...PING, '10.0.0.1', '--from', '10.0.0.10+3', '-f', '-c', '300', '--json']);
  assert.equal(objects(flood)[0].received.packets, 900);
  const end = await etherconn([...PING, '10.0.0.1', '--from', '10.0.0.10', '-w', '0.5', '-i', '0.1', '-q']);
  assert.equal(end.status, 0);
  assert.match(end.stdout, /^PING .*\n\n--- .* ---\n5 packets transmitted, 5 received/);
});

test('wrong input: the option, and what is allowed', async () => {
  const base = [...PING, '10.0.0.1', '--from', '10.0.0.10'];
  for (const [args, message] of [
    [[...PING, '10.0.0.1'], /required option '--from/],
    [[...PING, 'example.com', '--from', '10.0.0.10'], /must be an IP address like 10\.0\.0\.1/],
    [[...PING, 'fd00::1', '--from', '10.0.0.10'], /--from: must be of IPv6 as the destination is/],
    [[...PING, '10.9.0.1', '--from', '10.0.0.10'], /--gateway: is needed: 10\.9\.0\.1 is not in the network/],
    [[...base, '-6'], /-6: needs an IPv6 destination/],
    [[...base, '-4', '-6'], /cannot be used with/],
    [[...base, '-s', '65508'], /must be a whole number from 0 to 65507/],
    [[...base, '-t', '0'], /must be a whole number from 1 to 255/],
    [[...base, '-i', '0'], /must be a time like/],
    [[...base, '-f', '-i', '1'], /cannot be used with/],
    [[...base, '-M', 'maybe'], /Allowed choices are do, want, dont/],
    [[...base, '-c', '0'], /must be a whole number from 1/],
    [
      ['ping', 'lo', '10.0.0.1', '--from', '10.0.0.10', '--impair', 'loss=1%'],
      /--impair: is for --engine memory/,
    ],
    [['ping', 'none0', '10.0.0.1', '--from', '10.0.0.10', '--netns', 'none'], /no network namespace 'none'/],
  ] as const) {
    const end = await etherconn(args);
    assert.equal(end.status, 2, `${args.join(' ')}: ${end.stderr}`);
    assert.match(end.stderr, message);
    assert.equal(end.stdout, '');
  }
});
