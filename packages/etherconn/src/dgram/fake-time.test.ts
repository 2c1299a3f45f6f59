import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EtherConn } from '../conn/ether-conn.ts';
import { RUDPConn } from '../conn/rudp-conn.ts';
import { TimeoutError } from '../errors.ts';
import { MemoryNetwork } from '../relay/memory-relay.ts';
import { openDgramHosts } from '../test-support/dgram-hosts.ts';
import { FakeTime, runUnderFakes } from '../test-support/fake-time.ts';
import { Host } from './host.ts';
import type { DgramSocket } from './socket-class.ts';

async function bound(socket: DgramSocket): Promise<DgramSocket> {
  socket.bind();
  await once(socket, 'listening');
  return socket;
}

/** Between hosts and within one; callbacks, room, closing. */
async function sockets(): Promise<void> {
  await using net = await openDgramHosts(2);
  const [a, b] = net.hosts;
  const server = await bound(b.dgram.createSocket('udp4'));
  server.on('message', (message, { port, address }) => server.send(`${message}!`, port, address));
  const client = await bound(a.dgram.createSocket('udp4'));
  const { port } = server.address();
  const sent = new Promise((resolve) => client.send('far', port, '10.0.0.2', resolve));
  assert.equal(String((await once(client, 'message'))[0]), 'far!');
  assert.equal(await sent, null);

  const own = await bound(a.dgram.createSocket('udp4'));
  client.send('near', own.address().port, '127.0.0.1');
  assert.equal(String((await once(own, 'message'))[0]), 'near');

  const connected = a.dgram.createSocket('udp4');
  connected.connect(port, '10.0.0.2');
  await once(connected, 'connect');
  const payloads = Array.from({ length: 5000 }, () => Buffer.alloc(1000));
  assert.ok(connected.sendMany(payloads) < payloads.length);
  await once(connected, 'drain');

  // More than there is room for: the rest waits in the queue of the socket.
  const last = Promise.all(
    payloads.map((payload) => new Promise((resolve) => connected.send(payload, resolve))),
  );
  assert.ok((await last).every((error) => error === null));
  const closed = once(client, 'close');
  client.close();
  await closed;
}

/** ARP, echoes, delays, deadlines; between relays and within one. */
async function conns(): Promise<void> {
  const network = new MemoryNetwork({ impair: { delay: 2 } });
  const [a, b] = [network.relay({ hairpin: true }), network.relay()];
  const near = await Host.create(a, { mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/24'] });
  const far = await Host.create(b, { mac: '02:00:00:00:00:02', addresses: ['10.0.0.2/24'] });
  assert.ok((await near.ping('10.0.0.2')).rtt >= 2);

  const one = new RUDPConn({ address: '10.0.0.3', port: 1000 }, new EtherConn('02:00:00:00:00:03', a), {
    resolveNextHop: () => '02:00:00:00:00:04',
  });
  const two = new RUDPConn({ address: '10.0.0.4', port: 1000 }, new EtherConn('02:00:00:00:00:04', a));
  await one.writeTo(Buffer.from('over the hairpin'), { address: '10.0.0.4', port: 1000 });
  assert.equal(String((await two.readFrom()).data), 'over the hairpin');
  await assert.rejects(two.readFrom({ timeout: 5 }), TimeoutError);
  two.setReadDeadline(Date.now() + 5);
  await assert.rejects(two.readFrom(), TimeoutError);
  for (const closing of [near, far, one, two, a, b, network]) await closing.close();
}

const SCENARIOS: Record<string, () => Promise<void>> = { sockets, conns };
const [, , scenario] = process.argv;

if (scenario === undefined) {
  for (const name of Object.keys(SCENARIOS)) {
    test(`${name} go on under fake timers`, () => runUnderFakes(import.meta.url, name));
  }

  test('the fakes are fakes', () => {
    using fake = new FakeTime();
    assert.equal(sleep(1), undefined);
    assert.equal(
      setImmediate(() => assert.fail()),
      undefined,
    );
    assert.deepEqual([Date.now(), performance.now()], [0, 0]);
    assert.deepEqual([...fake.calls], ['setTimeout', 'setImmediate', 'now']);
  });
} else {
  const fake = new FakeTime();
  await SCENARIOS[scenario]();
  assert.deepEqual([...fake.calls], []);
}
