import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build, ether, ipv4, udp } from 'etherconn/frames';
import { requireCapture, startCapture } from 'etherconn/testing';
import { type CommandEnd, etherconn, objects, RunningCommand } from '../test-support/command.ts';
import { waitForAddresses, wireForTests } from '../test-support/wire.ts';

/** `etherconn send` as a process; the kernel of `far` answers. */

const wire = wireForTests(
  { name: 'va' },
  { name: 'vb', mac: '02:00:00:00:00:02', addresses: ['10.0.0.2/24', 'fd00::2/64'] },
  { ipv6: true, prepare: ({ far }) => waitForAddresses(far, 'vb') },
);
const { skip } = wire;

function send(...args: string[]): Promise<CommandEnd> {
  return etherconn(['send', 'va', '--netns', wire.near.path, ...args]);
}

const FROM = 'source=02:00:00:00:00:09';
const TO = 'destination=02:00:00:00:00:02';

for (const engine of ['packet', 'xdp']) {
  test(`${engine}: what is sent is what the builder makes, and the hex`, {
    skip: skip || requireCapture(),
  }, async () => {
    const capture = await startCapture(wire.far, 'vb', 'ether src 02:00:00:00:00:09');
    const frame = build([
      ether({ source: '02:00:00:00:00:09', destination: '02:00:00:00:00:02' }),
      ipv4({ source: '10.0.0.9', destination: '10.0.0.2' }),
      udp({ destinationPort: 9 }),
      'hello',
    ]);
    const words = `ether(${FROM},${TO})/ipv4(source=10.0.0.9,destination=10.0.0.2)/udp(destinationPort=9)/"hello"`;
    const end = await send('--engine', engine, words, '--count', '3', '--interval', '10ms');
    assert.equal(end.status, 0, end.stderr);
    assert.match(
      end.stdout,
      /^> 02:00:00:00:00:09 > 02:00:00:00:00:02, .*UDP 0 > 9, length 5\n3 frames sent, 141 bytes\n$/,
    );
    const hex = await send('--engine', engine, '--hex', Buffer.from(frame).toString('hex'));
    assert.equal(hex.status, 0, hex.stderr);
    for (const each of await capture.frames(4))
      assert.equal(each.toString('hex'), Buffer.from(frame).toString('hex'));
  });

  test(`${engine}: answers are printed: ARP, ping over both IP versions`, { skip }, async () => {
    const end = await send(
      ...['--engine', engine, '--wait', '5s'],
      `ether(${FROM},${TO})/arp(senderMac=02:00:00:00:00:09,senderIp=10.0.0.9,targetIp=10.0.0.2)`,
      `ether(${FROM},${TO})/ipv4(source=10.0.0.9,destination=10.0.0.2)/icmpv4(id=7,sequence=1)/"ping"`,
      `ether(${FROM},${TO})/ipv6(source=fd00::9,destination=fd00::2)/icmpv6(id=7,sequence=1)/"ping"`,
    );
    assert.equal(end.status, 0, end.stderr + end.stdout);
    assert.match(end.stdout, /^< [\d.]+ ms {2}.*Reply 10\.0\.0\.2 is-at 02:00:00:00:00:02/m);
    assert.equal(end.stdout.match(/^< .*echo reply, id 7, seq 1/gm)?.length, 2, end.stdout);
    assert.match(end.stdout, /^3 frames sent, \d+ bytes, 3 of 3 answered$/m);
  });
}

test('a frame without a source comes from the MAC address of the interface', { skip }, async () => {
  const [{ address: own }] = JSON.parse(wire.near.run('ip', '-j', 'link', 'show', 'va').stdout) as [
    { address: string },
  ];
  const frame = `ether(${TO})/arp(senderMac=${own},senderIp=10.0.0.9,targetIp=10.0.0.2)`;
  const [sent, answer] = objects(await send('--wait', '5s', frame, '--json'));
  assert.deepEqual([sent['eth.src'], answer['eth.dst']], [own, own]);
  const given = `ether(source=00:00:00:00:00:00,${TO})/udp`;
  assert.equal(objects(await send(given, '--json'))[0]['eth.src'], '00:00:00:00:00:00');
});

test('nobody answers: exit code 1; JSON is that of decode', { skip }, async () => {
  const frame = `ether(${FROM})/arp(senderMac=02:00:00:00:00:09,senderIp=10.0.0.9,targetIp=10.0.0.77)`;
  const end = await send('--wait', '200ms', frame, '--json');
  assert.equal(end.status, 1, end.stderr);
  const [sent, ...others] = objects(end);
  assert.deepEqual([sent.direction, sent['eth.src'], others.length], ['out', '02:00:00:00:00:09', 0]);
});

test('Ctrl-C', { skip }, async () => {
  const running = new RunningCommand([
    ...['send', 'va', '--netns', wire.near.path, '--hex', 'ffffffffffff02000000000988b500', '--count', '1M'],
    ...['--interval', '20ms'],
  ]);
  await running.says(/^> /m);
  const end = await running.interrupt();
  assert.equal(end.status, 130);
  assert.match(end.stdout, /^\d+ frames? sent, \d+ bytes$/m);
});

test('wrong input', { skip }, async () => {
  for (const [args, status, message] of [
    [['ether/ip'], 2, /FRAME: 'ip' is no layer/],
    [['ipv4/udp'], 2, /FRAME: must begin with the layer 'ether'/],
    [['ether/ipv4(ttl=256)'], 2, /FRAME: ipv4\.ttl: must be an integer from 0 to 255, got 256/],
    [['--hex', 'xy'], 2, /must have two hexadecimal digits/],
    [['--hex', '00'], 2, /must have at least 14 bytes, got 1/],
    [['ether/arp', '--all'], 2, /--all: needs --wait/],
    [['ether/arp', '--count', '0'], 2, /must be a whole number from 1/],
    [['--hex', '02'.repeat(9000)], 1, /9000 bytes do not fit, the most here is 15/],
  ] as const) {
    const end = await send(...args);
    assert.equal(end.status, status, `${args.join(' ')}: ${end.stderr}`);
    assert.match(end.stderr, message);
  }
  const none = await etherconn(['send', 'none0', 'ether/arp', '--netns', wire.near.path]);
  assert.equal(none.status, 1);
  assert.match(none.stderr, /none0/);
});
