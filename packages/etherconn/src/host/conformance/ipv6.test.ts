import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { FrameTap } from '../../test-support/frame-tap.ts';
import { hex } from '../../test-support/frames.ts';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { ip6, PROBE, ProbeStation, TARGET } from '../../test-support/probe-station.ts';

/** What docs/conformance.md says of RFC 8200 and RFC 4443, without what is in ip/ipv6-extensions.test.ts. */

const UDP = '15b31e61 0009 0000 78';
const ALL_NODES = 'ff020000000000000000000000000001';
const ALL_NODES_MAC = '333300000001';

function open(t: TestContext) {
  const net = new HostNetwork(t);
  const host = net.host(9, { gateway: 'fe80::fe' });
  const server = new TestPort(host, { version: 6 }).bind('', 0x1e61);
  const relay = net.relay();
  const station = new ProbeStation(relay);
  const tap = new FrameTap(relay, TARGET.mac);
  return {
    net,
    host,
    server,
    station,
    tap,
    async probe(packets: Uint8Array | Uint8Array[], mac?: string): Promise<[string[], number]> {
      const before = server.user.taken.length;
      for (const packet of Array.isArray(packets) ? packets : [packets]) station.send(packet, mac);
      await net.advance(1000);
      return [station.take(), server.user.taken.length - before];
    },
  };
}

const text = (packet: Uint8Array) => Buffer.from(packet).toString('hex');

/** An ICMPv6 message from the host as it should be. */
function answer(body: string, from: string = TARGET.ip6): string {
  return text(ip6('3a', body, PROBE.ip6, from));
}

function changed(packet: Uint8Array, at: number, bytes: string): Uint8Array {
  const other = packet.slice();
  other.set(hex(bytes), at);
  return other;
}

describe('IPv6 packets that come', () => {
  it('are taken whatever is left of their hop limit, whatever their class and flow', async (t) => {
    const { probe } = open(t);
    for (const [at, bytes] of [
      [7, '00'],
      [7, '01'],
      [0, '6fffffff'],
    ] as const)
      assert.deepEqual(await probe(changed(ip6('11', UDP), at, bytes)), [[], 1], bytes);
  });

  it('of another version, longer than they are, for others or from groups are dropped', async (t) => {
    const { probe, host } = open(t);
    const good = ip6('11', UDP);
    for (const packet of [changed(good, 0, '70'), changed(good, 4, '0020')])
      assert.deepEqual(await probe(packet), [[], 0], text(packet));
    assert.equal(host.stats().malformed, 2);
    assert.deepEqual(await probe(ip6('11', UDP, '20010db8000000000000000000000008')), [[], 0]);
    assert.equal(host.stats().notOurs, 1);
    for (const from of [ALL_NODES, `${'00'.repeat(15)}01`, TARGET.ip6])
      assert.deepEqual(await probe(ip6('11', UDP, TARGET.ip6, from)), [[], 0], from);
    assert.equal(host.stats().martian, 3);
  });

  it('with a UDP checksum of zero, or a wrong one, are dropped', async (t) => {
    const { probe, host } = open(t);
    for (const bytes of ['0000', '1234'])
      assert.deepEqual(await probe(changed(ip6('11', UDP), 46, bytes)), [[], 0]);
    assert.equal(host.stats().badChecksum, 2);
  });

  it('in fragments of the least MTU are put together to 1500 bytes, and to the longest', async (t) => {
    const { net, server, station } = open(t);
    for (const size of [1500 - 48, 65_527]) {
      const length = (8 + size).toString(16).padStart(4, '0');
      const whole = ip6('11', `15b31e61 ${length} 0000 ${'78'.repeat(size)}`).subarray(40);
      for (let at = 0; at < whole.length; at += 1232) {
        const piece = whole.subarray(at, at + 1232);
        const more = at + piece.length < whole.length ? 1 : 0;
        const offset = (at | more).toString(16).padStart(4, '0');
        const packet = hex(
          `60000000 ${(8 + piece.length).toString(16).padStart(4, '0')} 2c40 ${PROBE.ip6} ${TARGET.ip6}
           1100 ${offset} ${length}0001`,
        );
        station.send(Buffer.concat([packet, piece]));
        await net.settle();
      }
    }
    assert.deepEqual(
      server.user.taken.map(({ data }) => data.length),
      [1452, 65_527],
    );
  });

  it('in fragments: the first says what follows, whatever the others say', async (t) => {
    const { probe } = open(t);
    const whole = ip6('11', '15b31e61 0010 0000 7878787878787878').subarray(40);
    const [first, second] = [whole.subarray(0, 8), whole.subarray(8)].map(text);
    const packets = [ip6('2c', `3a 00 0008 00000007 ${second}`), ip6('2c', `11 00 0001 00000007 ${first}`)];
    assert.deepEqual(await probe(packets), [[], 1]);
  });
});

describe('Neighbor discovery in IPv6 extension headers', () => {
  it('is answered behind options, and dropped in fragments, even when there is but one', async (t) => {
    const { net, host, station, tap } = open(t);
    const solicitation = text(ip6('3a', `8700 0000 00000000 ${TARGET.ip6} 0101 020000000001`).subarray(40));
    const half = solicitation.length / 2;
    const pad = '010400000000';
    for (const [packets, answers] of [
      [[ip6('3a', solicitation)], 1],
      [[ip6('3c', `3a00 ${pad} ${solicitation}`)], 1],
      [[ip6('2c', `3a00 0000 00000007 ${solicitation}`)], 0],
      [
        [
          ip6('2c', `3a00 0001 00000008 ${solicitation.slice(0, half)}`),
          ip6('2c', `3a00 0010 00000008 ${solicitation.slice(half)}`),
        ],
        0,
      ],
    ] as const) {
      const before = host.stats().ignored;
      for (const packet of packets) station.send(changed(packet, 7, 'ff'));
      await net.settle();
      const sent = tap.take('86dd').filter((frame) => frame.slice(108, 110) === '88');
      assert.deepEqual([sent.length, host.stats().ignored - before], [answers, 1 - answers]);
    }
  });
});

describe('IPv6 packets that go', () => {
  it('longer than the MTU go in fragments with their own identification, none with anything reserved', async (t) => {
    const { net, host, tap, server } = open(t);
    const port = new TestPort(host, { version: 6 }).bind('', 0x2710);
    port.send(new Uint8Array(2000), '2001:db8::1', 7);
    port.send(new Uint8Array(2000), '2001:db8::1', 7);
    await net.settle();
    const fragments = tap
      .take('86dd')
      .filter((frame) => frame.slice(40, 42) === '2c')
      .map((frame) => hex(frame.slice(28)));
    assert.equal(fragments.length, 4);
    const heads = fragments.map((packet) => text(packet.subarray(40, 44)));
    assert.deepEqual(heads, ['11000001', '110005a8', '11000001', '110005a8']);
    const ids = fragments.map((packet) => text(packet.subarray(44, 48)));
    assert.ok(ids[0] === ids[1] && ids[2] === ids[3] && ids[0] !== ids[2]);
    for (const packet of fragments) assert.ok(packet.length <= 1500 && packet[7] === 64);
    assert.equal(server.user.taken.length, 0);
  });

  it('keep to what "packet too big" says, not under 1280', async (t) => {
    const { net, host, tap, station } = open(t);
    const port = new TestPort(host, { version: 6 }).bind('2001:db8::9', 0x2710);
    port.send('x', '2001:db8::1', 7);
    await net.settle();
    const quoted = text(ip6('11', '27100007 0009 0000 78', PROBE.ip6, TARGET.ip6));
    for (const [mtu, longest] of [
      ['00000508', 1288],
      ['000004ff', 1288],
      ['00000500', 1280],
    ] as const) {
      station.send(ip6('3a', `0200 0000 ${mtu} ${quoted}`));
      await net.settle();
      tap.take();
      port.send(new Uint8Array(2000), '2001:db8::1', 7);
      await net.settle();
      assert.equal(Math.max(...tap.take('86dd').map((frame) => frame.length / 2 - 14)), longest, mtu);
    }
  });

  it('have a UDP checksum, one of zero as ffff', async (t) => {
    const { net, host, tap } = open(t);
    const port = new TestPort(host, { version: 6 }).bind('2001:db8::9', 0x2710);
    port.send('xx', '2001:db8::1', 7);
    await net.settle();
    const sum = Number.parseInt(
      tap
        .take('86dd')
        .at(-1)!
        .slice(2 * (14 + 46), 2 * (14 + 48)),
      16,
    );
    // What makes the sum all ones: the checksum itself in the place of nothing.
    port.send(Buffer.from((0x7878 + sum).toString(16).padStart(4, '0').slice(-4), 'hex'), '2001:db8::1', 7);
    await net.settle();
    assert.match(tap.take('86dd').at(-1)!, /ffff.{4}$/);
  });
});

describe('ICMPv6', () => {
  const PING = '8000 0000 0001 0002 70696e67';

  it('answers pings with what they bring, from the address that was asked, with their traffic class', async (t) => {
    const { probe, host } = open(t);
    const pong = answer('8100 0000 0001 0002 70696e67');
    assert.deepEqual(await probe(ip6('3a', PING)), [[pong], 0]);
    assert.deepEqual(await probe(changed(ip6('3a', PING), 0, '6b80')), [[`6b80${pong.slice(4)}`], 0]);
    assert.deepEqual(
      await probe(ip6('3a', PING, ALL_NODES), ALL_NODES_MAC),
      [[pong], 0],
      'from an address of its own',
    );
    const long = '00'.repeat(1400);
    assert.deepEqual(await probe(ip6('3a', PING + long)), [
      [answer(`8100 0000 0001 0002 70696e67${long}`)],
      0,
    ]);
    assert.equal(host.stats().icmp, 4);
  });

  it('with a wrong checksum are dropped', async (t) => {
    const { probe, host } = open(t);
    assert.deepEqual(await probe(changed(ip6('3a', PING), 42, '0000')), [[], 0]);
    assert.equal(host.stats().badChecksum, 1);
  });

  it('says that nobody has a port, with as much of the packet as 1280 bytes hold', async (t) => {
    const { probe } = open(t);
    const closed = ip6('11', '15b30007 0009 0000 78');
    assert.deepEqual(await probe(closed), [[answer(`0104 0000 00000000 ${text(closed)}`)], 0]);
    const length = (8 + 1300).toString(16).padStart(4, '0');
    const long = ip6('11', `15b30007 ${length} 0000 ${'78'.repeat(1300)}`);
    assert.deepEqual(await probe(long), [[answer(`0104 0000 00000000 ${text(long.subarray(0, 1232))}`)], 0]);
  });

  it('says nothing about errors, redirects, groups and who cannot be one sender', async (t) => {
    const { probe, host } = open(t);
    const closed = '15b30007 0009 0000 78';
    assert.deepEqual(await probe(ip6('11', closed, ALL_NODES), ALL_NODES_MAC), [[], 0]);
    assert.deepEqual(await probe(ip6('11', closed), ALL_NODES_MAC), [[], 0], 'to all by the link alone');
    assert.deepEqual(await probe(ip6('11', closed, TARGET.ip6, '00'.repeat(16))), [[], 0]);
    for (const type of ['01', '02', '03', '04', '64', '7f'])
      assert.deepEqual(await probe(ip6('3a', `${type}00 0000 00000000 ${'00'.repeat(48)}`)), [[], 0], type);
    assert.equal(host.stats().icmpErrorsSent, 0);
  });

  it('tells of errors that are not known, and passes over what else it does not know', async (t) => {
    const { net, probe, station, host } = open(t);
    for (const type of ['80', '8a', '8b', '90', 'c8', 'ff'].slice(1)) {
      assert.deepEqual(await probe(ip6('3a', `${type}00 0000 00000000`)), [[], 0], type);
    }
    assert.equal(host.stats().ignored, 5);
    const tap = new FrameTap(net.relay(), TARGET.mac);
    const failed = host.ping('2001:db8::55', { size: 0 }).catch((error: { code: string }) => error.code);
    await net.settle();
    tap.take();
    // A ping to somebody who does not answer; the error quotes it.
    const { id } = host.stack.icmp.pings;
    const quoted = text(
      ip6(
        '3a',
        `8000 0000 ${id.toString(16).padStart(4, '0')} 0000`,
        '20010db8000000000000000000000055',
        TARGET.ip6,
      ),
    );
    station.send(ip6('3a', `6400 0000 00000000 ${quoted}`));
    await net.settle();
    assert.equal(await failed, 'EPROTO');
  });

  it('errors reach the ping, or the connected port, that they are about', async (t) => {
    const { net, station, host } = open(t);
    const { id } = host.stack.icmp.pings;
    for (const [index, [message, code]] of (
      [
        ['0100', 'ENETUNREACH'],
        ['0103', 'EHOSTUNREACH'],
        ['0300', 'EHOSTUNREACH'],
        ['0400', 'EPROTO'],
      ] as const
    ).entries()) {
      const failed = host.ping('2001:db8::55', { size: 0 }).catch((error: { code: string }) => error.code);
      await net.settle();
      const number = `${id.toString(16).padStart(4, '0')} ${index.toString(16).padStart(4, '0')}`;
      const quoted = text(ip6('3a', `8000 0000 ${number}`, '20010db8000000000000000000000055', TARGET.ip6));
      station.send(ip6('3a', `${message} 0000 00000000 ${quoted}`));
      await net.settle();
      assert.equal(await failed, code, message);
    }
  });
});
