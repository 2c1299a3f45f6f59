import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MemoryRelay } from '../../relay/memory-relay.ts';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { errorFrame } from '../../test-support/icmp-error-frame.ts';
import { Icmpv4Type, Icmpv4Unreachable } from '../../wire/icmpv4.ts';
import { Icmpv6Type } from '../../wire/icmpv6.ts';
import { parseIp } from '../../wire/ip.ts';
import { hostError } from '../host-error.ts';
import type { HostUdpPort } from '../udp/host-udp-port.ts';

async function inject(net: HostNetwork, relay: MemoryRelay, frame: Uint8Array): Promise<void> {
  assert.equal(relay.trySendFrame(frame), 1);
  await net.settle();
}

describe('ping', () => {
  it('gets answers from others, over both IP versions, in every size', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    net.host(2, { addresses: ['10.0.0.2/24', '2001:db8::2/64'] });
    for (const address of ['10.0.0.2', '2001:db8::2', 'fe80::ff:fe00:2', 'fe80::ff:fe00:2%eth0']) {
      for (const size of [0, 56, 1472, 1473, 65_507]) {
        const answer = host.ping(address, { size });
        await net.settle();
        const expected = { address: address.split('%')[0], rtt: 0, ttl: 64, size };
        assert.deepEqual(await answer, expected);
      }
    }
  });

  it('gets answers from the host itself', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    for (const address of ['127.0.0.1', '127.1.2.3', '::1', '10.0.0.1', '2001:db8::1']) {
      const answer = host.ping(address);
      await net.settle();
      assert.equal((await answer).address, address);
    }
  });

  it('measures time, and ends by timeout, signal and close', async (t) => {
    const net = new HostNetwork(t, { impair: { delay: 10 } });
    const host = net.host(1);
    const other = net.host(2);
    // ARP takes one round trip, the ping another.
    const answer = host.ping('10.0.0.2');
    await net.advance(100);
    assert.equal((await answer).rtt, 40);
    const late = assert.rejects(host.ping('10.0.0.2', { timeout: 15 }), { code: 'ERR_ETHERCONN_TIMEOUT' });
    await net.advance(15);
    await late;
    const abort = new AbortController();
    const aborted = assert.rejects(host.ping('10.0.0.2', { signal: abort.signal }), { name: 'AbortError' });
    abort.abort();
    await aborted;
    await assert.rejects(host.ping('10.0.0.2', { timeout: 0 }), { code: 'ERR_ETHERCONN_TIMEOUT' });
    const closed = assert.rejects(host.ping('10.0.0.2'), { code: 'ERR_ETHERCONN_CLOSED' });
    await host.close();
    await closed;
    await assert.rejects(host.ping('10.0.0.2'), { code: 'ERR_ETHERCONN_CLOSED' });
    await other.close();
    assert.equal(net.network.virtualClock.pendingTimers, 1, 'only frames are still on their way');
  });

  it('fails when there is no way, or nobody', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    await assert.rejects(host.ping('192.0.2.1'), { code: 'ENETUNREACH', syscall: 'ping' });
    await assert.rejects(host.ping('nobody'), { option: 'address' });
    await assert.rejects(host.ping('fe80::1%eth1'), { option: 'address' });
    await assert.rejects(host.ping('10.0.0.2', { size: 65_508 }), { option: 'size' });
    const failed = assert.rejects(host.ping('10.0.0.9'), { code: 'EHOSTUNREACH' });
    await net.advance(3000);
    await failed;
  });

  it('answers groups and broadcasts, but not too many', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const other = net.host(2);
    for (const address of ['10.0.0.255', '224.0.0.1', 'ff02::1']) {
      const answers = Array.from({ length: 5 }, () => host.ping(address));
      await net.settle();
      for (const answer of answers) assert.match((await answer).address, /2$/);
      await net.advance(1000);
    }
    for (let i = 0; i < 20; i++) host.ping('10.0.0.255', { timeout: 10 }).catch(() => undefined);
    await net.advance(10);
    assert.equal(other.stats().icmpLimited, 10);
    await assert.rejects(
      Promise.all([host.ping('224.0.0.251', { timeout: 5 }), net.advance(5)]),
      { code: 'ERR_ETHERCONN_TIMEOUT' },
      'not a member',
    );
  });
});

describe('ICMP errors', () => {
  it('say that a port is closed, and reach the connected port once', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const other = net.host(2);
    for (const [version, address] of [
      [4, '10.0.0.2'],
      [6, '2001:db8::2'],
    ] as const) {
      const client = new TestPort(host, { version }).connect(address, 7);
      client.send('x', address, 7);
      await net.settle();
      assert.deepEqual(
        client.user.errors.map(({ code, syscall, errno }) => [code, syscall, errno]),
        [['ECONNREFUSED', 'recvmsg', -111]],
      );
      assert.equal(client.send('y', address, 7), 1, 'it was told once');
      const unconnected = new TestPort(host, { version });
      unconnected.send('x', address, 7);
      await net.settle();
      assert.deepEqual(unconnected.user.errors, []);
    }
    assert.equal(other.stats().noPort, 6);
    assert.equal(other.stats().icmpErrorsSent, 6);
  });

  it('are not sent about broadcasts and groups, and not without limit', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const other = net.host(2);
    await net.settle();
    const client = new TestPort(host);
    client.port.broadcast = true;
    const { relay } = other.stack.state;
    const before = relay.stats().noListener;
    client.send('x', '10.0.0.255', 7);
    client.send('x', '224.0.0.1', 7);
    await net.settle();
    assert.deepEqual(
      [relay.stats().noListener - before, other.stats().notMember, other.stats().icmpErrorsSent],
      [1, 1, 0],
      'the broadcast has not even been offered: the host has no such port',
    );
    for (let i = 0; i < 100; i++) client.send('x', '10.0.0.2', 7);
    await net.settle();
    const { icmpErrorsSent, icmpLimited } = other.stats();
    assert.deepEqual([icmpErrorsSent, icmpLimited], [50, 14], '64 have waited for the next hop');
  });

  it('make paths narrower, for ten minutes, if they are about something of ours', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1, { gateways: ['10.0.0.254', 'fe80::fe'] });
    const relay = net.relay();
    for (const [version, source, destination, mtus] of [
      [4, '10.0.0.1', '192.0.2.1', [1400, 552]],
      [6, '2001:db8::1', '2001:db8:7::1', [1400, 1280]],
    ] as const) {
      const client = new TestPort(host, { version }).bind('');
      const mtu = () => host.stack.output.path(parseIp(destination), 'send').mtu;
      const tooBig = (says: number, sourcePort: number) =>
        version === 4
          ? errorFrame({
              type: Icmpv4Type.DESTINATION_UNREACHABLE,
              code: Icmpv4Unreachable.FRAGMENTATION_NEEDED,
              rest: says,
              source,
              sourcePort,
              destination,
            })
          : errorFrame({ type: Icmpv6Type.PACKET_TOO_BIG, rest: says, source, sourcePort, destination });
      const port = client.port.localPort;
      await inject(net, relay, tooBig(1400, port === 1 ? 2 : 1));
      assert.equal(mtu(), 1500, 'about a port that we do not have');
      await inject(net, relay, tooBig(1400, port));
      assert.equal(mtu(), mtus[0]);
      await inject(net, relay, tooBig(1490, port));
      assert.equal(mtu(), mtus[0], 'not wider again by such a message');
      await inject(net, relay, tooBig(version === 4 ? 68 : 1280, port));
      assert.equal(mtu(), mtus[1]);
      await net.advance(600_000);
      assert.equal(mtu(), 1500);
    }
  });

  it('do not make IPv6 paths narrower than any link is', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1, { gateways: ['fe80::fe'] });
    const client = new TestPort(host, { version: 6 }).bind('');
    const { PACKET_TOO_BIG: type } = Icmpv6Type;
    const about = { source: '2001:db8::1', sourcePort: client.port.localPort, destination: '2001:db8:7::1' };
    for (const rest of [0, 68, 1279]) await inject(net, net.relay(), errorFrame({ type, rest, ...about }));
    assert.equal(host.stack.output.path(parseIp('2001:db8:7::1'), 'send').mtu, 1500);
    assert.equal(host.stats().ignored, 3);
  });

  it('that may pass are told to nobody but pings, those that last to connected ports, as on Linux', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1, { gateways: ['10.0.0.254', 'fe80::fe'] });
    const relay = net.relay();
    const unreachable = { 4: Icmpv4Type.DESTINATION_UNREACHABLE, 6: Icmpv6Type.DESTINATION_UNREACHABLE };
    const exceeded = { 4: Icmpv4Type.TIME_EXCEEDED, 6: Icmpv6Type.TIME_EXCEEDED };
    for (const [version, source, destination, passing, lasting] of [
      [
        4,
        '10.0.0.1',
        '192.0.2.1',
        [0, 1, 5, 11, 12],
        { 2: 'ENOPROTOOPT', 3: 'ECONNREFUSED', 13: 'EHOSTUNREACH' },
      ],
      [
        6,
        '2001:db8::1',
        '2001:db8:7::1',
        [0, 2, 3],
        { 1: 'EACCES', 4: 'ECONNREFUSED', 5: 'EACCES', 6: 'EACCES' },
      ],
    ] as const) {
      const client = new TestPort(host, { version }).connect(destination, 7);
      const about = { source, sourcePort: client.port.localPort, destination };
      const ignored = host.stats().ignored;
      for (const code of passing)
        await inject(net, relay, errorFrame({ type: unreachable[version], code, ...about }));
      await inject(net, relay, errorFrame({ type: exceeded[version], ...about }));
      assert.deepEqual([client.user.errors, host.stats().ignored - ignored], [[], passing.length + 1]);
      for (const code of Object.keys(lasting))
        await inject(net, relay, errorFrame({ type: unreachable[version], code: Number(code), ...about }));
      const problem = version === 4 ? Icmpv4Type.PARAMETER_PROBLEM : Icmpv6Type.PARAMETER_PROBLEM;
      await inject(net, relay, errorFrame({ type: problem, ...about }));
      assert.deepEqual(
        client.user.errors.map(({ code }) => code),
        [...Object.values(lasting), 'EPROTO'],
      );
    }
  });

  it('say the MTU by the plateaus of RFC 1191 when the router does not', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1, { gateway: '10.0.0.254' });
    const client = new TestPort(host).bind('');
    const { DESTINATION_UNREACHABLE: type } = Icmpv4Type;
    const code = Icmpv4Unreachable.FRAGMENTATION_NEEDED;
    const about = { source: '10.0.0.1', sourcePort: client.port.localPort, destination: '192.0.2.1' };
    await inject(net, net.relay(), errorFrame({ type, code, ...about }));
    assert.equal(host.stack.output.path(parseIp('192.0.2.1'), 'send').mtu, 1006);
  });

  it('about nothing of ours are ignored', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const client = new TestPort(host).connect('10.0.0.2', 7);
    const type = Icmpv4Type.DESTINATION_UNREACHABLE;
    const relay = net.relay();
    const sourcePort = client.port.localPort;
    for (const about of [
      { source: '10.0.0.1', sourcePort, destination: '10.0.0.3' },
      { source: '10.0.0.1', sourcePort, destination: '10.0.0.2', destinationPort: 8 },
      { source: '10.0.0.1', sourcePort: sourcePort - 1, destination: '10.0.0.2' },
    ]) {
      await inject(net, relay, errorFrame({ type, code: 3, ...about }));
    }
    assert.deepEqual(client.user.errors, []);
    await inject(
      net,
      relay,
      errorFrame({ type, code: 3, source: '10.0.0.1', sourcePort, destination: '10.0.0.2' }),
    );
    assert.equal(client.user.errors.length, 1);
  });

  it('is taken by the send that comes first', async (t) => {
    const net = new HostNetwork(t);
    const client = new TestPort(net.host(1)).connect('10.0.0.3', 7);
    const destination = client.port.destination(parseIp('10.0.0.3'), 7, '');
    destination.trySend(Buffer.from('x'), 0, 1);
    // The error is noted with what comes in, and told a tick later: between the two nobody else runs, so it is made here.
    (client.port as HostUdpPort).fail(hostError('ECONNREFUSED', 'recvmsg', 'the port is closed'));
    assert.throws(() => destination.trySend(Buffer.from('x'), 0, 1), {
      code: 'ECONNREFUSED',
      syscall: 'send',
    });
    await net.settle();
    assert.deepEqual(client.user.errors, []);
  });
});
