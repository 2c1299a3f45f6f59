import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HostNetwork } from '../../test-support/hosts.ts';
import { type TcpEnd, TcpServer, tcpConnect } from '../../test-support/tcp-users.ts';
import { SequenceSecrets } from './isn.ts';

function pattern(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 13));
}

function digest(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

const IPS = ['10.0.0.2', '2001:db8::2'];

describe('a connection between hosts', () => {
  for (const address of IPS) {
    it(`opens, carries data both ways and closes, over ${address}`, async (t) => {
      const net = new HostNetwork(t, { impair: { delay: 5 } });
      const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
      const server = new TcpServer(b, 80);
      server.prepare = (end) => {
        end.echo = true;
      };
      const client = tcpConnect(a, address, 80);
      client.send('hello');
      await net.advance(1000);
      assert.equal(client.text, 'hello');
      client.send(' again', true);
      await net.advance(1000);
      assert.equal(client.text, 'hello again');
      assert.deepEqual(client.events, ['connected', 'ended', 'closed']);
      assert.deepEqual(server.ends[0].events, ['connected', 'ended', 'closed']);
      // The side that has ended first waits.
      assert.deepEqual([a.size, b.size, a.waiting, b.waiting], [0, 0, 1, 0]);
      assert.deepEqual([a.counters.retransmitted, b.counters.retransmitted], [0, 0]);
      await net.advance(60_000);
      assert.equal(a.waiting, 0);
    });
  }

  it('sends nothing but what is needed: two segments for a request and its response, seven for all', async (t) => {
    const net = new HostNetwork(t, { impair: { delay: 5 } });
    const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
    const server = new TcpServer(b, 80);
    server.prepare = (end) => {
      end.echo = true;
    };
    const client = tcpConnect(a, IPS[0], 80);
    client.connected = () => client.send('request');
    await net.advance(30);
    // SYN and request; the answer to the SYN, and the response, which acknowledges the request.
    assert.deepEqual([client.text, a.counters.sent, b.counters.sent], ['request', 2, 2]);
    client.send('request');
    await net.advance(15);
    assert.deepEqual([a.counters.sent, b.counters.sent], [3, 3]);
    client.send('', true);
    await net.advance(100);
    assert.deepEqual([client.events, a.size, b.size], [['ended', 'closed'], 0, 0]);
    assert.deepEqual([a.counters.sent, b.counters.sent], [5, 4]);
  });

  for (const vlans of [[5], [5, { id: 6, tpid: 0x88a8 }]]) {
    it(`carries data below ${vlans.length} VLAN tags, in segments as long as without`, async (t) => {
      const net = new HostNetwork(t, { impair: { loss: 0.05, delay: 5 } });
      const [a, b] = [1, 2].map((n) => net.host(n, { vlans }).stack.tcp);
      const stranger = net.host(3).stack.tcp;
      for (const address of IPS) {
        const server = new TcpServer(b, 80, address);
        server.prepare = (end) => {
          end.echo = true;
        };
        const client = tcpConnect(a, address, 80);
        client.send(pattern(100_000), true);
        await net.advance(60_000);
        assert.equal(digest(client.data), digest(pattern(100_000)));
        assert.deepEqual(client.events, ['connected', 'ended', 'closed']);
      }
      const lost = tcpConnect(stranger, IPS[0], 80);
      await net.advance(10_000);
      assert.deepEqual(lost.events, ['EHOSTUNREACH']);
    });
  }

  it('works within a host', async (t) => {
    const net = new HostNetwork(t);
    const { tcp } = net.host(1).stack;
    for (const address of ['127.0.0.1', '::1', '10.0.0.1', '2001:db8::1']) {
      const server = new TcpServer(tcp, 80, address);
      const client = tcpConnect(tcp, address, 80);
      client.send(pattern(200_000), true);
      await net.advance(5000);
      assert.equal(digest(server.ends[0].data), digest(pattern(200_000)));
      server.ends[0].send('', true);
      server.listening.close();
      await net.advance(5000);
      assert.deepEqual(client.events, ['connected', 'ended', 'closed']);
    }
    assert.equal(tcp.size, 0);
  });

  it('goes on in one direction when the other has ended', async (t) => {
    const net = new HostNetwork(t, { impair: { delay: 5 } });
    const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
    const server = new TcpServer(b, 80);
    const client = tcpConnect(a, IPS[0], 80);
    client.send('', true);
    await net.advance(500);
    const [other] = server.ends;
    assert.deepEqual(other.events, ['connected', 'ended']);
    other.send(pattern(500_000));
    await net.advance(10_000);
    assert.equal(digest(client.data), digest(pattern(500_000)));
    assert.deepEqual(client.events, ['connected']);
    other.send('', true);
    await net.advance(500);
    assert.deepEqual(client.events, ['connected', 'ended', 'closed']);
  });

  it('opens from both ends at once, and closes from both', async (t) => {
    const net = new HostNetwork(t, { impair: { delay: 20 } });
    const [h1, h2] = [net.host(1), net.host(2)];
    await Promise.all([h1.ping('10.0.0.2'), net.advance(200)]);
    await Promise.all([h2.ping('10.0.0.1'), net.advance(200)]);
    const [a, b] = [h1.stack.tcp, h2.stack.tcp];
    const one = tcpConnect(a, '10.0.0.2', 2222, 1111);
    const two = tcpConnect(b, '10.0.0.1', 1111, 2222);
    await net.advance(300);
    assert.deepEqual([one.events, two.events], [['connected'], ['connected']]);
    one.send('from one', true);
    two.send('from two', true);
    await net.advance(300);
    assert.deepEqual([one.text, two.text], ['from two', 'from one']);
    assert.deepEqual([one.events, two.events], [one.events, one.events]);
    assert.deepEqual(one.events, ['connected', 'ended', 'closed']);
    assert.deepEqual([a.waiting, b.waiting], [1, 1]);
  });

  it('is refused where nobody listens', async (t) => {
    const net = new HostNetwork(t);
    const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
    for (const address of IPS) {
      const client = tcpConnect(a, address, 81);
      await net.advance(100);
      assert.deepEqual(client.events, ['ECONNREFUSED']);
    }
    assert.deepEqual([b.counters.noPort, b.counters.resetsSent, a.counters.resets], [2, 2, 2]);
  });

  it('fails where nobody is: the next hop, or the port', async (t) => {
    const net = new HostNetwork(t);
    const a = net.host(1).stack.tcp;
    const nobody = tcpConnect(a, '10.0.0.9', 80);
    await net.advance(10_000);
    assert.deepEqual(nobody.events, ['EHOSTUNREACH']);
    assert.throws(() => tcpConnect(a, '192.0.2.1', 80), { code: 'ENETUNREACH', syscall: 'connect' });
    assert.equal(a.size, 0);
  });

  it('is reset', async (t) => {
    const net = new HostNetwork(t);
    const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
    const server = new TcpServer(b, 80);
    const client = tcpConnect(a, IPS[0], 80);
    await net.advance(100);
    server.ends[0].socket.abort();
    await net.advance(100);
    assert.deepEqual(client.events, ['connected', 'ECONNRESET']);
    assert.deepEqual(server.ends[0].events, ['connected']);
    assert.deepEqual([a.size, b.size, a.waiting, b.waiting], [0, 0, 0, 0]);
  });

  it('is reset by data for a user who has closed', async (t) => {
    const net = new HostNetwork(t);
    const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
    const server = new TcpServer(b, 80);
    const client = tcpConnect(a, IPS[0], 80);
    await net.advance(100);
    client.socket.close();
    await net.advance(100);
    const [other] = server.ends;
    assert.deepEqual(other.events, ['connected', 'ended']);
    other.send('too late');
    await net.advance(100);
    assert.deepEqual([other.events, client.events], [['connected', 'ended', 'ECONNRESET'], ['connected']]);
    assert.deepEqual([a.size, b.size, a.waiting], [0, 0, 0]);
    // Without more data the other side has a minute to end.
    const silent = tcpConnect(a, IPS[0], 80);
    await net.advance(100);
    silent.socket.close();
    await net.advance(61_000);
    assert.deepEqual([a.size, b.size], [0, 1]);
  });

  it('does not take a full transmit ring for loss', async (t) => {
    const net = new HostNetwork(t, {}, { txSlots: 4 });
    const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
    const server = new TcpServer(b, 80);
    const client = tcpConnect(a, IPS[0], 80);
    const data = pattern(1_000_000);
    client.send(data, true);
    await net.advance(20_000);
    assert.equal(digest(server.ends[0].data), digest(data));
    assert.equal(a.counters.retransmitted, 0);
  });

  it('ends for users of a host that is closed', async (t) => {
    const net = new HostNetwork(t);
    const [host, b] = [net.host(1), net.host(2).stack.tcp];
    const server = new TcpServer(b, 80);
    const own = new TcpServer(host.stack.tcp, 80);
    const client = tcpConnect(host.stack.tcp, IPS[0], 80);
    await net.advance(100);
    await host.close();
    await net.advance(100);
    assert.deepEqual(client.events, ['connected', 'ERR_ETHERCONN_CLOSED']);
    assert.deepEqual(server.ends[0].events, ['connected', 'ECONNRESET']);
    assert.equal(own.errors.length, 1);
  });

  it('holds back a writer whose reader does not read, and goes on when it does', async (t) => {
    const net = new HostNetwork(t, { impair: { delay: 1 } });
    const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
    const server = new TcpServer(b, 80);
    server.prepare = (end) => {
      end.reading = false;
    };
    const client = tcpConnect(a, IPS[1], 80);
    const data = pattern(2_000_000);
    client.send(data, true);
    await net.advance(600_000);
    const [other] = server.ends;
    assert.ok(other.socket.available > 256 * 1024 - 1460 && other.socket.available <= 256 * 1024);
    assert.equal(client.socket.unsent, 256 * 1024);
    other.reading = true;
    other.readable();
    await net.advance(200_000);
    assert.equal(digest(other.data), digest(data));
  });

  it('times out when the other side is gone', async (t) => {
    const net = new HostNetwork(t);
    const [a, host] = [net.host(1).stack.tcp, net.host(2)];
    new TcpServer(host.stack.tcp, 80);
    const idle = tcpConnect(a, IPS[0], 80);
    const busy = tcpConnect(a, IPS[0], 80);
    await net.advance(100);
    net.network.impair({ loss: 1 });
    idle.socket.keepAlive(10_000);
    busy.send('x');
    await net.advance(25_000);
    assert.deepEqual(idle.events, ['connected', 'ETIMEDOUT']);
    assert.deepEqual(busy.events, ['connected']);
    await net.advance(2_000_000);
    assert.deepEqual(busy.events, ['connected', 'ETIMEDOUT']);
  });
});

/** A transfer in both directions over a bad network; what was read, and whether it ended well. */
async function transfer(
  net: HostNetwork,
  sizes: readonly [number, number],
  limit: number,
): Promise<[TcpEnd, TcpEnd]> {
  const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
  const [there, back] = [pattern(sizes[0]), pattern(sizes[1]).reverse()];
  const server = new TcpServer(b, 80);
  server.prepare = (end) => end.send(back, true);
  const client = tcpConnect(a, IPS[sizes[0] % 2], 80);
  client.send(there, true);
  const clock = net.network.virtualClock;
  await clock.runUntil(() => {
    const other = server.ends[0];
    const read = [other?.data ?? Buffer.alloc(0), client.data];
    // Always a prefix of what was written.
    assert.ok(read[0].equals(there.subarray(0, read[0].length)));
    assert.ok(read[1].equals(back.subarray(0, read[1].length)));
    const isNobody = client.events[0] === 'EHOSTUNREACH';
    return isNobody || (client.events.length === 3 && other?.events.length === 3);
  }, limit);
  return [client, server.ends[0]];
}

describe('over a bad network', () => {
  for (const address of IPS) {
    it(`a megabyte through 5 % loss and a path of 100 ms arrives whole, to ${address}`, async (t) => {
      const net = new HostNetwork(t, {
        impair: { loss: 0.05, delay: 50, reorder: 0.05, duplicate: 0.05, corrupt: 0.01 },
      });
      const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
      const server = new TcpServer(b, 80);
      const client = tcpConnect(a, address, 80);
      const data = pattern(1_048_576);
      client.send(data, true);
      await net.network.virtualClock.runUntil(
        () => server.ends[0]?.events.includes('ended') === true,
        600_000,
      );
      assert.equal(digest(server.ends[0].data), digest(data));
      assert.ok(a.counters.retransmitted > 20);
    });
  }

  it('what is read is a prefix of what was written, and in the end all of it', async () => {
    const faults = fc.record({
      loss: fc.double({ min: 0, max: 0.2, noNaN: true }),
      duplicate: fc.double({ min: 0, max: 0.2, noNaN: true }),
      corrupt: fc.double({ min: 0, max: 0.05, noNaN: true }),
      reorder: fc.double({ min: 0, max: 0.3, noNaN: true }),
      delay: fc.nat(100),
      jitter: fc.nat(30),
    });
    const property = fc.asyncProperty(
      faults,
      fc.nat(60_000),
      fc.nat(60_000),
      fc.nat(1e6),
      async (impair, m, n, seed) => {
        const closers: (() => unknown)[] = [];
        const context = { after: (close: () => unknown) => closers.push(close) };
        const net = new HostNetwork(context as never, {
          impair: { ...impair, jitter: Math.min(impair.jitter, impair.delay) },
          seed,
        });
        try {
          const [client, other] = await transfer(net, [m, n], 3_000_000);
          // Three questions for the next hop may all be lost.
          if (client.events.join() === 'EHOSTUNREACH') return;
          assert.deepEqual([client.data.length, other.data.length], [n, m]);
          assert.deepEqual([client.events, other.events], [client.events, ['connected', 'ended', 'closed']]);
        } finally {
          for (const close of closers) await close();
        }
      },
    );
    await fc.assert(property, { numRuns: 25 });
  });
});

describe('sequence numbers', () => {
  it('go around 2^32 and 2^31 in the middle of a transfer', async (t) => {
    for (const first of [-30_000, 0x7fffffff - 30_000, -1, -2]) {
      t.mock.method(SequenceSecrets.prototype, 'initial', () => first);
      t.mock.method(SequenceSecrets.prototype, 'cookie', () => first);
      t.mock.method(SequenceSecrets.prototype, 'check', () => 1460);
      const net = new HostNetwork(t, { impair: { loss: 0.1, delay: 10, reorder: 0.1 } });
      const [client, other] = await transfer(net, [100_000, 120_001], 600_000);
      assert.deepEqual([client.data.length, other.data.length], [120_001, 100_000]);
      assert.deepEqual([client.events, other.events], [client.events, ['connected', 'ended', 'closed']]);
      t.mock.restoreAll();
    }
  });
});

describe('cookies (RFC 4987)', () => {
  it('are known again for two periods, by their own ends and number only', () => {
    const secrets = new SequenceSecrets();
    const tuple = Int32Array.of(1, 2, 3);
    for (const [mss, told] of [
      [1460, 1460],
      [1459, 1440],
      [100, 216],
      [65_535, 65_495],
    ]) {
      const cookie = secrets.cookie(tuple, 77, mss, 1_000_000);
      assert.equal(secrets.check(tuple, 77, cookie, 1_000_000), told);
      assert.equal(secrets.check(tuple, 77, cookie, 1_000_000 + 64_000), told);
      assert.equal(secrets.check(tuple, 77, cookie, 1_000_000 + 192_000), 0);
      assert.equal(secrets.check(tuple, 77, cookie + 0x1000, 1_000_000), 0);
      assert.equal(secrets.check(Int32Array.of(1, 2, 4), 77, cookie, 1_000_000), 0);
      assert.equal(new SequenceSecrets().check(tuple, 77, cookie, 1_000_000), 0);
    }
  });
});

describe('after the end (TIME-WAIT)', () => {
  it('the same ends may connect anew, and the wait is over after a minute', async (t) => {
    const net = new HostNetwork(t);
    const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
    const server = new TcpServer(b, 80);
    server.prepare = (end) => end.send('bye', true);
    for (const round of [1, 2, 3]) {
      const client = tcpConnect(a, IPS[0], 80, 5555);
      await net.advance(100);
      client.send('', true);
      await net.advance(100);
      assert.deepEqual([client.text, client.events], ['bye', ['connected', 'ended', 'closed']]);
      // The server has ended first, so it waits; the next SYN takes the place of the row.
      assert.deepEqual([a.waiting, b.waiting, server.ends.length], [0, 1, round]);
      await net.advance(1000);
    }
    await net.advance(120_000);
    assert.equal(b.waiting, 0);
  });
});
