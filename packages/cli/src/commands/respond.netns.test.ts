import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { endAll, etherconn, objects, RunningCommand } from '../test-support/command.ts';
import { wireForTests } from '../test-support/wire.ts';

/** `etherconn respond` as a process on a veth pair: the kernel, and our own clients, are at the other end. */

const wire = wireForTests(
  { name: 'va', addresses: ['10.0.0.1/16', 'fd00::1/64'] },
  { name: 'vb' },
  { ipv6: true },
);
const { skip } = wire;
afterEach(endAll);

async function respond(...args: readonly string[]): Promise<RunningCommand> {
  const running = new RunningCommand(['respond', ...args, '--ndjson', '--netns', wire.far.path]);
  await running.says(/"type":"second"/);
  return running;
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into what they want to be there.
async function end(running: RunningCommand): Promise<any> {
  const { status, stderr, stdout } = await running.interrupt();
  assert.equal(status, 130, stderr);
  assert.equal(stderr, '');
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
}

for (const [engine, declines] of [
  ['packet', true],
  ['xdp', false],
] as const) {
  test(`${engine}: DHCP for 5000 clients, ${declines ? 'declines' : 'renewals'} and releases`, {
    skip,
  }, async () => {
    const server = await respond('dhcp', 'vb', '--engine', engine, '--lease-time', '8s');
    const clients = await etherconn([
      ...['dhcp', 'va', '--clients', '5000', '--rate', '1500', '--netns', wire.near.path, '--json'],
      ...(declines ? ['--decline', '1%', '--duration', '14s'] : ['--renew']),
      ...['--release', '--timeout', '2s'],
    ]);
    assert.equal(clients.status, 0, clients.stderr);
    const [{ fleet }] = objects(clients);
    assert.ok(fleet.leases >= 5000, JSON.stringify(fleet));
    if (declines) assert.ok(fleet.failures.declined > 0);
    assert.ok(fleet.messages.release > 0);
    assert.ok(declines ? fleet.messages.decline > 0 : fleet.renewed >= 5000);
    const { responder } = await end(server);
    assert.ok(responder.counts.ack >= 5000);
    assert.equal(responder.leases.held, 0, JSON.stringify(responder));
  });
}

test('clients in VLANs get their tags back; others are not heard', { skip }, async () => {
  const server = await respond('dhcp', 'vb', '--vlan', '100-109');
  const dhcp = [
    'dhcp',
    'va',
    '--netns',
    wire.near.path,
    '--json',
    '--timeout',
    '300ms',
    '--retries',
    '1',
    '--rate',
    'max',
  ];
  const tagged = await etherconn([
    ...dhcp,
    '--clients',
    '100',
    '--vlan',
    '100-109',
    '--renew',
    '--duration',
    '2s',
  ]);
  assert.equal(objects(tagged)[0].fleet.bound, 100, tagged.stdout);
  const other = await etherconn([...dhcp, '--clients', '5', '--vlan', '200']);
  assert.deepEqual(objects(other)[0].fleet.failures, { 'no offer': 5 });
  const { responder } = await end(server);
  assert.equal(responder.leases.held, 100);
});

test('a small pool: what is left gets nothing, and that is counted', { skip }, async () => {
  const server = await respond('dhcp', 'vb', '--pool', '10.64.1.1+10');
  const clients = await etherconn([
    ...['dhcp', 'va', '--netns', wire.near.path, '--json', '--clients', '12', '--rate', 'max'],
    ...['--timeout', '300ms', '--retries', '0'],
  ]);
  const [{ fleet }] = objects(clients);
  assert.deepEqual([fleet.leases, fleet.failures], [10, { 'no offer': 2 }]);
  const { responder } = await end(server);
  assert.deepEqual([responder.leases, responder.counts.exhausted], [{ held: 10, free: 0 }, 2]);
});

for (const engine of ['packet', 'xdp']) {
  test(`${engine}: the kernel's ping, ARP, neighbor discovery and datagrams are answered`, {
    skip,
  }, async () => {
    const echo = await respond(
      'echo',
      'vb',
      '--engine',
      engine,
      '--address',
      '10.0.1.0+1000',
      '--address',
      'fd00::10+1000',
    );
    wire.near.run('ip', 'neigh', 'flush', 'dev', 'va');
    for (const address of ['10.0.1.0', '10.0.4.231', 'fd00::10', 'fd00::3f7']) {
      const { stdout } = wire.near.run('ping', '-c', '2', '-i', '0.2', '-W', '5', address);
      assert.match(stdout, /2 received/, address);
    }
    // Longer than a frame: fragments come back as they are.
    assert.match(wire.near.run('ping', '-c', '1', '-s', '4000', '-W', '5', '10.0.1.7').stdout, /1 received/);
    for (const [type, address] of [
      ['udp4', '10.0.2.3'],
      ['udp6', 'fd00::20'],
    ]) {
      const program = `const socket = require('dgram').createSocket('${type}'); socket.on('message', (message, remote) => { console.log(String(message), remote.address, remote.port); socket.close(); }); socket.send('hello', 4567, '${address}')`;
      assert.equal(wire.near.run(process.execPath, '-e', program).stdout, `hello ${address} 4567\n`);
    }
    const { responder } = await end(echo);
    const { counts } = responder;
    assert.ok(
      counts.arp >= 4 && counts.nd >= 3 && counts.ping >= 11 && counts.udp === 2,
      JSON.stringify(counts),
    );
  });
}

test('thousands of machines measure a round trip through it', { skip }, async () => {
  const echo = await respond('echo', 'vb', '--address', '10.0.1.0+500');
  const sent = await etherconn([
    ...['udp', 'send', 'va', '--netns', wire.near.path],
    ...['--from', '10.0.100.0+2000', '--to', '10.0.1.0+500', '--prefix', '16'],
    ...['--rate', '2kpps', '--count', '4000', '--round-trip', '--json'],
  ]);
  assert.equal(sent.status, 0, sent.stderr);
  const [result] = objects(sent);
  assert.deepEqual([result.received.packets, result.received.loss], [4000, 0]);
  const { responder } = await end(echo);
  assert.ok(responder.counts.udp >= 4000);
});

test('for people: what it has answered, at the end', { skip }, async () => {
  const done = await etherconn(['respond', 'dhcp', 'vb', '--netns', wire.far.path, '--duration', '1s']);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /^leases +0 held +65 278 free$/m);
  assert.match(done.stdout, /^asked +/m);
});

test('wrong input is told before anything is opened', async () => {
  for (const [args, message] of [
    [['dhcp'], /missing required argument/],
    [['dhcp', 'vb', '--pool', '10.64.1.1,10.64.1.5'], /one range/],
    [
      ['dhcp', 'vb', '--pool', '192.0.2.1+5'],
      /--pool: must be in the network of --address \(10\.64\.0\.1\/16\): give both/,
    ],
    [['dhcp', 'vb', '--pool', '10.64.0.1+5'], /must not have the server's own address/],
    [['dhcp', 'vb', '--address', '10.0.0.1'], /with its prefix/],
    [['dhcp', 'vb', '--lease-time', '500ms'], /whole seconds, or forever/],
    [['dhcp', 'vb', '--router', 'x'], /IPv4 addresses like/],
    [['dhcp', 'vb', '--domain', 'a b'], /must be a domain name/],
    [['dhcp', 'vb', '--option', '53=1'], /filled by/],
    [['dhcp', 'vb', '--mac', '01:00:00:00:00:01'], /no group's/],
    [['echo', 'vb'], /--address/],
    [['echo', 'vb', '--address', '10.0.0.0+2000000'], /at most 1048576/],
    [['echo', 'vb', '--address', '10.0.0.1', '--engine', 'memory'], /Allowed choices/],
  ] as const) {
    const done = await etherconn(['respond', ...args]);
    assert.equal(done.status, 2, done.stderr);
    assert.match(done.stderr, message);
    assert.equal(done.stdout, '');
  }
});

test('an interface that is not there', { skip }, async () => {
  const done = await etherconn(['respond', 'dhcp', 'nothere', '--netns', wire.far.path]);
  assert.equal(done.status, 1);
  assert.match(done.stderr, /^etherconn: [^\n]*nothere[^\n]*\n$/);
});
