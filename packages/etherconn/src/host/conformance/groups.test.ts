import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { MemoryRelay } from '../../relay/memory-relay.ts';
import { FrameTap } from '../../test-support/frame-tap.ts';
import { hex } from '../../test-support/frames.ts';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { ip4, ip6, PROBE, ProbeStation, TARGET } from '../../test-support/probe-station.ts';
import { foldSum, internetSum } from '../../wire/checksum.ts';
import { parseIp } from '../../wire/ip.ts';
import type { HostOptions } from '../host-options.ts';

/** What docs/conformance.md says of RFC 3376 and RFC 3810. Random times are half of the longest. */

const GROUP4 = 'ef010203';
const GROUP6 = 'ff15000000000000000000000000abcd';
const LINK_LOCAL = 'fe80000000000000000000fffe000009';
const ROUTER = 'fe800000000000000000000000000001';
const ALL_NODES = 'ff020000000000000000000000000001';

function open(t: TestContext, options: HostOptions = {}) {
  const net = new HostNetwork(t);
  const host = net.host(9, options);
  host.stack.state.random = () => 0.5;
  const relay = net.relay();
  const station = new ProbeStation(relay);
  const tap = new FrameTap(relay, TARGET.mac);
  /** What is sent in so many milliseconds, of IGMP or MLD: packets as text. */
  const after = async (ms: number): Promise<string[]> => {
    await net.advance(ms);
    const isGroup = (packet: string) =>
      packet.slice(18, 20) === '02' || (packet[0] === '6' && packet.slice(12, 14) === '00');
    return tap
      .take()
      .map((frame) => frame.slice(28))
      .filter(isGroup);
  };
  return { net, host, station, tap, after };
}

function digits(packet: Uint8Array): string {
  return Buffer.from(packet).toString('hex');
}

/** An IGMP message with its checksum. */
function igmp(text: string): string {
  const message = hex(text);
  message.set(
    hex((~foldSum(internetSum(message, 0, message.length)) & 0xffff).toString(16).padStart(4, '0')),
    2,
  );
  return digits(message);
}

/** The body of an IGMPv3 report as it comes, identification and checksums aside. */
function report4(packet: string): string {
  assert.match(packet, /^46c0.{4}.{8}0102.{4}0a000009e000001694040000/, 'class, time to live, router alert');
  return packet.slice(48);
}

function report6(packet: string, from = LINK_LOCAL): string {
  const head = `6000000000.{2}0001${from}ff0200000000000000000000000000163a00050200000100`;
  assert.match(packet, new RegExp(`^${head}`), 'hop limit, router alert, source');
  return packet.slice(96);
}

const query4 = (group: string, rest = '027d0000', to = 'e0000001', code = '64') =>
  ip4('94040000', '02', igmp(`11 ${code} 0000 ${group} ${rest}`), to);
const query6 = (
  group: string,
  { rest = '027d0000', to = ALL_NODES, from = ROUTER, hops = '01', alert = '05020000' } = {},
) => {
  const packet = ip6('00', `3a00 ${alert} 0100 8200 0000 2710 0000 ${group} ${rest}`, to, from);
  packet.set(hex(hops), 7);
  return packet;
};

describe('IGMPv3 (RFC 3376)', () => {
  it('tells of joins and leaves at once and once more, with time to live 1 and a router alert', async (t) => {
    const { host, after } = open(t);
    await after(10_000);
    const port = new TestPort(host).bind('', 7);
    port.port.join(parseIp('239.1.2.3'), null);
    const joined = `2200${'....'}00000001 04000000${GROUP4}`.replaceAll(' ', '');
    const first = await after(0);
    assert.equal(first.length, 1);
    assert.match(report4(first[0]), new RegExp(`^${joined}$`));
    assert.equal(foldSum(internetSum(hex(report4(first[0])), 0, 16)), 0xffff, 'its checksum');
    assert.deepEqual(await after(499), []);
    assert.deepEqual((await after(1)).map(report4), first.map(report4));
    assert.deepEqual(await after(100_000), []);
    port.port.leave(parseIp('239.1.2.3'), null);
    assert.match(report4((await after(0))[0]), new RegExp(`00000001${'03000000'}${GROUP4}$`));
    assert.equal((await after(1000)).length, 1);
  });

  it('tells of sources, and never of the group of all hosts', async (t) => {
    const { host, after } = open(t);
    await after(10_000);
    const port = new TestPort(host).bind('', 7);
    port.port.join(parseIp('239.1.2.3'), parseIp('10.0.0.1'));
    assert.match(report4((await after(2000))[0]), new RegExp(`0000000105000001${GROUP4}0a000001$`));
    port.port.leave(parseIp('239.1.2.3'), parseIp('10.0.0.1'));
    assert.match(report4((await after(2000))[0]), new RegExp(`0000000106000001${GROUP4}0a000001$`));
    port.port.join(parseIp('224.0.0.1'), null);
    assert.deepEqual(await after(2000), []);
  });

  it('answers queries to any address of its own, within their time, and says what it listens to', async (t) => {
    const { host, after, station } = open(t);
    const port = new TestPort(host).bind('', 7);
    port.port.join(parseIp('239.1.2.3'), null);
    await after(5000);
    const current = new RegExp(`^2200.{4}0000000102000000${GROUP4}$`);
    for (const [query, mac] of [
      [query4('00000000'), '01005e000001'],
      [query4('00000000', '027d0000', TARGET.ip4), TARGET.mac],
      [query4(GROUP4, '027d0000', GROUP4), '01005e010203'],
    ] as const) {
      station.send(query, mac);
      assert.deepEqual(await after(4999), []);
      const [answer, ...others] = await after(1);
      assert.match(report4(answer), current);
      assert.deepEqual(others, []);
    }
    // Of another group, of another length, of a wrong checksum, of no type that is known.
    const wrong = query4('00000000');
    wrong[26] ^= 1;
    for (const packet of [
      query4('ef010204', '027d0000', TARGET.ip4),
      ip4('94040000', '02', igmp('11640000 00000000 027d'), 'e0000001'),
      wrong,
      ip4('94040000', '02', igmp('99640000 00000000 027d0000'), 'e0000001'),
    ]) {
      station.send(packet, '01005e000001');
      assert.deepEqual(await after(20_000), []);
    }
    // What follows a query is in its checksum, and passed over.
    station.send(query4('00000000', '027d0000 deadbeef'), '01005e000001');
    assert.equal((await after(10_000)).length, 1);
  });

  it('tells of everything again when the link comes back', async (t) => {
    const { host, after } = open(t);
    new TestPort(host).bind('', 7).port.join(parseIp('239.1.2.3'), null);
    await after(10_000);
    const { port } = host.stack.state.relay as MemoryRelay;
    port.setUp(false);
    port.setUp(true);
    const reports = (await after(10_000)).filter((packet) => packet[0] === '4').map(report4);
    assert.equal(reports.length, 2);
    for (const one of reports) assert.match(one, new RegExp(`0000000104000000${GROUP4}$`));
  });

  it('speaks as the oldest querier does, for as long as that is there', async (t) => {
    const { host, after, station } = open(t);
    const port = new TestPort(host).bind('', 7);
    port.port.join(parseIp('239.1.2.3'), null);
    await after(5000);
    station.send(ip4('94040000', '02', igmp('11640000 00000000'), 'e0000001'), '01005e000001');
    const [old] = await after(5000);
    assert.match(old, new RegExp(`^46c0.{12}0102.{4}0a000009${GROUP4}940400001600.{4}${GROUP4}$`));
    station.send(query4('00000000'), '01005e000001');
    assert.match((await after(5000))[0], new RegExp(`1600.{4}${GROUP4}$`), 'still');
    // Two queries of 125 s may be missed, and then the answer's time.
    await after(255_000);
    station.send(query4('00000000'), '01005e000001');
    assert.match(report4((await after(5000))[0]), new RegExp(`02000000${GROUP4}$`));
  });
});

describe('MLDv2 (RFC 3810)', () => {
  it('tells of joins and leaves at once and once more, with hop limit 1 and a router alert', async (t) => {
    const { host, after } = open(t);
    await after(10_000);
    const port = new TestPort(host, { version: 6 }).bind('', 7);
    port.port.join(parseIp('ff15::abcd'), null);
    const first = await after(0);
    assert.equal(first.length, 1);
    assert.match(report6(first[0]), new RegExp(`^8f00.{4}0000000104000000${GROUP6}$`));
    assert.deepEqual(await after(499), []);
    assert.deepEqual(await after(1), first);
    assert.deepEqual(await after(100_000), []);
    port.port.leave(parseIp('ff15::abcd'), null);
    assert.match(report6((await after(0))[0]), new RegExp(`0000000103000000${GROUP6}$`));
    port.port.join(parseIp('ff15::abcd'), parseIp('2001:db8::1'));
    assert.match(report6((await after(2000)).at(-1)!), new RegExp(`0000000105000001${GROUP6}${PROBE.ip6}$`));
  });

  it('never tells of the group of all nodes, nor of groups that stay on the host', async (t) => {
    const { host, after } = open(t);
    const port = new TestPort(host, { version: 6 }).bind('', 7);
    await after(10_000);
    for (const group of ['ff02::1', 'ff01::5']) port.port.join(parseIp(group), null);
    assert.deepEqual(await after(5000), []);
  });

  it('answers queries to any address of its own, within their time', async (t) => {
    const { host, after, station } = open(t);
    const port = new TestPort(host, { version: 6 }).bind('', 7);
    port.port.join(parseIp('ff15::abcd'), null);
    await after(10_000);
    const none = '00'.repeat(16);
    for (const [query, mac] of [
      [query6(none), '333300000001'],
      [query6(none, { to: LINK_LOCAL }), TARGET.mac],
      [query6(GROUP6, { to: GROUP6 }), '33330000abcd'],
    ] as const) {
      station.send(query, mac);
      assert.deepEqual(await after(4999), []);
      const answers = await after(1);
      assert.equal(answers.length, 1);
      assert.match(report6(answers[0]), new RegExp(`02000000${GROUP6}`));
    }
  });

  it('drops queries that are not from a link-local address, were forwarded, or have no router alert', async (t) => {
    const { host, after, station } = open(t);
    new TestPort(host, { version: 6 }).bind('', 7).port.join(parseIp('ff15::abcd'), null);
    await after(10_000);
    const none = '00'.repeat(16);
    for (const query of [
      query6(none, { from: PROBE.ip6 }),
      query6(none, { from: '00'.repeat(16) }),
      query6(none, { hops: '02' }),
      query6(none, { hops: 'ff' }),
      query6(none, { alert: '01020000' }),
      query6(none, { rest: '027d' }),
    ]) {
      station.send(query, '333300000001');
      assert.deepEqual(await after(20_000), [], digits(query));
    }
    station.send(query6(none), '333300000001');
    assert.equal((await after(10_000)).length, 1);
  });

  it('speaks MLDv1 while a querier does', async (t) => {
    const { host, after, station } = open(t);
    new TestPort(host, { version: 6 }).bind('', 7).port.join(parseIp('ff15::abcd'), null);
    await after(10_000);
    station.send(query6('00'.repeat(16), { rest: '' }), '333300000001');
    const answers = await after(5000);
    assert.ok(
      answers.some((packet) =>
        new RegExp(`^.{48}${GROUP6}3a000502000001008300.{4}00000000${GROUP6}$`).test(packet),
      ),
    );
  });
});
