import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { Station } from '../../test-support/station.ts';
import type { Host } from '../host.ts';

const FAR4 = '192.0.2.7';
const FAR6 = '2001:db8:ffff::7';
/** Source link-layer address options. */
const MAC_A = '0101 020000001060';
const MAC_B = '0101 020000001061';

/** A host, and two routers that a test plays; they advertise nothing by themselves. */
function open(t: TestContext, version: 4 | 6 = 6) {
  const net = new HostNetwork(t);
  const [first, second] = version === 4 ? ['10.0.0.60', '10.0.0.61'] : ['fe80::1060', 'fe80::1061'];
  const a = new Station(net, '02:00:00:00:10:60', first);
  const b = new Station(net, '02:00:00:00:10:61', second);
  return { net, a, b, gateways: [first, second] };
}

/** A host that is configured by routers, with a socket. */
function hostOf(net: HostNetwork): { host: Host; port: TestPort } {
  const host = net.host(9, { addresses: ['fe80::9/64', '2001:db8:1::9/64'] });
  host.slaac({ timeout: Number.POSITIVE_INFINITY }).catch(() => undefined);
  return { host, port: new TestPort(host, { version: 6 }).bind('') };
}

/** A router advertisement: flags with the preference, lifetime 1800 s, nothing about time, options. */
function advertisement(flags: string, options: string, lifetime = '0708'): string {
  return `8600 0000 00 ${flags} ${lifetime} 00000000 00000000 ${options}`;
}

/** Sends one datagram every `ms` milliseconds. */
async function send(net: HostNetwork, port: TestPort, to: string, count: number, ms: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    port.send('x', to, 7);
    await net.advance(ms);
  }
}

describe('the default router list', () => {
  it('the router that wants most to be used is, whoever came first', async (t) => {
    const { net, a, b } = open(t);
    const { host, port } = hostOf(net);
    await a.tell(advertisement('00', MAC_A));
    await send(net, port, FAR6, 1, 0);
    await b.tell(advertisement('08', MAC_B));
    await send(net, port, FAR6, 1, 0);
    assert.deepEqual([a.datagrams, b.datagrams], [1, 1]);
    // Low, and then the reserved value, which is medium.
    await b.tell(advertisement('18', MAC_B));
    await send(net, port, FAR6, 1, 0);
    assert.deepEqual([a.datagrams, b.datagrams], [2, 1]);
    await a.tell(advertisement('18', MAC_A));
    await b.tell(advertisement('10', MAC_B));
    await send(net, port, FAR6, 1, 0);
    assert.deepEqual([a.datagrams, b.datagrams], [2, 2]);
    assert.deepEqual(
      host.routes().flatMap(({ gateway }) => gateway ?? []),
      ['fe80::1061', 'fe80::1060'],
    );
  });

  it('a router that falls silent is replaced by the other', async (t) => {
    const { net, a, b } = open(t);
    const { port } = hostOf(net);
    await a.tell(advertisement('00', MAC_A));
    await b.tell(advertisement('00', MAC_B));
    await send(net, port, FAR6, 3, 3000);
    assert.deepEqual([a.datagrams, b.datagrams], [3, 0]);
    a.alive = false;
    const before = a.datagrams;
    await send(net, port, FAR6, 60, 3000);
    // At most the 30 s for which it counts as reachable, 5 s of delay and 3 questions.
    assert.ok(a.datagrams - before <= 13, `${a.datagrams}`);
    assert.ok(b.datagrams >= 47, `${b.datagrams}`);
  });

  for (const version of [4, 6] as const) {
    const far = version === 4 ? FAR4 : FAR6;

    it(`two static default routers, IPv${version}: the first never answers`, async (t) => {
      const { net, a, b, gateways } = open(t, version);
      a.alive = false;
      const port = new TestPort(net.host(9, { gateways }), { version }).bind('');
      await send(net, port, far, 60, 3000);
      assert.equal(a.datagrams, 0);
      assert.ok(b.datagrams >= 58, `${b.datagrams}`);
    });

    it(`a silent router is asked once a minute while there is something to send, IPv${version}`, async (t) => {
      const { net, a, b, gateways } = open(t, version);
      a.alive = false;
      const port = new TestPort(net.host(9, { gateways }), { version }).bind('');
      await send(net, port, far, 200, 1000);
      // Three times at first, then after one, two and three minutes.
      assert.equal(a.asked, 6);
      assert.equal(b.datagrams, 197);
      await net.advance(600_000);
      assert.equal(a.asked, 6, 'nothing is sent, nobody is asked');
      a.alive = true;
      await send(net, port, far, 2, 1000);
      await send(net, port, far, 5, 1000);
      assert.equal(a.asked, 7);
      assert.ok(a.datagrams >= 5, 'it answers, and is the first one again');
    });

    it(`routers that are all silent take turns, IPv${version}`, async (t) => {
      const { net, a, b, gateways } = open(t, version);
      a.alive = false;
      b.alive = false;
      const port = new TestPort(net.host(9, { gateways }), { version }).bind('');
      await send(net, port, far, 24, 1000);
      assert.deepEqual([a.asked, b.asked], [12, 12]);
      b.alive = true;
      await send(net, port, far, 8, 1000);
      assert.ok(b.datagrams >= 3, `${b.datagrams}`);
    });
  }

  it('a router of a higher metric stands in, as a second one of DHCP', async (t) => {
    const { net, a, b, gateways } = open(t, 4);
    a.alive = false;
    const routes = gateways.map((gateway, metric) => ({ destination: '0.0.0.0/0', gateway, metric }));
    const port = new TestPort(net.host(9, { routes }), { version: 4 }).bind('');
    await send(net, port, FAR4, 20, 1000);
    assert.ok(b.datagrams >= 17, `${b.datagrams}`);
  });

  it('of IPv4 routes only default ones stand in for each other, as on Linux', async (t) => {
    const { net, a, b, gateways } = open(t, 4);
    a.alive = false;
    const routes = [
      { destination: '192.0.2.0/24', gateway: gateways[0]! },
      { destination: '0.0.0.0/0', gateway: gateways[1]! },
    ];
    const port = new TestPort(net.host(9, { routes }), { version: 4 }).bind('');
    await send(net, port, FAR4, 20, 1000);
    assert.deepEqual([a.datagrams, b.datagrams], [0, 0]);
  });

  it('a router for less stands in for a silent one for more, IPv6', async (t) => {
    const { net, a, b, gateways } = open(t);
    a.alive = false;
    const routes = [
      { destination: '2001:db8:ffff::/48', gateway: gateways[0]! },
      { destination: '::/0', gateway: gateways[1]!, metric: 9 },
    ];
    const port = new TestPort(net.host(9, { routes }), { version: 6 }).bind('');
    await send(net, port, FAR6, 20, 1000);
    assert.ok(b.datagrams >= 16, `${b.datagrams}`);
  });

  it('a station that says that it is no router is none any more', async (t) => {
    const { net, a, b } = open(t);
    const { host, port } = hostOf(net);
    await a.tell(advertisement('08', MAC_A));
    await b.tell(advertisement('00', MAC_B));
    await send(net, port, FAR6, 1, 0);
    // Override, and not a router.
    await a.tell('8800 0000 20000000 fe80000000000000 0000000000001060 0201 020000001060');
    await send(net, port, FAR6, 1, 0);
    assert.deepEqual([a.datagrams, b.datagrams], [1, 1]);
    assert.deepEqual(
      host.routes().flatMap(({ gateway }) => gateway ?? []),
      ['fe80::1061'],
    );
  });

  it('a lifetime that ends, or is taken back, ends the use of a router', async (t) => {
    const { net, a, b } = open(t);
    const { port } = hostOf(net);
    await a.tell(advertisement('08', MAC_A, '000a'));
    await b.tell(advertisement('00', MAC_B));
    await send(net, port, FAR6, 12, 1000);
    assert.deepEqual([a.datagrams, b.datagrams], [10, 2]);
    await a.tell(advertisement('08', MAC_A));
    await send(net, port, FAR6, 1, 0);
    await a.tell(advertisement('08', MAC_A, '0000'));
    await send(net, port, FAR6, 1, 0);
    assert.deepEqual([a.datagrams, b.datagrams], [11, 3]);
  });
});

describe('routes that routers tell of', () => {
  it('the longest prefix counts, then the preference, until its lifetime ends', async (t) => {
    const { net, a, b } = open(t);
    const { port } = hostOf(net);
    await a.tell(advertisement('08', MAC_A));
    // 2001:db8:ffff::/48 for 20 seconds, low.
    await b.tell(advertisement('18', `${MAC_B} 1802 3018 00000014 20010db8ffff0000`));
    await send(net, port, FAR6, 1, 0);
    await send(net, port, '2001:db8:eeee::7', 1, 0);
    assert.deepEqual([a.datagrams, b.datagrams], [1, 1]);
    // The other has the same route, medium.
    await a.tell(advertisement('08', `${MAC_A} 1802 3000 00000014 20010db8ffff0000`));
    await send(net, port, FAR6, 1, 0);
    assert.deepEqual([a.datagrams, b.datagrams], [2, 1]);
    await a.tell(advertisement('08', `${MAC_A} 1802 3000 00000000 20010db8ffff0000`));
    await send(net, port, FAR6, 1, 0);
    assert.deepEqual([a.datagrams, b.datagrams], [2, 2]);
    await net.advance(20_000);
    await send(net, port, FAR6, 1, 0);
    assert.deepEqual([a.datagrams, b.datagrams], [3, 2]);
  });

  it('those with the reserved preference, or too short for their prefix, do not count', async (t) => {
    const { net, a, b } = open(t);
    const { host } = hostOf(net);
    await a.tell(advertisement('00', `${MAC_A} 1802 3010 00000e10 20010db8ffff0000`));
    await b.tell(advertisement('00', `${MAC_B} 1801 3000 00000e10 1802 4100 00000e10 20010db8ffff0000`));
    await b.tell(advertisement('00', `${MAC_B} 1803 8100 00000e10 ${'20'.repeat(16)}`));
    const behind = () => host.routes().filter(({ gateway }) => gateway !== undefined);
    assert.deepEqual(
      behind().map(({ destination }) => destination),
      ['::/0', '::/0'],
    );
    await b.tell(advertisement('00', `${MAC_B} 1803 4100 00000e10 20010db8ffff00008000000000000000`));
    assert.equal(behind()[0]!.destination, '2001:db8:ffff:0:8000::/65');
  });

  it('one for everything has the last word over the header', async (t) => {
    const { net, a, b } = open(t);
    const { port } = hostOf(net);
    await a.tell(advertisement('00', MAC_A));
    await b.tell(advertisement('18', `${MAC_B} 1801 0008 00000e10`));
    await send(net, port, FAR6, 1, 0);
    assert.deepEqual([a.datagrams, b.datagrams], [0, 1]);
  });
});

describe('times that routers tell of', () => {
  it('the time between questions, and how long a neighbor counts as reachable', async (t) => {
    const { net, a } = open(t);
    const { port } = hostOf(net);
    // Reachable 10 s, 250 ms between questions.
    await a.tell(`8600 0000 00 00 0708 00002710 000000fa ${MAC_A}`);
    a.alive = false;
    await send(net, port, '2001:db8:1::77', 1, 0);
    const asks = () =>
      a.seen.filter((frame) => frame[20] === 58 && frame[54] === 135 && frame[77] === 0x77).length;
    await send(net, port, '2001:db8:1::77', 1, 0);
    // An address on the link by the host's own prefix.
    assert.equal(asks(), 1);
    await net.advance(500);
    assert.equal(asks(), 3);
    a.alive = true;
    await send(net, port, FAR6, 10, 1000);
    const after = a.asked;
    assert.ok(after >= 1);
    // Random between 5 and 15 s, then 5 s of delay: asked again within 20 s, not the 35 s of the default.
    await send(net, port, FAR6, 21, 1000);
    assert.ok(a.asked > after, `${a.asked}`);
  });
});
