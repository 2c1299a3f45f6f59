import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HostNetwork, TestPort } from '../../test-support/hosts.ts';
import { formatIp, parseIp } from '../../wire/ip.ts';

const code = (expected: string, syscall: string) => ({ code: expected, syscall });

describe('UDP ports of a host', () => {
  it('carry datagrams both ways, over IPv4 and IPv6', async (t) => {
    const net = new HostNetwork(t);
    const a = net.host(1);
    const b = net.host(2);
    for (const [version, ours, theirs] of [
      [4, '10.0.0.1', '10.0.0.2'],
      [6, '2001:db8::1', '2001:db8::2'],
    ] as const) {
      const server = new TestPort(b, { version, ipv6Only: true }).bind('', 7);
      const client = new TestPort(a, { version });
      assert.equal(client.send('ask', theirs, 7), 1);
      await net.settle();
      const [asked] = server.user.taken;
      assert.deepEqual([asked.data.toString(), asked.from, asked.to], ['ask', ours, theirs]);
      assert.equal(asked.fromPort, client.port.localPort);
      server.send('answer', asked.from, asked.fromPort);
      await net.settle();
      assert.deepEqual(client.user.texts, ['answer']);
    }
  });

  it('carry every size up to the longest, in fragments where need be', async (t) => {
    const net = new HostNetwork(t);
    const a = net.host(1);
    const server = new TestPort(net.host(2), { version: 6 }).bind('', 7);
    const sizes = [0, 1, 1472, 1473, 9000, 65_507];
    for (const [version, address] of [
      [4, '10.0.0.2'],
      [6, '2001:db8::2'],
    ] as const) {
      const client = new TestPort(a, { version });
      server.user.batches.length = 0;
      for (const size of sizes) {
        const payload = Buffer.from(Uint8Array.from({ length: size }, (_, i) => i * 7));
        assert.equal(client.send(payload, address, 7), 1);
        await net.settle();
        assert.ok(server.user.taken.at(-1)?.data.equals(payload), `${size} bytes over IPv${version}`);
      }
      assert.equal(server.user.taken.length, sizes.length);
    }
    const four = new TestPort(a);
    assert.throws(() => four.send(Buffer.alloc(65_508), '10.0.0.2', 7), code('EMSGSIZE', 'send'));
    const six = new TestPort(a, { version: 6 });
    assert.throws(() => six.send(Buffer.alloc(65_528), '2001:db8::2', 7), code('EMSGSIZE', 'send'));
  });

  it('send a part of a payload', async (t) => {
    const net = new HostNetwork(t);
    const server = new TestPort(net.host(2)).bind('', 7);
    const client = new TestPort(net.host(1));
    const destination = client.port.destination(parseIp('10.0.0.2'), 7, '');
    const payload = Buffer.from('0123456789'.repeat(20));
    destination.trySend(payload, 3, 7);
    destination.trySend(payload, 10, 190);
    await net.settle();
    assert.deepEqual(server.user.texts, ['3456', '0123456789'.repeat(18)]);
  });

  it('follow the rules of bind', (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const first = new TestPort(host).bind('', 53);
    assert.throws(() => new TestPort(host).bind('', 53), code('EADDRINUSE', 'bind'));
    assert.throws(() => new TestPort(host).bind('10.0.0.1', 53), code('EADDRINUSE', 'bind'));
    assert.throws(() => new TestPort(host, { version: 6 }).bind('', 53), code('EADDRINUSE', 'bind'));
    new TestPort(host, { version: 6, ipv6Only: true }).bind('', 53);
    assert.throws(() => new TestPort(host).bind('10.0.0.9', 53), code('EADDRNOTAVAIL', 'bind'));
    assert.throws(() => first.bind('', 54), code('EINVAL', 'bind'));
    first.port.close();
    assert.throws(() => first.bind('', 55), code('EBADF', 'bind'));
    new TestPort(host).bind('10.0.0.1', 53);
    new TestPort(host).bind('127.0.0.1', 53);
    new TestPort(host).bind('127.3.3.3', 53);
    assert.throws(() => new TestPort(host).bind('', 53), code('EADDRINUSE', 'bind'));
    // Both have to agree to share.
    new TestPort(host, { reuseAddr: true }).bind('', 5353);
    assert.throws(() => new TestPort(host).bind('', 5353), code('EADDRINUSE', 'bind'));
    assert.throws(() => new TestPort(host, { reusePort: true }).bind('', 5353), code('EADDRINUSE', 'bind'));
    new TestPort(host, { reuseAddr: true }).bind('', 5353);
  });

  it('get free numbers of their own', (t) => {
    const host = new HostNetwork(t).host(1);
    const numbers = new Set(Array.from({ length: 200 }, () => new TestPort(host).bind('').port.localPort));
    assert.equal(numbers.size, 200);
    for (const number of numbers) assert.ok(number >= 32_768 && number <= 60_999);
  });

  it('are chosen by how well they suit', async (t) => {
    const net = new HostNetwork(t);
    const client = new TestPort(net.host(1)).bind('', 1000);
    const other = new TestPort(net.host(3));
    const host = net.host(2);
    const share = { reuseAddr: true };
    const wildcard = new TestPort(host, share).bind('', 7);
    client.send('wildcard', '10.0.0.2', 7);
    await net.settle();
    const specific = new TestPort(host, share).bind('10.0.0.2', 7);
    client.send('specific', '10.0.0.2', 7);
    await net.settle();
    const connected = new TestPort(host, share).bind('10.0.0.2', 7).connect('10.0.0.1', 1000);
    client.send('connected', '10.0.0.2', 7);
    other.send('other', '10.0.0.2', 7);
    await net.settle();
    const newest = new TestPort(host, share).bind('10.0.0.2', 7);
    other.send('newest', '10.0.0.2', 7);
    await net.settle();
    assert.deepEqual(wildcard.user.texts, ['wildcard']);
    assert.deepEqual(specific.user.texts, ['specific', 'other']);
    assert.deepEqual(connected.user.texts, ['connected']);
    assert.deepEqual(newest.user.texts, ['newest']);
  });

  it('share a number by the sender with reusePort', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(2);
    const ports = Array.from({ length: 4 }, () => new TestPort(host, { reusePort: true }).bind('', 7));
    const sender = net.host(1);
    const clients = Array.from({ length: 64 }, () => new TestPort(sender));
    for (let round = 0; round < 2; round++) {
      for (const client of clients) client.send('x', '10.0.0.2', 7);
      await net.settle();
    }
    for (const { user } of ports) {
      assert.ok(user.taken.length > 0, 'each has a part');
      // Who has sent once to a port does so again.
      for (const { fromPort } of user.taken) {
        assert.equal(user.taken.filter((one) => one.fromPort === fromPort).length, 2);
      }
    }
    assert.equal(
      ports.reduce((sum, { user }) => sum + user.taken.length, 0),
      128,
    );
  });

  it('of version 6 are dual stack', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(2);
    const dual = new TestPort(host, { version: 6 }).bind('', 7);
    const client = new TestPort(net.host(1), { version: 6 });
    assert.equal(client.send('mapped', '::ffff:10.0.0.2', 7), 1);
    await net.settle();
    assert.equal(dual.user.taken[0].from, '10.0.0.1');
    client.port.connect(parseIp('::ffff:10.0.0.2'), 7, '');
    assert.equal(formatIp(client.port.localAddress), '::ffff:10.0.0.1');
    client.port.disconnect();
    assert.deepEqual(client.port.localAddress, new Uint8Array(16));
    const only6 = new TestPort(host, { version: 6, ipv6Only: true });
    assert.throws(() => only6.send('x', '::ffff:10.0.0.1', 7), code('ENETUNREACH', 'send'));
    const bound6 = new TestPort(host, { version: 6 }).bind('2001:db8::2');
    assert.throws(() => bound6.send('x', '::ffff:10.0.0.1', 7), code('ENETUNREACH', 'send'));
    assert.throws(() => new TestPort(host).send('x', '2001:db8::1', 7), code('EAFNOSUPPORT', 'send'));
  });

  it('take from their peer only when connected, and give that up', async (t) => {
    const net = new HostNetwork(t);
    const server = new TestPort(net.host(2)).bind('', 7);
    const stranger = new TestPort(net.host(3));
    const client = new TestPort(net.host(1)).connect('10.0.0.2', 7);
    assert.equal(formatIp(client.port.localAddress), '10.0.0.1');
    client.send('hello', '10.0.0.2', 7);
    await net.settle();
    const { fromPort } = server.user.taken[0];
    stranger.send('no', '10.0.0.1', fromPort);
    server.send('yes', '10.0.0.1', fromPort);
    await net.settle();
    assert.deepEqual(client.user.texts, ['yes']);
    client.port.disconnect();
    stranger.send('now', '10.0.0.1', fromPort);
    await net.settle();
    assert.deepEqual(client.user.texts, ['yes', 'now']);
  });

  it('refuse what never works', (t) => {
    const net = new HostNetwork(t);
    const host = net.host(1);
    const port = new TestPort(host);
    assert.throws(() => port.send('x', '192.0.2.1', 7), code('ENETUNREACH', 'send'));
    assert.throws(() => port.connect('192.0.2.1', 7), code('ENETUNREACH', 'connect'));
    assert.throws(() => port.send('x', '10.0.0.2', 0), code('EINVAL', 'send'));
    assert.throws(() => port.send('x', '10.0.0.255', 7), code('EACCES', 'send'));
    assert.throws(() => port.send('x', '255.255.255.255', 7), code('EACCES', 'send'));
    const six = new TestPort(host, { version: 6 });
    for (const zone of ['', 'eth7']) {
      assert.throws(() => six.port.connect(parseIp('fe80::2'), 7, zone), code('EINVAL', 'connect'));
    }
    assert.throws(() => six.port.destination(parseIp('fe80::2'), 7, 'lo'), code('ENETUNREACH', 'send'));
    const bare = net.host(5, { addresses: [] });
    assert.throws(() => new TestPort(bare).send('x', '10.0.0.2', 7), code('ENETUNREACH', 'send'));
    assert.throws(
      () => new TestPort(bare, { version: 6 }).send('x', 'fe80::2', 7),
      code('EADDRNOTAVAIL', 'send'),
    );
    const loopback = new TestPort(host).bind('127.0.0.1');
    assert.throws(() => loopback.send('x', '10.0.0.2', 7), code('EINVAL', 'send'));
  });

  it('keep their destinations good while addresses, ports and TTLs change', async (t) => {
    const net = new HostNetwork(t);
    const server = new TestPort(net.host(2)).bind('', 7);
    const host = net.host(1);
    const client = new TestPort(host);
    const destination = client.port.destination(parseIp('10.0.0.2'), 7, '');
    const send = async () => {
      destination.trySend(Buffer.from('x'), 0, 1);
      await net.settle();
      return server.user.taken.at(-1)!.from;
    };
    assert.equal(await send(), '10.0.0.1');
    host.removeAddress('10.0.0.1');
    assert.throws(() => destination.trySend(Buffer.from('x'), 0, 1), code('ENETUNREACH', 'send'));
    await host.addAddress('10.0.0.77/24');
    assert.equal(await send(), '10.0.0.77');
    client.port.close();
    assert.throws(() => destination.trySend(Buffer.from('x'), 0, 1), code('EBADF', 'send'));
  });
});
