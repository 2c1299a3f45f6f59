import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { RUDPConn } from '../conn/rudp-conn.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { settleTurns } from '../test-support/memory-pair.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { Relay, type RelayOptions } from './relay.ts';

const MAC1 = '02:00:00:00:00:01';
const MAC2 = '02:00:00:00:00:02';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const ETHERTYPE = 0x88b5;

function open(t: TestContext, options: RelayOptions = { hairpin: true }): { link: FakeLink; relay: Relay } {
  const link = new FakeLink();
  const relay = new Relay(link, options);
  t.after(() => relay.close());
  return { link, relay };
}

describe('hairpin', () => {
  it('is off by default: conns on one relay do not hear each other', async (t) => {
    const { link, relay } = open(t, {});
    const one = new EtherConn(MAC1, relay, [ETHERTYPE]);
    const two = new EtherConn(MAC2, relay, [ETHERTYPE]);
    await one.writePacketTo(Buffer.from('hi'), ETHERTYPE, MAC2);
    await settleTurns();
    assert.equal(two.stats().enqueued, 0);
    assert.equal(link.sent.length, 1);
  });

  it('delivers unicast frames between conns of the relay, not to the wire', async (t) => {
    const { link, relay } = open(t);
    const one = new EtherConn(MAC1, relay, [ETHERTYPE], { vlans: [5] });
    const two = new EtherConn(MAC2, relay, [ETHERTYPE], { vlans: [5] });
    await one.writePacketTo(Buffer.from('hi'), ETHERTYPE, MAC2);
    const { data, remote } = await two.readPacket();
    assert.equal(data.toString(), 'hi');
    assert.equal(String(remote), 'l2ep&02:00:00:00:00:01|5#0x88b5');
    assert.equal(link.sent.length, 0);
    const { sent, hairpinned, received, delivered } = relay.stats();
    assert.deepEqual(
      { sent, hairpinned, received, delivered },
      { sent: 1, hairpinned: 1, received: 1, delivered: 1 },
    );
  });

  it('frames to stations of other VLANs, or that nobody here has, go to the wire', async (t) => {
    const { link, relay } = open(t);
    const one = new EtherConn(MAC1, relay, [ETHERTYPE]);
    const two = new EtherConn(MAC2, relay, [ETHERTYPE], { vlans: [5] });
    await one.writePacketTo(Buffer.from('hi'), ETHERTYPE, MAC2);
    await one.writePacketTo(Buffer.from('hi'), ETHERTYPE, '02:00:00:00:00:77');
    await settleTurns();
    assert.equal(link.sent.length, 2);
    assert.equal(two.stats().enqueued, 0);
  });

  it('group frames go to the wire and to the others here, not back to the sender', async (t) => {
    const { link, relay } = open(t);
    const options = { receiveMulticast: true };
    const one = new EtherConn(MAC1, relay, [ETHERTYPE], options);
    const two = new EtherConn(MAC2, relay, [ETHERTYPE], options);
    await one.writePacketTo(Buffer.from('all'), ETHERTYPE, BROADCAST);
    assert.equal((await two.readPacket()).data.toString(), 'all');
    assert.equal(one.stats().enqueued, 0);
    assert.equal(link.sent.length, 1);
    assert.equal(relay.stats().sent, 1);
    assert.equal(relay.stats().hairpinned, 1);
  });

  it('a group frame from the wire is heard by all', (t) => {
    const { link, relay } = open(t);
    const one = new EtherConn(MAC1, relay, [0x0800], { receiveMulticast: true });
    const addresses = { source: '10.0.0.9', destination: '10.0.0.255', sourcePort: 1, destinationPort: 2 };
    link.deliver([buildUdpFrame({ sourceMac: MAC2, destinationMac: BROADCAST, ...addresses })]);
    assert.equal(one.stats().enqueued, 1);
  });

  for (const role of ['default', 'mirror'] as const) {
    it(`a ${role} conn hears the group frames of others here, not its own`, async (t) => {
      const { relay } = open(t);
      const options = { receiveMulticast: true };
      const one = new EtherConn(MAC1, relay, [ETHERTYPE], { ...options, role });
      const two = new EtherConn(MAC2, relay, [0x0800], options);
      await one.writePacketTo(Buffer.from('own'), ETHERTYPE, BROADCAST);
      await two.writePacketTo(Buffer.from('other'), ETHERTYPE, BROADCAST);
      assert.equal((await one.readPacket()).data.toString(), 'other');
      await settleTurns();
      assert.equal(one.stats().enqueued, 1);
    });
  }

  it('sends raw frames the way their destination says', async (t) => {
    const { link, relay } = open(t);
    const two = new EtherConn(MAC2, relay, [0x0800]);
    const raw = relay.register([new EtherConn(MAC1, relay, [0x0800]).localAddr().getKey()]);
    const addresses = { source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 1, destinationPort: 2 };
    raw.trySend(buildUdpFrame({ sourceMac: MAC1, destinationMac: MAC2, ...addresses }));
    raw.trySend(buildUdpFrame({ sourceMac: MAC1, destinationMac: '02:00:00:00:00:77', ...addresses }));
    await two.readPacket();
    assert.equal(link.sent.length, 1);
  });

  it('a peer chooses its way anew after registrations have changed', async (t) => {
    const { link, relay } = open(t);
    const one = new RUDPConn({ address: '10.0.0.1', port: 1 }, new EtherConn(MAC1, relay), {
      resolveNextHop: () => MAC2,
    });
    const peer = one.peer({ address: '10.0.0.2', port: 2 });
    peer.trySend(Buffer.from('wire'));
    assert.equal(link.sent.length, 1);
    const two = new RUDPConn({ address: '10.0.0.2', port: 2 }, new EtherConn(MAC2, relay));
    peer.trySend(Buffer.from('here'));
    assert.equal((await two.readFrom()).data.toString(), 'here');
    assert.equal(link.sent.length, 1);
    await two.close();
    peer.trySend(Buffer.from('wire'));
    assert.equal(link.sent.length, 2);
  });

  it('writers that find it full wait for room, and nothing is lost', async (t) => {
    const { relay } = open(t);
    const one = new EtherConn(MAC1, relay, [ETHERTYPE]);
    const two = new EtherConn(MAC2, relay, [ETHERTYPE], { receiveDepth: 5000 });
    const writes = Array.from({ length: 1400 }, (_, i) =>
      one.writePacketTo(Buffer.alloc(2, i), ETHERTYPE, MAC2),
    );
    assert.ok(relay.stats().waitingWriters > 0);
    await Promise.all(writes);
    await settleTurns();
    assert.equal(two.stats().enqueued, 1400);
    assert.equal(relay.stats().hairpinDropped, 0);
  });

  it('drops and counts the local copy of a group frame when it is full', async (t) => {
    const link = new FakeLink({ slots: 1000 });
    const relay = new Relay(link, { hairpin: true });
    t.after(() => relay.close());
    const one = new EtherConn(MAC1, relay, [ETHERTYPE]);
    const two = new EtherConn(MAC2, relay, [ETHERTYPE], { receiveMulticast: true });
    for (let i = 0; i < 600; i++) one.trySendPacketTo(Buffer.alloc(2), ETHERTYPE, BROADCAST);
    await settleTurns();
    const { hairpinDropped } = relay.stats();
    assert.equal(link.sent.length, 600);
    assert.ok(hairpinDropped > 0);
    assert.equal(two.stats().enqueued + hairpinDropped, 600);
  });

  it('answers from inside of a batch come in a later batch', async (t) => {
    const { link, relay } = open(t);
    const vlans = { vlans: [5] };
    const one = new RUDPConn({ address: '10.0.0.1', port: 1 }, new EtherConn(MAC1, relay, [], vlans), {
      resolveNextHop: () => MAC2,
    });
    const two = new RUDPConn({ address: '10.0.0.2', port: 2 }, new EtherConn(MAC2, relay, [], vlans));
    two.onBatch((batch) => {
      while (batch.next()) assert.equal(batch.reply(Buffer.from('pong')), 1);
    });
    await one.writeTo(Buffer.from('ping'), { address: '10.0.0.2', port: 2 });
    assert.equal((await one.readFrom()).data.toString(), 'pong');
    assert.equal(link.sent.length, 0);
  });

  it('counts what is under way when the relay is closed as dropped', async (t) => {
    const { relay } = open(t);
    const one = new EtherConn(MAC1, relay, [ETHERTYPE]);
    new EtherConn(MAC2, relay, [ETHERTYPE]);
    await one.writePacketTo(Buffer.from('hi'), ETHERTYPE, MAC2);
    await relay.close();
    await settleTurns();
    const { sent, hairpinned, hairpinDropped } = relay.stats();
    assert.deepEqual({ sent, hairpinned, hairpinDropped }, { sent: 1, hairpinned: 0, hairpinDropped: 1 });
  });
});
