import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { HostNetwork } from '../../test-support/hosts.ts';
import { icmpv6Frame } from '../../test-support/station.ts';
import { type TcpFrame, tcpFrame } from '../../test-support/tcp-frames.ts';
import { TcpServer, tcpConnect } from '../../test-support/tcp-users.ts';
import { emitEthernet } from '../../wire/ethernet.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { parseIp } from '../../wire/ip.ts';
import { parseMac } from '../../wire/mac.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { icmpPacket } from '../icmp/icmp-packet.ts';
import type { TcpCounters } from '../tcp-stats.ts';
import type { Connection } from './connection.ts';

const { SYN, ACK, RST, FIN, PSH } = TcpFlag;

/** Two hosts with a connection between them, and a way to send a segment by hand to the second one. */
async function connected(t: TestContext) {
  const net = new HostNetwork(t);
  const host = net.host(2);
  const [a, b] = [net.host(1).stack.tcp, host.stack.tcp];
  const server = new TcpServer(b, 80);
  const client = tcpConnect(a, '10.0.0.2', 80);
  client.send('first');
  await net.advance(100);
  const relay = net.relay();
  const base = {
    sourceMac: '02:00:00:00:00:01',
    destinationMac: '02:00:00:00:00:02',
    source: '10.0.0.1',
    destination: '10.0.0.2',
    sourcePort: client.socket.localPort,
    destinationPort: 80,
  };
  const inject = async (fields: Partial<TcpFrame> & { flags: number }) => {
    assert.equal(relay.trySendFrame(tcpFrame({ ...base, ...fields })), 1);
    await net.settle();
  };
  const [other] = server.ends;
  return { net, host, b, client, server, other, inject, theirs: other.socket as unknown as Connection };
}

function received(c: TcpCounters): number {
  const { taken, outOfWindow, oldTimestamp, badAcknowledgment, challenged, resets, badResets, syns } = c;
  const known =
    taken + outOfWindow + oldTimestamp + badAcknowledgment + challenged + resets + badResets + syns;
  return known + c.badCookies + c.timeWait + c.noPort + c.full + c.ignored;
}

describe('forged segments (RFC 5961)', () => {
  it('reset a connection only with the very number that is expected', async (t) => {
    const { b, other, inject, theirs } = await connected(t);
    const next = theirs.receiveNext;
    await inject({ flags: RST, sequence: next + 1 });
    await inject({ flags: RST, sequence: next + 1000 });
    assert.equal(b.counters.challenged, 2);
    await inject({ flags: RST, sequence: next - 1 });
    await inject({ flags: RST, sequence: next + 1_000_000 });
    assert.deepEqual([b.counters.badResets, other.events], [2, ['connected']]);
    await inject({ flags: RST, sequence: next });
    assert.deepEqual(other.events, ['connected', 'ECONNRESET']);
  });

  it('with a SYN, or a wrong acknowledgment, do nothing', async (t) => {
    const { net, b, client, other, inject, theirs } = await connected(t);
    const { receiveNext: sequence, unacknowledged } = theirs;
    await inject({ flags: SYN, sequence });
    await inject({ flags: SYN | ACK, sequence, acknowledgment: unacknowledged });
    assert.equal(b.counters.challenged, 2);
    const payload = Buffer.from('evil');
    await inject({ flags: ACK | PSH, sequence, acknowledgment: unacknowledged + 1, payload });
    await inject({ flags: ACK | PSH, sequence, acknowledgment: unacknowledged - 1_000_000, payload });
    assert.equal(b.counters.badAcknowledgment, 2);
    await inject({ flags: PSH, sequence, payload });
    assert.equal(b.counters.ignored, 1);
    client.send(' second', true);
    await net.advance(1000);
    assert.equal(other.text, 'first second');
  });

  it('with an old timestamp are dropped (RFC 7323)', async (t) => {
    const { b, other, inject, theirs } = await connected(t);
    const old = Buffer.from('0101080a0000000000000000', 'hex');
    old.writeInt32BE((theirs.recentTimestamp - 1) | 0, 4);
    const { receiveNext: sequence, unacknowledged: acknowledgment } = theirs;
    await inject({ flags: ACK, sequence, acknowledgment, options: old, payload: Buffer.from('evil') });
    assert.deepEqual([b.counters.oldTimestamp, other.text], [1, 'first']);
  });
});

describe('a flood of SYNs', () => {
  it('is answered, and neither makes connections nor disturbs those that are there', async (t) => {
    const { net, b, client, other, inject } = await connected(t);
    for (let i = 1; i <= 1000; i++) await inject({ flags: SYN, sequence: 77 * i, sourcePort: i });
    assert.deepEqual([b.counters.syns, b.size], [1001, 1]);
    await inject({ flags: ACK, sequence: 78, acknowledgment: 12_345, sourcePort: 2 });
    assert.deepEqual([b.counters.badCookies, b.size], [1, 1]);
    client.send(' second', true);
    await net.advance(1000);
    assert.equal(other.text, 'first second');
  });
});

describe('a message that a packet is too big', () => {
  it('makes segments shorter, at once, if it quotes one that is under way', async (t) => {
    const { net, client, server } = await connected(t);
    const c = client.socket as unknown as Connection;
    const long = c.segmentSize;
    net.network.impair({ loss: 1 });
    client.send(new Uint8Array(5000), true);
    await net.settle();
    net.network.impair({ loss: 0 });
    const quoted = tcpFrame({
      ...{ sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02' },
      ...{ source: '10.0.0.1', destination: '10.0.0.2', destinationPort: 80 },
      ...{ sourcePort: client.socket.localPort, sequence: c.unacknowledged, flags: ACK },
    }).subarray(14);
    const path = { kind: 0, destination: parseIp('10.0.0.1'), source: parseIp('10.0.0.2'), nextHop: null };
    const rest = 1000;
    const packet = icmpPacket(
      { ...path, mac: null, mtu: 1500 },
      path.source,
      3,
      4,
      rest,
      quoted,
      0,
      quoted.length,
    );
    const frame = new Uint8Array(14 + packet.length);
    emitEthernet(frame, 0, {
      destination: parseMac('02:00:00:00:00:01'),
      // A router's.
      source: parseMac('02:00:00:00:00:fe'),
      etherType: EtherType.IPV4,
    });
    frame.set(packet, 14);
    const relay = net.relay();
    assert.equal(relay.trySendFrame(frame), 1);
    await net.settle();
    assert.equal(long - c.segmentSize, 500);
    await net.advance(50);
    assert.equal(server.ends[0].data.length, 5005);
    assert.equal(c.timeouts, 0);
  });
});

describe('a message that an IPv6 packet is too big', () => {
  it('narrows the path for the number that is under way, and for no other', async (t) => {
    const net = new HostNetwork(t);
    const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
    const server = new TcpServer(b, 80);
    const client = tcpConnect(a, '2001:db8::2', 80);
    await net.advance(100);
    const c = client.socket as unknown as Connection;
    const long = c.segmentSize;
    net.network.impair({ loss: 1 });
    client.send(new Uint8Array(5000), true);
    await net.settle();
    net.network.impair({ loss: 0 });
    const relay = net.relay();
    const tooBig = async (sequence: number, mtu: number) => {
      const quoted = tcpFrame({
        ...{ sourceMac: '02:00:00:00:00:01', destinationMac: '02:00:00:00:00:02' },
        ...{ source: '2001:db8::1', destination: '2001:db8::2', destinationPort: 80 },
        ...{ sourcePort: client.socket.localPort, sequence: sequence >>> 0, flags: ACK },
      }).subarray(14);
      const frame = icmpv6Frame({
        ...{ sourceMac: '02:00:00:00:00:fe', destinationMac: '02:00:00:00:00:01' },
        ...{ source: '2001:db8::fe', destination: '2001:db8::1', hopLimit: 64 },
        message: `02 00 0000 ${mtu.toString(16).padStart(8, '0')} ${Buffer.from(quoted).toString('hex')}`,
      });
      assert.equal(relay.trySendFrame(frame), 1);
      await net.settle();
    };
    await tooBig(c.unacknowledged - 1, 1400);
    await tooBig(c.sentEnd, 1400);
    await tooBig(c.unacknowledged, 1000);
    assert.equal(c.segmentSize, long);
    await tooBig(c.unacknowledged, 1400);
    assert.equal(long - c.segmentSize, 100);
    await net.advance(50);
    assert.deepEqual([server.ends[0].data.length, c.timeouts], [5000, 0]);
  });
});

describe('a closed port', () => {
  it('answers with resets, of which there are not too many', async (t) => {
    const { b, inject } = await connected(t);
    for (let i = 0; i < 150; i++) await inject({ flags: SYN, destinationPort: 81, sequence: i });
    assert.deepEqual([b.counters.noPort, b.counters.resetsSent, b.counters.resetsLimited], [150, 100, 50]);
    await inject({ flags: RST, destinationPort: 81 });
    assert.deepEqual([b.counters.noPort, b.counters.badResets], [150, 1]);
  });
});

describe('any segments', () => {
  it('are each accounted for, and no more is kept of them than the limit', async () => {
    const near = fc.oneof(fc.integer({ min: -70_000, max: 70_000 }), fc.integer());
    const one = fc.record({
      flags: fc.oneof(fc.nat(255), fc.constantFrom(ACK, ACK | FIN, ACK | PSH, SYN)),
      ahead: near,
      acknowledged: near,
      window: fc.nat(0xffff),
      payload: fc.uint8Array({ maxLength: 30 }),
      options: fc.nat(5).chain((n) => fc.uint8Array({ minLength: 4 * n, maxLength: 4 * n })),
      destinationPort: fc.constantFrom(80, 80, 80, 81),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(one, { maxLength: 40 }), async (all) => {
        const closers: (() => unknown)[] = [];
        const { net, host, b, inject, theirs } = await connected({
          after: (f: () => unknown) => closers.push(f),
        } as never);
        try {
          for (const { ahead, acknowledged, ...rest } of all) {
            const sequence = theirs.receiveNext + ahead;
            await inject({ ...rest, sequence, acknowledgment: theirs.unacknowledged + acknowledged });
            assert.equal(received(b.counters), host.stats().tcp);
          }
          await net.advance(300_000);
          assert.equal(received(b.counters), host.stats().tcp);
          assert.ok(theirs.received.length <= theirs.received.limit);
        } finally {
          for (const close of closers) await close();
        }
      }),
      { numRuns: 60 },
    );
  });
});
