import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  BroadCastMAC,
  ClosedError,
  DEFAULT_ETHER_TYPES,
  EtherConn,
  type EthernetResponse,
  L4HashKey,
  MemoryNetwork,
  type NextHopResolver,
  OptionError,
  type PacketRelay,
  RelayStoppedError,
  RUDPConn,
  SharedEtherConn,
  SharedRUDPConn,
  TimeoutError,
} from '../index.ts';
import { eventually } from '../test-support/eventually.ts';
import { buildUdpFrame } from '../wire/build.ts';

/**
 * The API of the Go package, name by name, each in its plainest use. docs/parity.md points here. The tests of
 * each class cover the corner cases.
 */

const MAC_A = '02:00:00:00:00:0a';
const MAC_B = '02:00:00:00:00:0b';
const A = { address: '10.0.0.1', port: 1111 };
const B = { address: '10.0.0.2', port: 2222 };
const HELLO = Buffer.from('hello');

function relays(t: TestContext): [PacketRelay, PacketRelay] {
  const network = new MemoryNetwork();
  t.after(() => network.close());
  return [network.relay(), network.relay()];
}

/** A and B, each with an RUDPConn, who know each other's MAC address. */
function udpPair(t: TestContext): [RUDPConn, RUDPConn] {
  const [left, right] = relays(t);
  return [
    new RUDPConn(A, new EtherConn(MAC_A, left), { resolveNextHop: () => MAC_B }),
    new RUDPConn(B, new EtherConn(MAC_B, right), { resolveNextHop: () => MAC_A }),
  ];
}

function ipPacket(): Uint8Array {
  const { address: source, port: sourcePort } = A;
  const { address: destination, port: destinationPort } = B;
  const macs = { sourceMac: MAC_A, destinationMac: MAC_B };
  const ports = { sourcePort, destinationPort };
  return buildUdpFrame({ ...macs, source, destination, ...ports, payload: HELLO }).subarray(14);
}

test('EtherConn: made on a relay, with the default EtherTypes ARP, IPv4 and IPv6', (t) => {
  const [relay] = relays(t);
  assert.deepEqual(new EtherConn(MAC_A, relay).etherTypes, [0x0806, 0x0800, 0x86dd]);
  assert.deepEqual(new EtherConn(MAC_B, relay, []).etherTypes, DEFAULT_ETHER_TYPES);
});

test('EtherConn: localAddr is an L2Endpoint', (t) => {
  const [relay] = relays(t);
  assert.equal(String(new EtherConn(MAC_A, relay, [0x88b5]).localAddr()), `l2ep&${MAC_A}#0x88b5`);
});

test('EtherConn: writePacketTo and readPacket', async (t) => {
  const [left, right] = relays(t);
  const a = new EtherConn(MAC_A, left, [0x88b5]);
  const b = new EtherConn(MAC_B, right, [0x88b5]);
  assert.equal(await a.writePacketTo(HELLO, 0x88b5, MAC_B), 5);
  const { data, remote } = await b.readPacket();
  assert.deepEqual(data, HELLO);
  assert.equal(String(remote), `l2ep&${MAC_A}#0x88b5`);
});

test('EtherConn: readPacketFrom copies into a buffer and says how much', async (t) => {
  const [left, right] = relays(t);
  const a = new EtherConn(MAC_A, left, [0x88b5]);
  const b = new EtherConn(MAC_B, right, [0x88b5]);
  await a.writePacketTo(HELLO, 0x88b5, MAC_B);
  const { data, length, truncated } = await b.readPacketFrom(new Uint8Array(3));
  assert.equal(Buffer.from(data).toString(), 'hel');
  assert.equal(length, 5);
  assert.equal(truncated, true);
});

test('EtherConn: writeIPData tells the EtherType by the version', async (t) => {
  const [left, right] = relays(t);
  const b = new EtherConn(MAC_B, right);
  const packet = ipPacket();
  await new EtherConn(MAC_A, left).writeIPData(packet, MAC_B);
  const { data, remote } = await b.readPacket();
  assert.deepEqual(Uint8Array.from(data), Uint8Array.from(packet));
  assert.equal(remote.ethernetType, 0x0800);
});

test('EtherConn: a deadline in the past fails reads and writes at once with TimeoutError', async (t) => {
  const [relay] = relays(t);
  const conn = new EtherConn(MAC_A, relay);
  conn.setDeadline(new Date(0));
  await assert.rejects(conn.readPacket(), TimeoutError);
  await assert.rejects(conn.writePacketTo(HELLO, 0x0800, MAC_B), TimeoutError);
  conn.setReadDeadline(Date.now() + 5);
  await assert.rejects(conn.readPacket(), { code: 'ERR_ETHERCONN_TIMEOUT' });
  conn.setWriteDeadline(null);
  assert.equal(await conn.writePacketTo(HELLO, 0x0800, MAC_B), 5);
});

test('EtherConn: close wakes a reader at once', async (t) => {
  const [relay] = relays(t);
  const conn = new EtherConn(MAC_A, relay);
  const reading = conn.readPacket();
  await conn.close();
  await assert.rejects(reading, ClosedError);
});

test('EtherConn: broadcast comes with receiveMulticast only', async (t) => {
  const [left, right] = relays(t);
  const deaf = new EtherConn(MAC_B, right, [0x88b5]);
  const listener = new EtherConn('02:00:00:00:00:0c', right, [0x88b5], { receiveMulticast: true });
  await new EtherConn(MAC_A, left, [0x88b5]).writePacketTo(HELLO, 0x88b5, BroadCastMAC);
  assert.deepEqual((await listener.readPacket()).data, HELLO);
  assert.equal(deaf.tryReadPacket(), undefined);
});

test('after the relay has stopped, reads and writes fail with RelayStoppedError', async (t) => {
  const [relay] = relays(t);
  const conn = new EtherConn(MAC_A, relay);
  const reading = conn.readPacket();
  await relay.close();
  await assert.rejects(reading, RelayStoppedError);
  await assert.rejects(conn.writePacketTo(HELLO, 0x0800, MAC_B), RelayStoppedError);
});

test('RUDPConn: writeTo and readFrom', async (t) => {
  const [a, b] = udpPair(t);
  assert.equal(await a.writeTo(HELLO, B), 5);
  const { data, remote } = await b.readFrom();
  assert.deepEqual(data, HELLO);
  assert.equal(`${remote.address}:${remote.port}`, '10.0.0.1:1111');
  await b.writeTo(data, remote);
  const answer = await a.readFrom(new Uint8Array(2));
  assert.deepEqual([Buffer.from(answer.data).toString(), answer.length, answer.truncated], ['he', 5, true]);
});

test('RUDPConn: localAddr', (t) => {
  assert.deepEqual(udpPair(t)[0].localAddr(), { ...A, family: 'IPv4' });
});

test('RUDPConn: deadlines', async (t) => {
  const [a] = udpPair(t);
  a.setReadDeadline(new Date(0));
  await assert.rejects(a.readFrom(), TimeoutError);
  a.setWriteDeadline(new Date(0));
  await assert.rejects(a.writeTo(HELLO, B), TimeoutError);
  a.setDeadline(null);
  assert.equal(await a.writeTo(HELLO, B), 5);
});

test('RUDPConn: close closes its EtherConn', async (t) => {
  const [relay] = relays(t);
  const conn = new EtherConn(MAC_A, relay);
  const udp = new RUDPConn(A, conn);
  const reading = udp.readFrom();
  await udp.close();
  await assert.rejects(reading, ClosedError);
  assert.equal(conn.closed, true);
});

test('RUDPConn: other ports are ignored, unless acceptAny', async (t) => {
  const [left, right] = relays(t);
  const sender = new RUDPConn(A, new EtherConn(MAC_A, left), { resolveNextHop: () => MAC_B });
  const strict = new RUDPConn(B, new EtherConn(MAC_B, right));
  await sender.writeTo(HELLO, { ...B, port: 9 });
  await eventually('the datagram has come', () => strict.stats().notOurs === 1);
  assert.equal(strict.tryRead(), undefined);
  const any = new RUDPConn(B, new EtherConn(MAC_B, right), { acceptAny: true });
  await sender.writeTo(HELLO, { address: '192.0.2.1', port: 9 });
  const { remote } = await any.readFrom();
  assert.equal(`${remote.localAddress}:${remote.localPort}`, '192.0.2.1:9');
});

test('RUDPConn: the resolver is asked for every address; the default is broadcast', async (t) => {
  const [left, right] = relays(t);
  const asked: string[] = [];
  const resolveNextHop: NextHopResolver = (address) => {
    asked.push(address);
    return MAC_B;
  };
  const resolving = new RUDPConn(A, new EtherConn(MAC_A, left), { resolveNextHop });
  const far = new RUDPConn(B, new EtherConn(MAC_B, right, [], { receiveMulticast: true }));
  await resolving.writeTo(HELLO, B);
  assert.deepEqual(asked, [B.address]);
  await far.readFrom();
  const plain = new RUDPConn({ ...A, port: 7 }, new EtherConn('02:00:00:00:00:0c', left));
  await plain.writeTo(HELLO, B);
  assert.equal((await far.readFrom()).remote.port, 7);
});

test('SharedEtherConn: register, writeIPPktTo, unregister', async (t) => {
  const [left, right] = relays(t);
  const shared = new SharedEtherConn(MAC_B, right);
  const key = L4HashKey.withUDPAddr(B);
  const responses: EthernetResponse[] = [];
  const registration = shared.register(key);
  const first = new Promise<void>((resolve) => {
    registration.receive((response) => {
      responses.push(response);
      resolve();
    });
  });
  const sender = new SharedEtherConn(MAC_A, left);
  const packet = ipPacket();
  assert.equal(await sender.writeIPPktTo(packet, MAC_B), packet.length);
  await first;
  assert.deepEqual(responses[0].transportPayloadBytes, HELLO);
  assert.equal(L4HashKey.withEthernet(responses[0]).equals(key), true);
  shared.unregister(key);
  shared.register(key).close();
  sender.setWriteDeadline(new Date(0));
  await assert.rejects(sender.writeIPPktTo(packet, MAC_B), TimeoutError);
});

test('SharedRUDPConn: many on one SharedEtherConn', async (t) => {
  const [left, right] = relays(t);
  const shared = new SharedEtherConn(MAC_B, right);
  const conns = Array.from({ length: 50 }, (_, i) => new SharedRUDPConn({ ...B, port: 3000 + i }, shared));
  const sender = new RUDPConn(A, new EtherConn(MAC_A, left), { resolveNextHop: () => MAC_B });
  for (const [i] of conns.entries()) await sender.writeTo(Buffer.of(i), { ...B, port: 3000 + i });
  for (const [i, conn] of conns.entries()) assert.deepEqual((await conn.readFrom()).data, Buffer.of(i));
  assert.deepEqual(conns[3].localAddr(), { address: B.address, port: 3003, family: 'IPv4' });
});

test('SharedRUDPConn: writeTo, deadlines, and close frees its port alone', async (t) => {
  const [left, right] = relays(t);
  const shared = new SharedEtherConn(MAC_A, left);
  const conn = new SharedRUDPConn(A, shared, { resolveNextHop: () => MAC_B });
  const other = new SharedRUDPConn({ ...A, port: 5 }, shared);
  const far = new RUDPConn(B, new EtherConn(MAC_B, right));
  assert.equal(await conn.writeTo(HELLO, B), 5);
  assert.deepEqual((await far.readFrom()).data, HELLO);
  conn.setDeadline(new Date(0));
  await assert.rejects(conn.readFrom(), TimeoutError);
  conn.setWriteDeadline(null);
  assert.equal(await conn.writeTo(HELLO, B), 5);
  conn.setReadDeadline(null);
  const reading = conn.readFrom();
  await conn.close();
  await assert.rejects(reading, ClosedError);
  assert.equal(other.closed, false);
  await new SharedRUDPConn(A, shared).close();
});

test('wrong arguments throw an OptionError that names the argument', (t) => {
  const [relay] = relays(t);
  const conn = new EtherConn(MAC_A, relay);
  const option = (name: string) => (error: unknown) => error instanceof OptionError && error.option === name;
  assert.throws(() => new EtherConn('nonsense', relay), option('mac'));
  assert.throws(() => new EtherConn(MAC_A, relay, [70_000]), option('etherType'));
  assert.throws(() => new EtherConn(MAC_A, relay, [], { vlan: [1] } as object), option('vlan'));
  assert.throws(() => new RUDPConn({ address: '10.0.0.1', port: 70_000 }, conn), option('source.port'));
  assert.throws(() => new RUDPConn(A, conn, { ttl: 0 }), option('ttl'));
  assert.throws(() => conn.trySendIPData(Uint8Array.of(0x10), MAC_B), option('packet'));
});
