import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { FrameTap } from '../../test-support/frame-tap.ts';
import { hex } from '../../test-support/frames.ts';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { ip4, PROBE, ProbeStation, TARGET } from '../../test-support/probe-station.ts';
import { fillIpv4Checksum } from '../../wire/ipv4.ts';
import type { HostOptions } from '../host-options.ts';

/** What docs/conformance.md says of RFC 791, RFC 792 and RFC 1122. */

const UDP = '15b31e61 0009 0000 78';
const PING = '0800 0000 0001 0002 70696e67';

function open(t: TestContext, options: HostOptions = {}) {
  const net = new HostNetwork(t);
  const host = net.host(9, options);
  const server = new TestPort(host).bind('', 0x1e61);
  const relay = net.relay();
  const station = new ProbeStation(relay);
  const tap = new FrameTap(relay, TARGET.mac);
  return {
    net,
    host,
    server,
    station,
    tap,
    /** Sends packets, and says what has come back, identification and header checksum blanked, and what was delivered. */
    async probe(packets: Uint8Array | Uint8Array[], mac?: string): Promise<[string[], number]> {
      const before = server.user.taken.length;
      for (const packet of Array.isArray(packets) ? packets : [packets]) station.send(packet, mac);
      await net.advance(1000);
      return [station.take().map(blank), server.user.taken.length - before];
    },
  };
}

function blank(packet: string): string {
  return `${packet.slice(0, 8)}....${packet.slice(12, 20)}....${packet.slice(24)}`;
}

/** An ICMP message from the host as it should be. */
function answer(body: string): string {
  return blank(Buffer.from(ip4('', '01', body, PROBE.ip4, TARGET.ip4)).toString('hex'));
}

/** A packet with other bytes from `at` on; its header checksum is right again. */
function changed(packet: Uint8Array, at: number, bytes: string): Uint8Array {
  const other = packet.slice();
  other.set(hex(bytes), at);
  fillIpv4Checksum(other, 0);
  return other;
}

const text = (packet: Uint8Array) => Buffer.from(packet).toString('hex');

describe('IPv4 packets that come', () => {
  it('with a wrong version, header checksum, header length or total length are dropped without a word', async (t) => {
    const { probe, host } = open(t);
    const good = ip4('', '11', UDP);
    const wrong = good.slice();
    wrong[10] ^= 1;
    for (const packet of [
      wrong,
      changed(good, 0, '55'),
      changed(good, 0, '44'),
      changed(good, 2, '0013'),
      changed(good, 2, '0040'),
    ]) {
      // The EtherType says IPv4 whatever the version does.
      assert.deepEqual(await probe(packet), [[], 0], text(packet));
    }
    assert.deepEqual([host.stats().badChecksum, host.stats().malformed], [1, 4]);
    assert.deepEqual(await probe(good), [[], 1]);
  });

  it('are taken whatever is left of their time to live, and whatever the reserved bits are', async (t) => {
    const { probe } = open(t);
    for (const [at, bytes] of [
      [8, '00'],
      [8, '01'],
      [1, 'ff'],
      [6, '8000'],
    ] as const)
      assert.deepEqual(await probe(changed(ip4('', '11', UDP), at, bytes)), [[], 1], bytes);
  });

  it('for others are dropped without a word', async (t) => {
    const { probe, host } = open(t);
    for (const to of ['0a000008', 'c0000201', '0a010009'])
      assert.deepEqual(await probe(ip4('', '11', UDP, to)), [[], 0], to);
    assert.equal(host.stats().notOurs, 3);
    for (const to of ['7f000001', '00000000'])
      assert.deepEqual(await probe(ip4('', '11', UDP, to)), [[], 0], to);
    assert.equal(host.stats().martian, 2);
  });

  it('from what can be no sender are dropped: broadcasts, groups, loopback, ourselves', async (t) => {
    const { probe, host } = open(t);
    const senders = ['ffffffff', '0a0000ff', 'e0000001', 'efffffff', '7f000001', TARGET.ip4];
    for (const from of senders)
      assert.deepEqual(await probe(ip4('', '11', UDP, TARGET.ip4, from)), [[], 0], from);
    assert.equal(host.stats().martian, senders.length);
  });

  it('for all are taken: the limited broadcast, that of the network, the group of all hosts', async (t) => {
    const { probe } = open(t);
    assert.deepEqual(await probe(ip4('', '11', UDP, 'ffffffff'), 'ffffffffffff'), [[], 1]);
    assert.deepEqual(await probe(ip4('', '11', UDP, '0a0000ff'), 'ffffffffffff'), [[], 1]);
    assert.deepEqual(await probe(ip4('', '11', UDP, 'e0000001'), '01005e000001'), [[], 1]);
    assert.deepEqual(await probe(ip4('', '11', UDP, 'e0000005'), '01005e000005'), [[], 0], 'no member');
  });

  it('have a right UDP checksum, or none', async (t) => {
    const { probe, host } = open(t);
    const wrong = ip4('', '11', UDP);
    wrong[26] ^= 1;
    assert.deepEqual(await probe(wrong), [[], 0]);
    assert.equal(host.stats().badChecksum, 1);
    assert.deepEqual(await probe(changed(ip4('', '11', UDP), 26, '0000')), [[], 1]);
  });

  it('in fragments are put together, of the longest lengths and in any order; not those of others', async (t) => {
    const { net, server, station } = open(t);
    const length = 8 + 65_507;
    const whole = changed(
      ip4('', '11', `15b31e61 ${length.toString(16)} 0000 ${'78'.repeat(65_507)}`),
      2,
      'ffff',
    );
    const data = whole.subarray(20);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < data.length; at += 552) {
      const piece = data.subarray(at, Math.min(at + 552, data.length));
      const header = changed(whole.slice(0, 20), 2, (20 + piece.length).toString(16).padStart(4, '0'));
      const more = at + piece.length < data.length ? 0x2000 : 0;
      const fragment = changed(header, 6, (more | (at / 8)).toString(16).padStart(4, '0'));
      pieces.push(Buffer.concat([fragment, piece]));
    }
    // The same identification from somebody else, and of another protocol: other datagrams.
    station.send(changed(Buffer.from(pieces[1]), 12, '0a000002'));
    station.send(changed(Buffer.from(pieces[1]), 9, '06'));
    for (const piece of pieces.reverse()) {
      station.send(piece);
      await net.settle();
    }
    assert.deepEqual(
      server.user.taken.map(({ data }) => data.length),
      [65_507],
    );
  });

  it('in fragments that do not all come are given up, and who sent the first is told, unless a broadcast', async (t) => {
    const { probe, net, station } = open(t);
    const first = changed(ip4('', '11', UDP + '00'.repeat(7)), 6, '2000');
    const later = changed(changed(first, 6, '2002'), 4, '0008');
    assert.deepEqual(await probe([first, later]), [[], 0]);
    await net.advance(28_999);
    assert.deepEqual(station.take(), []);
    await net.advance(2000);
    assert.deepEqual(station.take().map(blank), [answer(`0b01 0000 00000000 ${text(first)}`)]);
    assert.deepEqual(await probe(changed(first, 16, '0a0000ff'), 'ffffffffffff'), [[], 0]);
    await net.advance(31_000);
    assert.deepEqual(station.take(), []);
  });
});

describe('IPv4 packets that go', () => {
  it('have version 4, their own identification, no reserved bits, a time to live and a right checksum', async (t) => {
    const { net, tap, host, station } = open(t);
    const port = new TestPort(host).bind('10.0.0.9', 0x2710);
    for (let i = 0; i < 3; i++) port.send('x', '10.0.0.1', 7);
    await net.settle();
    const packets = tap.take('0800').map((frame) => hex(frame.slice(28)));
    const ids = packets.map((packet) => text(packet.subarray(4, 6)));
    assert.equal(new Set(ids).size, 3);
    for (const packet of packets) {
      const expected = ip4('', '11', '2710 0007 0009 0000 78', PROBE.ip4, TARGET.ip4);
      assert.equal(
        text(packet),
        text(changed(changed(expected, 4, text(packet.subarray(4, 6))), 6, text(packet.subarray(6, 8)))),
      );
      assert.equal(packet[6] & 0x80, 0);
    }
    station.take();
    port.port.ttl = 3;
    port.send('x', '10.0.0.1', 7);
    await net.settle();
    assert.equal(hex(tap.take('0800')[0].slice(28))[8], 3);
  });

  it('to all go to the broadcast address of the link, and only where that is allowed', async (t) => {
    const { net, tap, host } = open(t);
    const port = new TestPort(host).bind('');
    assert.throws(() => port.send('x', '255.255.255.255', 7), { code: 'EACCES' });
    port.port.broadcast = true;
    for (const to of ['255.255.255.255', '10.0.0.255']) {
      port.send('x', to, 7);
      await net.settle();
      assert.match(tap.take('0800')[0], /^ffffffffffff/);
    }
  });

  it('to 127.0.0.0/8 never reach the link', async (t) => {
    const { net, tap, host, server } = open(t);
    new TestPort(host).send('x', '127.9.9.9', 0x1e61);
    await net.settle();
    assert.deepEqual([tap.take('0800'), server.user.taken.length], [[], 1]);
  });

  it('have an address of the host as their source, that asked for where one was', async (t) => {
    const { host } = open(t);
    assert.throws(() => new TestPort(host).bind('10.0.0.77'), { code: 'EADDRNOTAVAIL' });
  });
});

describe('ICMP', () => {
  it('answers pings with what they bring, from the address that was asked, with their type of service', async (t) => {
    const { probe } = open(t);
    assert.deepEqual(await probe(ip4('', '01', PING)), [[answer('0000 0000 0001 0002 70696e67')], 0]);
    const pong = answer('0000 0000 0001 0002 70696e67');
    assert.deepEqual(await probe(changed(ip4('', '01', PING), 1, 'b8')), [[`45b8${pong.slice(4)}`], 0]);
    const [answers] = await probe(ip4('', '01', PING, '0a0000ff'), 'ffffffffffff');
    assert.deepEqual(answers, [pong], 'to a broadcast, from an address of its own');
  });

  it('says that a port or a protocol is not there, with the packet that asked', async (t) => {
    const { probe } = open(t);
    const closed = ip4('', '11', `15b30007 0009 0000 78`);
    assert.deepEqual(await probe(closed), [[answer(`0303 0000 00000000 ${text(closed)}`)], 0]);
    const unknown = ip4('', 'fd', '0001020304050607');
    assert.deepEqual(await probe(unknown), [[answer(`0302 0000 00000000 ${text(unknown)}`)], 0]);
    const long = ip4('', 'fd', '00'.repeat(1400));
    assert.deepEqual(await probe(long), [[answer(`0302 0000 00000000 ${text(long.subarray(0, 548))}`)], 0]);
  });

  it('says nothing about errors, broadcasts, groups, later fragments and who cannot be one sender', async (t) => {
    const { probe, host } = open(t);
    const closed = `15b30007 0009 0000 78`;
    for (const type of ['03', '04', '05', '0b', '0c'])
      assert.deepEqual(await probe(ip4('07010000', '01', `${type}00 0000 00000000 ${'00'.repeat(28)}`)), [
        [],
        0,
      ]);
    assert.deepEqual(await probe(ip4('', '11', closed, '0a0000ff'), 'ffffffffffff'), [[], 0]);
    assert.deepEqual(await probe(ip4('', 'fd', '00', 'e0000001'), '01005e000001'), [[], 0]);
    assert.deepEqual(await probe(ip4('', '11', closed), 'ffffffffffff'), [[], 0], 'to all by the link alone');
    assert.deepEqual(await probe(ip4('', '11', closed, 'ffffffff', '00000000'), 'ffffffffffff'), [[], 0]);
    assert.equal(host.stats().icmpErrorsSent, 0);
  });

  it('passes over types that are not known, and does not answer what only others may', async (t) => {
    const { probe, host } = open(t);
    // Source quench (RFC 6633), 6, 7, router discovery, information request, address mask, traceroute, 255.
    for (const type of ['04', '06', '07', '09', '0a', '0f', '10', '11', '12', '1e', 'ff'])
      assert.deepEqual(await probe(ip4('', '01', `${type}00 0000 0001 0002 00000000`)), [[], 0], type);
    assert.equal(host.stats().ignored, 11);
  });

  it('drops a message with a wrong checksum', async (t) => {
    const { probe, host } = open(t);
    const wrong = ip4('', '01', PING);
    wrong[25] ^= 1;
    assert.deepEqual(await probe(wrong), [[], 0]);
    assert.equal(host.stats().badChecksum, 1);
  });
});

describe('ICMP redirects', () => {
  const NEAR = '02:00:00:00:00:fd';

  /** A redirect about a datagram of port 10000 to 192.0.2.1 by `from`, to 10.0.0.253. */
  function redirect(from: string, code = '01', to = '0a0000fd', port = '2710'): Uint8Array {
    const quoted = text(ip4('', '11', `${port} 0007 0009 0000 78`, 'c0000201', TARGET.ip4));
    return ip4('', '01', `05${code} 0000 ${to} ${quoted}`, TARGET.ip4, from);
  }

  async function openWithRouters(t: TestContext) {
    const net = new HostNetwork(t);
    const host = net.host(9, { gateway: '10.0.0.254' });
    net.host(0xfe, { addresses: ['10.0.0.254/24'] });
    const near = net.host(0xfd, { addresses: ['10.0.0.253/24'] });
    const relay = net.relay();
    const station = new ProbeStation(relay);
    const port = new TestPort(host).bind('10.0.0.9', 10_000);
    const via = (to = '192.0.2.1') => {
      const { nextHop } = host.stack.output.path(Buffer.from(to.split('.').map(Number)), 'send');
      return nextHop!.join('.');
    };
    port.send('x', '192.0.2.1', 7);
    await net.settle();
    assert.equal(via(), '10.0.0.254');
    return { net, host, near, station, port, via };
  }

  it('of the router in use are followed, for that destination, for hosts and networks alike', async (t) => {
    for (const code of ['00', '01', '02', '03']) {
      const { net, station, via, port, near } = await openWithRouters(t);
      station.send(redirect('0a0000fe', code));
      await net.settle();
      assert.deepEqual([via(), via('192.0.2.2')], ['10.0.0.253', '10.0.0.254'], code);
      port.send('y', '192.0.2.1', 7);
      await net.settle();
      assert.equal(near.stats().notOurs, 1, `${NEAR} has it`);
      await net.advance(300_000);
      assert.equal(via(), '10.0.0.254', 'for five minutes, as with Linux');
    }
  });

  it('of others, to others than a neighbor, and about nothing of ours are dropped', async (t) => {
    const { net, station, via, host } = await openWithRouters(t);
    const { ignored } = host.stats();
    const bad = [
      redirect('0a000001'),
      redirect('0a0000fd'),
      redirect('0a0000fe', '04'),
      redirect('0a0000fe', '01', 'c0000202'),
      redirect('0a0000fe', '01', TARGET.ip4),
      redirect('0a0000fe', '01', 'e0000001'),
      redirect('0a0000fe', '01', '0a0000ff'),
      redirect('0a0000fe', '01', '00000000'),
      redirect('0a0000fe', '01', '0a0000fd', '2711'),
    ];
    for (const packet of bad) {
      station.send(packet);
      await net.settle();
      assert.equal(via(), '10.0.0.254', text(packet));
    }
    assert.equal(host.stats().ignored - ignored, bad.length);
  });

  it('to a router that does not answer are forgotten', async (t) => {
    const { net, station, via, port } = await openWithRouters(t);
    station.send(redirect('0a0000fe', '01', '0a0000fc'));
    await net.settle();
    assert.equal(via(), '10.0.0.252');
    port.send('y', '192.0.2.1', 7);
    await net.advance(4000);
    assert.equal(via(), '10.0.0.254');
  });
});
