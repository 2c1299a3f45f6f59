import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { HostNetwork } from '../../test-support/hosts.ts';
import { TcpPeer } from '../../test-support/tcp-peer.ts';
import { type TcpEnd, TcpServer, tcpConnect } from '../../test-support/tcp-users.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { sequenceAdd } from '../../wire/tcp-sequence.ts';
import { Connections } from './connections.ts';
import { TimeWait } from './time-wait.ts';

/** What happens at the limits, and that nothing is left of connections that have ended. */

const { SYN, ACK, RST, FIN, PSH } = TcpFlag;
const ISS = 0x7ffffff0;

describe('as many connections as there can be', () => {
  for (const of of ['host', 'relay'] as const) {
    it(`of a ${of} let no more begin, in either direction, until one has ended`, async (t) => {
      const net = new HostNetwork(t);
      const relay = net.relay();
      const { Host } = await import('../host.ts');
      const host = Host.createNow(relay, {
        ...{ mac: '02:00:00:00:00:02', addresses: ['10.0.0.2/24'], detectDuplicates: 'off' },
      });
      const { tcp } = host.stack;
      const full: { size: number } = of === 'host' ? tcp : Connections.of(relay);
      const server = new TcpServer(tcp, 80);
      const other = net.host(3).stack.tcp;
      // Without so many sockets, which would take long.
      const more = of === 'host' ? 65_536 : 1 << 20;
      full.size += more;
      assert.throws(() => tcpConnect(tcp, '10.0.0.3', 80), { code: 'ENOBUFS', syscall: 'connect' });
      const client = tcpConnect(other, '10.0.0.2', 80);
      await net.advance(100);
      assert.deepEqual([server.ends.length, tcp.counters.full], [0, 1]);
      full.size -= more;
      // The answer to the SYN, or what the client says, comes again.
      client.send('hello');
      await net.advance(5000);
      assert.deepEqual([server.ends[0].text, full.size], ['hello', 1]);
    });
  }

  it('to one destination use up the ports, of which each other destination has its own', async (t) => {
    const net = new HostNetwork(t);
    const { tcp } = net.host(1).stack;
    const user = { connected() {}, readable() {}, writable() {}, closed() {}, failed() {} };
    const address = Uint8Array.of(10, 0, 0, 9);
    const sockets = Array.from({ length: 28_232 }, () => tcp.connect(user, { address, port: 80 }));
    assert.equal(new Set(sockets.map(({ localPort }) => localPort)).size, 28_232);
    assert.throws(() => tcp.connect(user, { address, port: 80 }), {
      code: 'EADDRNOTAVAIL',
      syscall: 'connect',
    });
    sockets.push(tcp.connect(user, { address, port: 81 }));
    for (const socket of sockets) socket.abort();
    await net.settle();
    assert.deepEqual([tcp.size, tcp.waiting], [0, 0]);
    tcp.connect(user, { address, port: 80 }).abort();
  });

  it('in TIME-WAIT end the oldest wait for one more', () => {
    const rows = new TimeWait();
    const tuple = (n: number) => Int32Array.of(n, 1, 2, 3);
    for (let n = 0; !rows.isFull; n++) rows.add(tuple(n), n, n, null, 0, n);
    assert.equal(rows.size, 65_536);
    rows.renew(0, 70_000);
    assert.deepEqual([...rows.removeOldest()], [1, 1, 2, 3]);
    assert.ok(!rows.isFull);
    const row = rows.add(Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 5, 6, 7, 8, 80_000);
    assert.deepEqual([rows.sendNext(row), rows.receiveNext(row), rows.timestamp(row)], [5, 6, 7]);
    for (let n = 2; n < 65_536; n++) assert.equal(rows.removeOldest()[0], n);
    assert.deepEqual([rows.removeOldest()[0], rows.removeOldest().length, rows.size], [0, 10, 0]);
    assert.equal(rows.nextEnd, Infinity);
  });
});

/** A connection that the peer has opened to port 80 of the host. */
async function accepted(t: TestContext) {
  const net = new HostNetwork(t);
  const host = net.host(2);
  const peer = await TcpPeer.open(net);
  const server = new TcpServer(host.stack.tcp, 80);
  [peer.port, peer.hostPort] = [5000, 80];
  const [answer] = await peer.send({ flags: SYN, sequence: ISS });
  const own = sequenceAdd(answer.sequence, 1);
  const acknowledge = { flags: ACK, sequence: ISS + 1, acknowledgment: own };
  await peer.send(acknowledge);
  assert.equal(server.ends.length, 1);
  return { net, host, peer, server, own, acknowledge, tcp: host.stack.tcp };
}

describe('a connection that has ended', () => {
  it('is not opened again by the acknowledgment that opened it, when the network repeats it later', async (t) => {
    const { net, peer, server, own, acknowledge, tcp } = await accepted(t);
    await peer.send({ flags: RST, sequence: ISS + 1, acknowledgment: own });
    assert.deepEqual(server.ends[0].events, ['connected', 'ECONNRESET']);
    await net.advance(3000);
    const [refusal] = await peer.send(acknowledge);
    assert.deepEqual([refusal.flags, refusal.sequence], [RST, own]);
    assert.deepEqual([server.ends.length, tcp.size, tcp.counters.badCookies], [1, 0, 1]);
  });

  it('waits a minute, which a reset does not end (RFC 1337), nor another end begin anew', async (t) => {
    const { net, peer, server, own, tcp } = await accepted(t);
    server.ends[0].socket.shutdown();
    await peer.wait(0);
    await peer.send({ flags: FIN | ACK, sequence: ISS + 1, acknowledgment: own + 1 });
    assert.deepEqual([tcp.size, tcp.waiting, server.ends[0].events.at(-1)], [0, 1, 'closed']);
    await peer.send({ flags: RST, sequence: ISS + 2, acknowledgment: own + 1 });
    assert.equal(tcp.waiting, 1);
    await net.advance(40_000);
    // A forged one; and the end itself again, whose acknowledgment was lost.
    await peer.send({ flags: FIN | ACK, sequence: ISS + 70_000, acknowledgment: own + 1 });
    await net.advance(19_000);
    assert.equal(tcp.waiting, 1);
    const [again] = await peer.send({ flags: FIN | ACK, sequence: ISS + 1, acknowledgment: own + 1 });
    assert.deepEqual([again.flags, again.acknowledgment], [ACK, (ISS + 2) | 0]);
    await net.advance(59_000);
    assert.equal(tcp.waiting, 1);
    await net.advance(2000);
    assert.deepEqual([tcp.waiting, tcp.counters.timeWait], [0, 3]);
  });
});

describe('after any segments and any closing', () => {
  it('no connection, no row, no timer is left', async () => {
    const one = fc.record({
      flags: fc.oneof(fc.nat(63), fc.constantFrom(SYN, ACK, ACK | FIN, ACK | PSH, RST | ACK)),
      ahead: fc.integer({ min: -3, max: 40 }),
      acknowledged: fc.integer({ min: -3, max: 40 }),
      window: fc.constantFrom(0, 1, 100, 0xffff),
      payload: fc.uint8Array({ maxLength: 20 }),
      from: fc.nat(2),
      wait: fc.constantFrom(0, 0, 0, 100, 30_000),
      does: fc.constantFrom('nothing', 'write', 'shutdown', 'close', 'abort'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(one, { maxLength: 40 }), async (all) => {
        const closers: (() => unknown)[] = [];
        const context = { after: (close: () => unknown) => closers.push(close) };
        const net = new HostNetwork(context as never);
        try {
          const host = net.host(2);
          const { tcp } = host.stack;
          const peer = await TcpPeer.open(net);
          peer.hostPort = 80;
          const server = new TcpServer(tcp, 80);
          const own = new Map<number, number>();
          const sent = new Map<number, number>();
          for (const { ahead, acknowledged, from, wait, does, ...rest } of all) {
            peer.port = 5000 + from;
            const next = sent.get(from) ?? ISS;
            const seen = await peer.send({
              ...rest,
              sequence: next + (rest.flags === SYN ? 0 : ahead % 4),
              acknowledgment: (own.get(from) ?? 0) + (acknowledged % 4),
            });
            if (rest.flags === SYN) sent.set(from, next + 1);
            for (const { sequence, length } of seen)
              own.set(from, sequenceAdd(sequence, Math.max(1, length)));
            const end: TcpEnd | undefined = server.ends.at(-1);
            if (does === 'write') end?.socket.write(Buffer.from('something'));
            else if (does !== 'nothing') end?.socket[does]();
            if (wait > 0) await peer.wait(wait);
          }
          for (const { socket } of server.ends) socket.close();
          // The peer is silent from now on.
          await net.advance(3_600_000);
          assert.deepEqual([tcp.size, tcp.waiting, host.stats().segments.connections], [0, 0, 0]);
          server.listening.close();
          await host.close();
        } finally {
          for (const close of closers) await close();
        }
        assert.equal(net.network.virtualClock.pendingTimers, 0);
      }),
      { numRuns: 40 },
    );
  });
});
