import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { RUDPConn } from '../conn/rudp-conn.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { settleTurns } from '../test-support/memory-pair.ts';
import { buildUdpFrame, type UdpFrameOptions } from '../wire/build.ts';
import { Relay, type RelayOptions } from './relay.ts';

const MAC = '02:00:00:00:00:01';
const OTHER = '02:00:00:00:00:02';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const LOCAL = { address: '10.0.0.1', port: 7 };

function open(t: TestContext, options: RelayOptions) {
  const link = new FakeLink();
  const relay = new Relay(link, options);
  t.after(() => relay.close());
  return { link, relay };
}

/** A conn that answers everything with the same. */
function echo(relay: Relay, receiveMulticast = false): RUDPConn {
  const ether = new EtherConn(MAC, relay, [], { receiveMulticast });
  const conn = new RUDPConn(LOCAL, ether, { acceptAny: true, resolveNextHop: () => MAC });
  conn.onBatch((batch) => {
    while (batch.next()) batch.reply(batch.copyPayload());
  });
  return conn;
}

function frame(fields: Partial<UdpFrameOptions>): Uint8Array {
  return buildUdpFrame({
    sourceMac: OTHER,
    destinationMac: MAC,
    source: '10.0.0.9',
    destination: '10.0.0.1',
    sourcePort: 9,
    destinationPort: 7,
    payload: 'ping',
    ...fields,
  });
}

describe('frames with a forged source', () => {
  it('a group source address is dropped and counted: no conn answers a whole group', (t) => {
    const { link, relay } = open(t, {});
    const conn = echo(relay);
    new EtherConn(OTHER, relay, [], { role: 'default', receiveMulticast: true });
    link.deliver([frame({ sourceMac: BROADCAST }), frame({ sourceMac: '01:00:5e:00:00:01' }), frame({})]);
    assert.equal(link.sent.length, 1);
    assert.equal(conn.stats().enqueued, 1);
    const { received, groupSource, delivered, deliveredDefault } = relay.stats();
    assert.deepEqual(
      { received, groupSource, delivered, deliveredDefault },
      { received: 3, groupSource: 2, delivered: 1, deliveredDefault: 0 },
    );
  });

  it('a mirror conn sees such a frame, too', (t) => {
    const { link, relay } = open(t, {});
    const mirror = new EtherConn(OTHER, relay, [], { role: 'mirror' });
    link.deliver([frame({ sourceMac: BROADCAST })]);
    assert.equal(mirror.stats().enqueued, 1);
  });

  for (const destinationMac of [MAC, BROADCAST]) {
    it(`with hairpin, an own address from the wire makes no endless echo (to ${destinationMac})`, async (t) => {
      const { link, relay } = open(t, { hairpin: true });
      const conn = echo(relay, true);
      link.deliver([frame({ sourceMac: MAC, destinationMac })]);
      await settleTurns();
      const { ownSource, hairpinned, received } = relay.stats();
      assert.deepEqual({ ownSource, hairpinned, received }, { ownSource: 1, hairpinned: 0, received: 1 });
      assert.equal(conn.stats().enqueued, 0);
      link.deliver([frame({})]);
      assert.equal(conn.stats().enqueued, 1);
    });
  }

  it('without hairpin nothing comes back, so it is delivered', (t) => {
    const { link, relay } = open(t, {});
    const conn = echo(relay);
    link.deliver([frame({ sourceMac: MAC })]);
    assert.equal(conn.stats().enqueued, 1);
    assert.equal(relay.stats().ownSource, 0);
  });

  it("an address that is here in other VLANs or for other EtherTypes is anybody's", (t) => {
    const { link, relay } = open(t, { hairpin: true });
    const conn = echo(relay);
    new EtherConn(OTHER, relay, [], { vlans: [5] });
    link.deliver([frame({})]);
    assert.equal(conn.stats().enqueued, 1);
  });
});

describe('datagrams with a forged source', () => {
  function openUdp(t: TestContext, address: string) {
    const { link, relay } = open(t, { hairpin: true });
    const conn = new RUDPConn({ address, port: 7 }, new EtherConn(MAC, relay), {
      resolveNextHop: () => MAC,
    });
    return { link, relay, conn };
  }

  it('multicast and broadcast source addresses are dropped and counted', (t) => {
    const { link, conn } = openUdp(t, '10.0.0.1');
    for (const source of ['224.0.0.1', '239.255.255.255', '255.255.255.255'])
      link.deliver([frame({ source })]);
    assert.deepEqual([conn.stats().badSource, conn.stats().enqueued], [3, 0]);
    // A DHCP client has no address yet; 240/4 may be used within an experiment.
    for (const source of ['0.0.0.0', '223.255.255.255', '240.0.0.1', '255.255.255.254'])
      link.deliver([frame({ source })]);
    assert.deepEqual([conn.stats().badSource, conn.stats().enqueued], [3, 4]);
    const six = openUdp(t, '2001:db8::1');
    const destination = '2001:db8::1';
    six.link.deliver([frame({ source: 'ff02::1', destination }), frame({ source: 'fe80::1', destination })]);
    assert.deepEqual([six.conn.stats().badSource, six.conn.stats().enqueued], [1, 1]);
  });

  it("the conn's own address and port, from the wire, make no endless echo", async (t) => {
    const { link, relay, conn } = openUdp(t, '10.0.0.1');
    conn.on('message', (data, { address, port }) => conn.trySendTo(data, { address, port }));
    link.deliver([frame({ source: '10.0.0.1', sourcePort: 7 })]);
    await settleTurns();
    assert.equal(relay.stats().hairpinned, 0);
    assert.deepEqual([conn.stats().badSource, conn.stats().enqueued], [1, 0]);
    link.deliver([frame({ source: '10.0.0.1', sourcePort: 8 })]);
    assert.equal(conn.stats().enqueued, 1);
  });

  it('but a conn may send to itself by hairpin', async (t) => {
    const { conn } = openUdp(t, '10.0.0.1');
    await conn.writeTo(Buffer.from('me'), LOCAL);
    assert.equal((await conn.readFrom()).data.toString(), 'me');
    assert.equal(conn.stats().badSource, 0);
  });
});
