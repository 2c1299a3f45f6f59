import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type CommandEnd,
  checkUnlimitedSearch,
  etherconn,
  objects,
  RunningCommand,
} from '../test-support/command.ts';
import { wireForTests } from '../test-support/wire.ts';

/** `etherconn udp` as processes on real interfaces. */

const wire = wireForTests(
  { name: 'va', addresses: ['10.0.0.1/24'] },
  { name: 'vb', addresses: ['10.0.0.3/24'] },
);
const { skip } = wire;

for (const engine of ['packet', 'xdp']) {
  test(`${engine}: a receiver of its own measures thousands of flows of a sender, in VLANs`, {
    skip,
  }, async () => {
    const receiver = new RunningCommand([
      ...['udp', 'receive', 'vb', '--netns', wire.far.path, '--engine', engine, '--address', '10.0.0.2'],
      ...['--vlan', '100-103', '--count', '6000', '--ndjson', '--per-flow'],
    ]);
    await receiver.says(/"type":"second"/);
    const end = await etherconn([
      ...['udp', 'send', 'va', '--netns', `${wire.near.pid}`, '--engine', engine, '--from', '10.0.0.10+200'],
      ...['--to', '10.0.0.2', '--vlan', '100-103', '--from-port', '1000+3000', '--count', '6000'],
      ...['--rate', '3kpps', '--seed', '99', '--json'],
    ]);
    assert.equal(end.status, 0, end.stderr);
    const [sent] = objects(end);
    assert.equal(sent.sent.packets, 6000);
    assert.equal(sent.received, null);
    assert.match(sent.engine, engine === 'xdp' ? /^AF_XDP \w+ on va$/ : /^AF_PACKET on va$/);
    const received = await receiver.ended;
    assert.equal(received.status, 0, received.stderr);
    const result = objects(received).at(-1);
    assert.equal(result.received.packets, 6000);
    assert.equal(result.received.lost, 0);
    assert.equal(result.perFlow.length, 3000);
    const flow = result.perFlow.find((each: { flow: number }) => each.flow === 201);
    assert.equal(flow.run, 99);
    assert.match(flow.name, /^10\.0\.0\.11:1201 > 10\.0\.0\.2:9464 vlan .*101/);
  });

  test(`${engine}: one responder for many senders, there and back`, { skip }, async () => {
    const responder = new RunningCommand([
      ...['udp', 'echo', 'vb', '--netns', wire.far.path],
      ...['--engine', engine, '--address', '10.0.0.2', '--ndjson'],
    ]);
    await responder.says(/"type":"second"/);
    const end = await etherconn([
      ...['udp', 'send', 'va', '--netns', wire.near.path, '--engine', engine, '--from', '10.0.0.10+100'],
      ...[
        '--to',
        '10.0.0.2',
        '--count',
        '1000',
        '--rate',
        '1kpps',
        '--round-trip',
        '--json',
        '--fail-if',
        'loss>0',
      ],
    ]);
    assert.equal(end.status, 0, end.stderr + end.stdout);
    const [result] = objects(end);
    assert.equal(result.received.packets, 1000);
    assert.equal(result.thresholds[0].state, 'met');
    const echo = await responder.interrupt();
    assert.equal(echo.status, 130);
    assert.equal(objects(echo).at(-1).received.packets, 1000);
  });
}

test('a kernel socket is a destination, too, and its datagrams are what was asked for', {
  skip,
}, async () => {
  const server = wire.far.spawn(
    process.execPath,
    '-e',
    `const s = require('node:dgram').createSocket('udp4');
     const seen = {};
     s.on('message', (m, { port, address }) => {
       const key = address + ':' + port + ' ' + m.length;
       seen[key] = (seen[key] ?? 0) + 1;
       if (Object.values(seen).reduce((a, b) => a + b) === 40) { console.log(JSON.stringify(seen)); s.close(); }
     });
     s.bind(7000, () => console.error('ready'));`,
  );
  let output = '';
  server.stdout!.on('data', (chunk) => {
    output += chunk;
  });
  await new Promise((resolve) => server.stderr!.once('data', resolve));
  const closed = new Promise((resolve) => server.once('close', resolve));
  // 32 packets of four flows, and the end of each flow twice.
  const end = await etherconn([
    ...['udp', 'send', 'va', '--netns', wire.near.path],
    ...['--engine', 'packet', '--from', '10.0.0.20+2', '--from-port', '5000+4'],
    ...[
      '--to',
      '10.0.0.3',
      '--to-port',
      '7000',
      '--size',
      '100',
      '--count',
      '32',
      '--rate',
      '1kpps',
      '--json',
    ],
  ]);
  assert.equal(end.status, 0, end.stderr);
  await closed;
  assert.deepEqual(JSON.parse(output), {
    '10.0.0.20:5000 54': 10,
    '10.0.0.21:5001 54': 10,
    '10.0.0.20:5002 54': 10,
    '10.0.0.21:5003 54': 10,
  });
});

test('both interfaces in one process; --find-rate over a real link', { skip }, async () => {
  const end = await etherconn([
    ...['udp', 'send', 'va', '--netns', wire.near.path],
    ...['--receive-on', 'vb', '--receive-netns', wire.far.path],
    ...['--from', '10.0.0.10+10', '--to', '10.0.0.2', '--find-rate', '--rate', '2kpps', '--trial', '200ms'],
    ...['--loss', '100%', '--json'],
  ]);
  const [result] = objects(end);
  checkUnlimitedSearch(result.foundRate);
  assert.equal(end.status, result.foundRate.rate === null ? 3 : 0, end.stderr);
  assert.match(result.engine, / on va, .* on vb$/);
});

test('Ctrl-C while nobody answers ends at once; what cannot be opened is one sentence', {
  skip,
}, async () => {
  // It asks for three seconds, and says nothing meanwhile. When it begins depends on the machine.
  let end: CommandEnd | undefined;
  for (let delay = 1000; delay <= 4000 && end?.status !== 130; delay += 500) {
    const args = ['udp', 'send', 'va', '--netns', wire.near.path, '--from', '10.0.0.10', '--to', '10.0.0.99'];
    const running = new RunningCommand(args);
    setTimeout(() => running.child.kill('SIGINT'), delay);
    end = await running.ended;
  }
  assert.equal(end!.status, 130, end!.stderr);
  assert.equal(end!.stderr, '');
  const none = await etherconn([
    'udp',
    'receive',
    'nosuch0',
    '--netns',
    wire.far.path,
    '--address',
    '10.0.0.2',
  ]);
  assert.equal(none.status, 1);
  assert.match(none.stderr, /^etherconn: .*nosuch0.*\n$/);
});
