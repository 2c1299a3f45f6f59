import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrameTap } from '../../test-support/frame-tap.ts';
import { hex } from '../../test-support/frames.ts';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { ip6 } from '../../test-support/probe-station.ts';
import { parseIp } from '../../wire/ip.ts';

const GROUP = Uint8Array.of(239, 1, 2, 3);

describe('a host to itself', () => {
  it('by loopback and own addresses, and never on the wire', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    await net.advance(5000);
    const before = host.stack.state.relay.stats().sent;
    const server = new TestPort(host, { version: 6 }).bind('', 7);
    for (const [version, address, from] of [
      [4, '127.0.0.1', '127.0.0.1'],
      [4, '127.9.9.9', '127.0.0.1'],
      [4, '0.0.0.0', '127.0.0.1'],
      [4, '10.0.0.1', '10.0.0.1'],
      [6, '::1', '::1'],
      [6, '::', '::1'],
      [6, '2001:db8::1', '2001:db8::1'],
    ] as const) {
      const client = new TestPort(host, { version });
      assert.equal(client.send(address, address, 7), 1);
      assert.equal(server.user.texts.includes(address), false, 'not within the send');
      await net.settle();
      const { data, from: source } = server.user.taken.at(-1)!;
      assert.deepEqual([data.toString(), source], [address, from]);
    }
    assert.equal(host.stats().sentLocally, 7);
    assert.equal(host.stack.state.relay.stats().sent, before);
  });

  it('with the longest datagrams, unfragmented', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    for (const [version, address, size] of [
      [4, '127.0.0.1', 65_507],
      [6, '::1', 65_527],
    ] as const) {
      const server = new TestPort(host, { version }).bind('', 7);
      new TestPort(host, { version }).send(Buffer.alloc(size, 5), address, 7);
      await net.settle();
      assert.ok(server.user.taken[0].data.equals(Buffer.alloc(size, 5)));
      server.port.close();
    }
    assert.equal(host.stats().fragments, 0);
  });

  it('all in one batch, none lost: a writer waits when there is no room', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const server = new TestPort(host).bind('', 7);
    const client = new TestPort(host);
    const destination = client.port.destination(parseIp('127.0.0.1'), 7, '');
    const total = 5000;
    let sent = 0;
    const attempt = () => {
      while (sent < total) {
        if (destination.trySend(Buffer.from(`${sent}`), 0, `${sent}`.length) === 0) return false;
        sent++;
      }
      return true;
    };
    assert.equal(attempt(), false);
    const first = sent;
    client.port.waiting.add({ settled: false, attempt, onSettled: null, reject: () => undefined });
    await net.settle();
    await net.settle();
    assert.equal(sent, total);
    assert.deepEqual(
      server.user.texts,
      Array.from({ length: total }, (_, i) => `${i}`),
    );
    assert.equal(server.user.batches[0].length, first);
  });

  it('refused as by others', async (t) => {
    const net = new HostNetwork(t);
    const client = new TestPort(net.host(1)).connect('127.0.0.1', 7);
    client.send('x', '127.0.0.1', 7);
    await net.settle();
    assert.deepEqual(
      client.user.errors.map(({ code }) => code),
      ['ECONNREFUSED'],
    );
  });
});

describe('groups and broadcasts', () => {
  it('reach members and nobody else, the sender’s own host included', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const remote = new TestPort(net.host(2)).bind('', 7);
    const outsider = new TestPort(net.host(3)).bind('', 7);
    remote.port.join(GROUP, null);
    const strict = { reuseAddr: true, multicastAll: false };
    const member = new TestPort(host, strict).bind('', 7);
    const second = new TestPort(host, strict).bind('', 7);
    const deaf = new TestPort(host, strict).bind('', 7);
    const any = new TestPort(host, { reuseAddr: true }).bind('', 7);
    const onGroup = new TestPort(host, { reuseAddr: true }).bind('239.1.2.3', 7);
    const onOther = new TestPort(host, { reuseAddr: true }).bind('239.1.2.4', 7);
    member.port.join(GROUP, null);
    second.port.join(GROUP, null);
    const client = new TestPort(host);
    client.send('one', '239.1.2.3', 7);
    await net.settle();
    for (const one of [remote, member, second]) assert.deepEqual(one.user.texts, ['one']);
    for (const one of [outsider, deaf, onOther]) assert.deepEqual(one.user.texts, []);
    // As with Linux (IP_MULTICAST_ALL): somebody on this host is a member.
    for (const one of [any, onGroup]) assert.deepEqual(one.user.texts, ['one']);
    client.port.multicastLoopback = false;
    client.send('two', '239.1.2.3', 7);
    member.port.leave(GROUP, null);
    remote.port.leave(GROUP, null);
    await net.settle();
    assert.deepEqual(member.user.texts, ['one']);
    client.port.multicastLoopback = true;
    client.send('three', '239.1.2.3', 7);
    await net.settle();
    assert.deepEqual(remote.user.texts, ['one']);
    assert.deepEqual(second.user.texts, ['one', 'three']);
    second.port.close();
    client.send('four', '239.1.2.3', 7);
    await net.settle();
    assert.deepEqual(second.user.texts, ['one', 'three']);
    for (const one of [any, onGroup]) assert.deepEqual(one.user.texts, ['one', 'three']);
  });

  it('do not leave the host with a TTL of 0', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const here = new TestPort(host).bind('', 7);
    const there = new TestPort(net.host(2)).bind('', 7);
    for (const { port } of [here, there]) port.join(GROUP, null);
    const client = new TestPort(host);
    client.port.multicastTtl = 0;
    client.send('x', '239.1.2.3', 7);
    await net.settle();
    assert.deepEqual([here.user.texts, there.user.texts], [['x'], []]);
  });

  it('of IPv6 that mean the interface, or nothing, neither leave the host nor come in', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const [here, there] = [host, net.host(2)].map((one) => new TestPort(one, { version: 6 }).bind('', 7));
    const tap = new FrameTap(net.relay(), '020000000001');
    const raw = net.relay();
    const groups = ['ff01::5', 'ff00::5'];
    for (const group of groups) for (const { port } of [here, there]) port.join(parseIp(group), null);
    for (const group of groups) new TestPort(host, { version: 6 }).send(group, group, 7);
    await net.settle();
    const out = tap.take('86dd').filter((frame) => frame.slice(40, 42) === '11');
    assert.deepEqual([here.user.texts, there.user.texts, out], [groups, [], []]);
    const before = host.stats().martian;
    for (const group of ['ff010000000000000000000000000005', 'ff010000000000000000000000000001']) {
      const packet = ip6('11', '0bb80007 000a 0000 7878', group);
      raw.trySendFrame(Buffer.concat([hex('333300000005 020000000003 86dd'), packet]));
    }
    await net.settle();
    assert.deepEqual([here.user.texts, host.stats().martian - before], [groups, 2]);
  });

  it('hear chosen sources only, when asked for', async (t) => {
    const net = new HostNetwork(t);
    const receiver = new TestPort(net.host(1)).bind('', 7);
    const wanted = new TestPort(net.host(2));
    const unwanted = new TestPort(net.host(3));
    receiver.port.join(GROUP, parseIp('10.0.0.2'));
    for (const sender of [wanted, unwanted]) sender.send(sender === wanted ? 'yes' : 'no', '239.1.2.3', 7);
    await net.settle();
    assert.deepEqual(receiver.user.texts, ['yes']);
    assert.throws(() => receiver.port.join(GROUP, parseIp('10.0.0.2')), { code: 'EADDRNOTAVAIL' });
    assert.throws(() => receiver.port.join(GROUP, null), { code: 'EADDRINUSE' });
    assert.throws(() => receiver.port.leave(GROUP, parseIp('10.0.0.9')), { code: 'EADDRNOTAVAIL' });
    receiver.port.leave(GROUP, null);
    assert.throws(() => receiver.port.leave(GROUP, null), {
      code: 'EADDRNOTAVAIL',
      syscall: 'dropMembership',
    });
    assert.throws(() => receiver.port.join(parseIp('10.0.0.7'), null), { code: 'EINVAL' });
  });

  it('of IPv6, with a scope', async (t) => {
    const net = new HostNetwork(t);
    const receiver = new TestPort(net.host(2), { version: 6 }).bind('', 7);
    receiver.port.join(parseIp('ff02::1234'), null);
    const client = new TestPort(net.host(1), { version: 6 });
    client.send('x', 'ff02::1234', 7);
    await net.settle();
    assert.equal(receiver.user.taken[0].from, 'fe80::ff:fe00:1');
  });

  it('broadcasts reach every port, here too', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const ports = [new TestPort(host), new TestPort(net.host(2)), new TestPort(net.host(3))];
    for (const port of ports) port.bind('', 7);
    const bound = new TestPort(net.host(4)).bind('10.0.0.4', 7);
    const client = new TestPort(host);
    client.port.broadcast = true;
    for (const address of ['255.255.255.255', '10.0.0.255']) client.send(address, address, 7);
    await net.settle();
    for (const { user } of ports) assert.deepEqual(user.texts, ['255.255.255.255', '10.0.0.255']);
    assert.deepEqual(bound.user.texts, []);
  });

  it('longer than a packet go out in fragments and reach the own host whole', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const ports = [new TestPort(host), new TestPort(net.host(2))];
    for (const one of ports) {
      one.bind('', 7);
      one.port.join(GROUP, null);
    }
    new TestPort(host).send(Buffer.alloc(9000, 3), '239.1.2.3', 7);
    await net.settle();
    for (const { user } of ports) assert.ok(user.taken[0].data.equals(Buffer.alloc(9000, 3)));
  });

  it('can be sent without an address, as a DHCP client does', async (t) => {
    const net = new HostNetwork(t);
    const bare = net.host(9, { addresses: [] });
    const server = new TestPort(net.host(2)).bind('', 67);
    const client = new TestPort(bare).bind('', 68);
    client.port.broadcast = true;
    client.send('discover', '255.255.255.255', 67);
    await net.settle();
    assert.deepEqual([server.user.texts, server.user.taken[0].from], [['discover'], '0.0.0.0']);
  });
});
