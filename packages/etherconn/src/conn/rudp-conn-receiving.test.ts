import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { FrameFlag } from '../link/link.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink, type FakeLinkOptions } from '../test-support/fake-link.ts';
import { frames } from '../test-support/frames.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { EtherConn } from './ether-conn.ts';
import type { EthernetOptions } from './ethernet-endpoint.ts';
import { RUDPConn, type RUDPConnOptions } from './rudp-conn.ts';

const MAC = '02:00:00:00:00:02';
const LOCAL = { address: '10.0.0.2', port: 53 };
const LOCAL6 = { address: '2001:db8::2', port: 53 };

interface Setup {
  readonly local?: { address: string; port: number };
  readonly ether?: EthernetOptions;
  readonly options?: RUDPConnOptions;
  readonly link?: FakeLinkOptions;
}

function open(t: TestContext, setup: Setup = {}) {
  const link = new FakeLink(setup.link);
  const relay = new Relay(link);
  t.after(() => relay.close());
  const ether = new EtherConn(MAC, relay, [], setup.ether);
  return { link, relay, conn: new RUDPConn(setup.local ?? LOCAL, ether, setup.options) };
}

function build(fields: object): Uint8Array {
  return buildUdpFrame({
    sourceMac: '02:00:00:00:00:01',
    destinationMac: MAC,
    source: '10.0.0.1',
    destination: '10.0.0.2',
    sourcePort: 1000,
    destinationPort: 53,
    payload: 'hello',
    ...fields,
  });
}

/** What became of the frames a conn was given. */
function outcome(conn: RUDPConn) {
  const { queued, notUdp, notOurs, malformed, fragments, badChecksum, partialChecksum } = conn.stats();
  return { queued, notUdp, notOurs, malformed, fragments, badChecksum, partialChecksum };
}

const NOTHING = {
  queued: 0,
  notUdp: 0,
  notOurs: 0,
  malformed: 0,
  fragments: 0,
  badChecksum: 0,
  partialChecksum: 0,
};

describe('RUDPConn receives', () => {
  it('the payload, cut by the UDP length, and all about its sender', async (t) => {
    const { link, conn } = open(t);
    link.deliver([frames.udp4Padded]);
    const { data, remote } = await conn.readFrom();
    assert.equal(data.toString(), 'hello');
    assert.deepEqual(
      { ...remote, mac: remote.mac },
      {
        address: '10.0.0.1',
        family: 'IPv4',
        port: 1000,
        size: 5,
        localAddress: '10.0.0.2',
        localPort: 53,
        vlans: [],
        mac: '02:00:00:00:00:01',
      },
    );
    assert.deepEqual(conn.localAddr(), { address: '10.0.0.2', port: 53, family: 'IPv4' });
  });

  it('IPv6, with extension headers too', async (t) => {
    const { link, conn } = open(t, { local: { address: '2001:db8::2', port: 2 } });
    link.deliver([frames.udp6Extensions]);
    const { data, remote } = await conn.readFrom();
    assert.deepEqual(
      [data.toString(), remote.address, remote.family, remote.port],
      ['ext', '2001:db8::1', 'IPv6', 1],
    );
    assert.deepEqual(conn.localAddr(), { address: '2001:db8::2', port: 2, family: 'IPv6' });
  });

  it('into a buffer, saying when it was too small', async (t) => {
    const { link, conn } = open(t);
    link.deliver([frames.udp4, frames.udp4]);
    const cut = await conn.readFrom(new Uint8Array(3));
    assert.deepEqual(
      [Buffer.from(cut.data).toString(), cut.length, cut.truncated, cut.remote.port],
      ['hel', 5, true, 1000],
    );
    const whole = await conn.readFrom(new Uint8Array(100));
    assert.deepEqual(
      [Buffer.from(whole.data).toString(), whole.length, whole.truncated],
      ['hello', 5, false],
    );
  });

  it('by events, by for await, by batches, and what is queued already', async (t) => {
    const { link, conn } = open(t);
    const got: string[] = [];
    conn.on('message', (data, remote) => got.push(`event ${data} ${remote.port}`));
    link.deliver([frames.udp4]);
    conn.removeAllListeners('message');
    link.deliver([frames.udp4, frames.udp4]);
    got.push(`queued ${conn.tryRead()?.data}`);
    for await (const { data } of conn) {
      got.push(`await ${data}`);
      break;
    }
    conn.onBatch((batch) => {
      while (batch.next()) got.push(`batch ${batch.copyPayload()} ${batch.remotePort}`);
    });
    link.deliver([frames.udp4]);
    assert.deepEqual(got, ['event hello 1000', 'queued hello', 'await hello', 'batch hello 1000']);
    assert.equal(conn.tryRead(), undefined);
    const { enqueued, read, dropped, queued } = conn.stats();
    assert.deepEqual({ enqueued, read, dropped, queued }, { enqueued: 4, read: 4, dropped: 0, queued: 0 });
  });

  it('at most receiveDepth datagrams, the oldest dropped', async (t) => {
    const { link, conn } = open(t, { options: { receiveDepth: 2 } });
    link.deliver(['a', 'b', 'c'].map((payload) => build({ payload })));
    assert.equal(conn.stats().dropped, 1);
    assert.equal((await conn.readFrom()).data.toString(), 'b');
  });

  it('with the VLANs of the frame', async (t) => {
    const { link, conn } = open(t, { ether: { vlans: [5] } });
    link.deliver([frames.vlan]);
    assert.deepEqual((await conn.readFrom()).remote.vlans, [5]);
    const catchAll = open(t, { ether: { role: 'default' } });
    catchAll.link.deliver([frames.vlan]);
    assert.deepEqual((await catchAll.conn.readFrom()).remote.vlans, [5]);
  });
});

describe('RUDPConn ignores and counts', () => {
  it('datagrams for another port, address or IP version', (t) => {
    const { link, conn } = open(t);
    link.deliver([build({ destinationPort: 54 }), build({ destination: '10.0.0.3' }), frames.udp6]);
    assert.deepEqual(outcome(conn), { ...NOTHING, notOurs: 3 });
  });

  it('what is not UDP', (t) => {
    const { link, conn } = open(t);
    const arp = Uint8Array.from(frames.arpReply);
    arp[5] = 2;
    link.deliver([frames.tcp4, frames.icmpv4Echo, arp]);
    assert.deepEqual(outcome(conn), { ...NOTHING, notUdp: 3 });
  });

  it('fragments, first and later, but not atomic ones', (t) => {
    const { link, conn } = open(t, { local: { address: '0.0.0.0', port: 6 } });
    link.deliver([frames.udp4First, frames.udp4Later]);
    assert.deepEqual(outcome(conn), { ...NOTHING, fragments: 2 });
    const six = open(t, { local: { address: '2001:db8::2', port: 6 } });
    six.link.deliver([frames.udp6First, frames.udp6Later, frames.udp6Atomic]);
    assert.deepEqual(outcome(six.conn), { ...NOTHING, fragments: 2, queued: 1 });
  });

  it('frames cut off at every length', (t) => {
    const { link, conn } = open(t);
    const { length } = frames.udp4;
    for (let cut = 14; cut < length; cut++) link.deliver([frames.udp4.subarray(0, cut)]);
    assert.deepEqual(outcome(conn), { ...NOTHING, malformed: length - 14 });
  });

  it('wrong lengths', (t) => {
    const { link, conn } = open(t);
    const short = build({});
    short[39] = 7;
    const long = build({});
    long[39] = 99;
    link.deliver([short, long]);
    assert.deepEqual(outcome(conn), { ...NOTHING, malformed: 2 });
  });

  it('wrong checksums, of UDP and of the IPv4 header', (t) => {
    const { link, conn } = open(t);
    const header = build({});
    header[24] ^= 1;
    const payload = build({});
    payload[45] ^= 1;
    link.deliver([build({ checksum: 'bad' }), header, payload]);
    assert.deepEqual(outcome(conn), { ...NOTHING, badChecksum: 3 });
  });

  it('a missing checksum over IPv6, not over IPv4', (t) => {
    const { link, conn } = open(t);
    link.deliver([build({ checksum: 'zero' })]);
    assert.deepEqual(outcome(conn), { ...NOTHING, queued: 1 });
    const six = open(t, { local: LOCAL6 });
    const addresses = { source: '2001:db8::1', destination: '2001:db8::2' };
    six.link.deliver([build({ ...addresses, checksum: 'zero' }), build(addresses)]);
    assert.deepEqual(outcome(six.conn), { ...NOTHING, badChecksum: 1, queued: 1 });
  });
});

describe('verifyChecksum', () => {
  const partial = build({ checksum: 'partial' });
  const bad = build({ checksum: 'bad' });

  it("'auto' takes partial checksums where the interface leaves them, and counts them", (t) => {
    const { link, conn } = open(t, { link: { partialChecksums: true } });
    link.deliver([partial, bad]);
    assert.deepEqual(outcome(conn), { ...NOTHING, queued: 1, partialChecksum: 1, badChecksum: 1 });
  });

  it("'auto' takes partial checksums where the kernel says so, else not", (t) => {
    const { link, conn } = open(t);
    link.deliver([partial]);
    link.deliver([partial], FrameFlag.CHECKSUM_PARTIAL);
    assert.deepEqual(outcome(conn), { ...NOTHING, queued: 1, partialChecksum: 1, badChecksum: 1 });
  });

  it("'strict' takes right ones only", (t) => {
    const { link, conn } = open(t, {
      link: { partialChecksums: true },
      options: { verifyChecksum: 'strict' },
    });
    link.deliver([partial, bad, build({})], FrameFlag.CHECKSUM_PARTIAL);
    assert.deepEqual(outcome(conn), { ...NOTHING, queued: 1, badChecksum: 2 });
  });

  it("'off' takes all", (t) => {
    const { link, conn } = open(t, { options: { verifyChecksum: 'off' } });
    link.deliver([partial, bad, build({})]);
    assert.deepEqual(outcome(conn), { ...NOTHING, queued: 3 });
  });

  it('believes the kernel that has verified it', (t) => {
    const { link, conn } = open(t);
    link.deliver([partial], FrameFlag.CHECKSUM_VALID);
    assert.deepEqual(outcome(conn), { ...NOTHING, queued: 1 });
  });
});

describe('RUDPConn addresses', () => {
  it('0.0.0.0 and :: take what is sent to any address of their version', (t) => {
    const { link, conn } = open(t, { local: { address: '0.0.0.0', port: 53 } });
    link.deliver([
      build({}),
      build({ destination: '10.9.9.9' }),
      build({ destinationPort: 54 }),
      frames.udp6,
    ]);
    assert.deepEqual(outcome(conn), { ...NOTHING, queued: 2, notOurs: 2 });
    const six = open(t, { local: { address: '::', port: 53 } });
    six.link.deliver([frames.udp6, frames.udp4]);
    assert.deepEqual(outcome(six.conn), { ...NOTHING, queued: 1, notOurs: 1 });
  });

  it('acceptAny takes any UDP datagram, and says where it was sent to', async (t) => {
    const { link, conn } = open(t, { options: { acceptAny: true } });
    link.deliver([build({ destination: '10.9.9.9', destinationPort: 99 }), frames.udp6, frames.tcp4]);
    assert.deepEqual(outcome(conn), { ...NOTHING, queued: 2, notUdp: 1 });
    const { remote } = await conn.readFrom();
    assert.deepEqual([remote.localAddress, remote.localPort], ['10.9.9.9', 99]);
  });

  it('hears broadcasts when the EtherConn does', (t) => {
    const { link, conn } = open(t, {
      local: { address: '0.0.0.0', port: 53 },
      ether: { receiveMulticast: true },
    });
    link.deliver([build({ destinationMac: 'ff:ff:ff:ff:ff:ff', destination: '255.255.255.255' })]);
    assert.equal(conn.stats().queued, 1);
  });
});
