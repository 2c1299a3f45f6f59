import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { HostNetwork } from '../../test-support/hosts.ts';
import { quotingFrame } from '../../test-support/icmp-error-frame.ts';
import { tcpFrame } from '../../test-support/tcp-frames.ts';
import { TcpPeer } from '../../test-support/tcp-peer.ts';
import { type TcpEnd, TcpServer, tcpConnect } from '../../test-support/tcp-users.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { sequenceAdd } from '../../wire/tcp-sequence.ts';
import type { Host } from '../host.ts';
import type { Connection } from './connection.ts';

/** What others can do to a connection, on the path or beside it, and what it must not cost. */

const { SYN, ACK, RST, FIN, PSH } = TcpFlag;
/** Of the peer. */
const ISS = 0x7ffffff0;

interface Open {
  readonly net: HostNetwork;
  readonly host: Host;
  readonly peer: TcpPeer;
  readonly end: TcpEnd;
  readonly c: Connection;
  /** First number of the host's data, and of the peer's. */
  readonly own: number;
  readonly next: number;
}

/** A connection that the host has opened to a peer, whose SYN has these options: a maximum segment size of 1000. */
async function open(t: TestContext, options = '020403e8', window = 0xffff): Promise<Open> {
  const net = new HostNetwork(t);
  const host = net.host(2);
  const peer = await TcpPeer.open(net);
  const end = tcpConnect(host.stack.tcp, '10.0.0.1', 80, 5000);
  const [syn] = await peer.wait(0);
  const own = sequenceAdd(syn.sequence, 1);
  const answer = { flags: SYN | ACK, sequence: ISS, acknowledgment: own, window };
  await peer.send({ ...answer, options: Buffer.from(options, 'hex') });
  assert.deepEqual(end.events, ['connected']);
  return { net, host, peer, end, c: end.socket as unknown as Connection, own, next: ISS + 1 };
}

function data(flags: number, sequence: number, acknowledgment: number, text: string) {
  return { flags, sequence, acknowledgment, payload: Buffer.from(text) };
}

describe('two ends that disagree on what was sent, for somebody has spoken in the name of each', () => {
  it('do not answer each other for ever', async (t) => {
    const net = new HostNetwork(t, { impair: { delay: 1 } });
    const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
    const server = new TcpServer(b, 80);
    const client = tcpConnect(a, '10.0.0.2', 80, 5000);
    await net.advance(100);
    const [mine, theirs] = [client.socket, server.ends[0].socket] as unknown as Connection[];
    const relay = net.relay();
    const forge = (n: number, c: Connection) => {
      const from = 3 - n;
      relay.trySendFrame(
        tcpFrame({
          ...{ sourceMac: '02:00:00:00:00:ff', destinationMac: `02:00:00:00:00:0${n}` },
          ...{ source: `10.0.0.${from}`, destination: `10.0.0.${n}` },
          ...{ sourcePort: c.remotePort, destinationPort: c.localPort, flags: ACK | PSH },
          ...{ sequence: c.receiveNext >>> 0, acknowledgment: c.sentEnd >>> 0 },
          payload: Buffer.from('evil'),
        }),
      );
    };
    forge(1, mine);
    forge(2, theirs);
    await net.advance(10_000);
    const { sent } = a.counters;
    assert.ok(sent < 100, `${sent} segments`);
    assert.ok(b.counters.sent < 100);
  });

  it('with both windows full hear what the other acknowledges', async (t) => {
    const { host, peer, end, own, next } = await open(t);
    end.send('data');
    await peer.wait(0);
    // The peer has sent all that it may, and the first of it is lost.
    const edge = next + 256 * 1024;
    await peer.send({ flags: ACK, sequence: edge, acknowledgment: own + 4 });
    assert.deepEqual([end.socket.unsent, host.stats().segments.outOfWindow], [0, 0]);
    await peer.send({ flags: ACK, sequence: edge + 1, acknowledgment: own + 4 });
    assert.equal(host.stats().segments.outOfWindow, 1);
  });
});

describe('who guesses', () => {
  it('cannot count from a connection of his own what is guessed of another (CVE-2016-5696)', async (t) => {
    const { host, peer, own, next } = await open(t);
    const other = tcpConnect(host.stack.tcp, '10.0.0.1', 81, 5001);
    const [syn] = await peer.wait(0);
    [peer.port, peer.hostPort] = [81, 5001];
    await peer.send({ flags: SYN | ACK, sequence: 77, acknowledgment: sequenceAdd(syn.sequence, 1) });
    assert.deepEqual(other.events, ['connected']);
    for (let i = 0; i < 150; i++) peer.post({ flags: RST, sequence: 78 + 100 });
    await peer.wait(0);
    [peer.port, peer.hostPort] = [80, 5000];
    const answers = await peer.send({ flags: RST, sequence: next + 100, acknowledgment: own });
    assert.equal(answers.length, 1);
  });

  it('cannot count from resets to him what was refused to others', async (t) => {
    const net = new HostNetwork(t);
    net.host(2);
    const peer = await TcpPeer.open(net);
    peer.port = 80;
    // From many others, in whose names he asks.
    for (let i = 0; i < 400; i++)
      await peer.send({ flags: SYN | ACK, acknowledgment: 5, source: `10.0.0.${50 + (i % 2)}` });
    const answers = await peer.send({ flags: SYN | ACK, acknowledgment: 5 });
    assert.deepEqual([answers.length, answers[0]?.flags], [1, RST]);
  });
});

describe('a window that opens', () => {
  it('in three steps is no sign of loss, to a peer without SACK', async (t) => {
    const { peer, end, own, next, host } = await open(t, '020403e8', 4000);
    end.send(new Uint8Array(4000));
    assert.equal((await peer.wait(0)).length, 4);
    for (const window of [5000, 6000, 7000, 8000])
      await peer.send({ flags: ACK, sequence: next, acknowledgment: own, window });
    assert.equal(host.stats().segments.retransmitted, 0);
  });

  it('never holds a connection that its user has closed for some quarter of an hour at most', async (t) => {
    const { peer, end, own, next, host } = await open(t);
    await peer.send({ flags: ACK, sequence: next, acknowledgment: own, window: 0 });
    end.send('data');
    end.socket.close();
    const isOpen = () => host.stats().segments.connections === 1;
    let seconds = 0;
    for (; seconds < 2000 && isOpen(); seconds += 1) {
      const probes = await peer.wait(1000);
      if (probes.length > 0) await peer.send({ flags: ACK, sequence: next, acknowledgment: own, window: 0 });
    }
    assert.ok(!isOpen() && seconds > 60);
  });
});

describe('the end of the other side', () => {
  it('is where it was first said to be, and nothing behind it is read', async (t) => {
    const { peer, end, own, next, c } = await open(t);
    await peer.send(data(ACK, next + 20, own, 'far behind'));
    await peer.send(data(ACK | FIN, next + 5, own, 'more!'));
    await peer.send(data(ACK | FIN, next + 2, own, '?'));
    await peer.send(data(ACK, next, own, 'firstMORE! and more'));
    assert.deepEqual(end.events, ['connected', 'ended']);
    assert.match(end.text, /^first(more|MORE)!$/);
    assert.equal(c.received.hasGaps, false);
    const [answer] = await peer.send(data(ACK, next + 11, own, 'evil'));
    assert.deepEqual([answer.acknowledgment, answer.options.sackBlocks], [(next + 11) | 0, 0]);
  });
});

describe('a message that a packet is too big', () => {
  it('quoting eight bytes of the segment, as of old, is understood; and one for each segment has them sent again once', async (t) => {
    const { net, host, peer, end, own, c } = await open(t, '020405b4');
    end.send(new Uint8Array(8 * 1460));
    const flight = await peer.wait(0);
    assert.deepEqual([flight.length, flight[0].length], [8, 1460]);
    const relay = net.relay();
    for (let i = 0; i < 8; i++) {
      const quoted = tcpFrame({
        ...{ sourceMac: '02:00:00:00:00:02', destinationMac: '02:00:00:00:00:01' },
        ...{ source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 5000, destinationPort: 80 },
        ...{ sequence: (own + 1460 * i) >>> 0, flags: ACK },
      }).subarray(14, 14 + 20 + 8);
      relay.trySendFrame(
        quotingFrame(quoted, { type: 3, code: 4, rest: 1000, source: '10.0.0.2', mac: '02:00:00:00:00:02' }),
      );
    }
    const again = await peer.wait(0);
    assert.equal(c.segmentSize, 960);
    assert.equal(
      again.reduce((sum, { length }) => sum + length, 0),
      8 * 1460,
    );
    assert.equal(host.stats().segments.retransmitted, again.length);
  });
});

describe('a peer that takes tiny segments (CVE-2019-11479)', () => {
  it('gets none that have under 88 bytes of options and data', async (t) => {
    for (const [options, least] of [
      ['02040001', 88],
      ['020403e8', 1000],
    ] as const) {
      const { peer, end } = await open(t, options);
      end.send(new Uint8Array(5000));
      const [first] = await peer.wait(0);
      assert.equal(first.length, least);
    }
  });
});

describe('lies about what has come', () => {
  it('do no harm: blocks of no length, inside out, around, outside, and many', async (t) => {
    const { peer, end, own, next, c, host } = await open(t, '020403e801010402');
    end.send(new Uint8Array(10_000));
    assert.equal((await peer.wait(0)).length, 10);
    const lie = async (...edges: number[]) => {
      const options = Buffer.alloc(4 + 4 * edges.length);
      options.set([1, 1, 5, 2 + 4 * edges.length]);
      for (const [i, edge] of edges.entries()) options.writeInt32BE((own + edge) | 0, 4 + 4 * i);
      return peer.send({ flags: ACK, sequence: next, acknowledgment: own, options });
    };
    await lie(500, 500, 900, 100, -1000, 100_000, 9000, 10_001);
    await lie(-2000, -1000, 0x7fffffff, -0x7fffffff);
    assert.equal(c.hasSacked, false);
    for (let i = 1; i < 10_000; i += 2)
      await peer.post({
        flags: ACK,
        sequence: next,
        acknowledgment: own,
        options: block(own + i, own + i + 1),
      });
    await peer.wait(0);
    assert.ok(c.scoreboard.ranges.count <= 256);
    // It has taken back what it said it has (RFC 2018 §8): everything goes again.
    const seen = new Set<number>();
    let have = 0;
    for (let i = 0; i < 120 && have < 10_000; i++) {
      const answer = { flags: ACK, sequence: next, acknowledgment: own + have };
      for (const { sequence, length } of [...(await peer.wait(500)), ...(await peer.send(answer))]) {
        for (let k = 0; k < length; k++) seen.add((sequence + k - own) | 0);
      }
      while (seen.has(have)) have++;
    }
    await peer.send({ flags: ACK, sequence: next, acknowledgment: own + have });
    assert.equal(end.socket.unsent, 0);
    assert.equal(host.stats().segments.connections, 1);
  });
});

function block(start: number, end: number): Uint8Array {
  const option = Buffer.from('0101050a0000000000000000', 'hex');
  option.writeInt32BE(start | 0, 4);
  option.writeInt32BE(end | 0, 8);
  return option;
}

describe('a connection to itself', () => {
  it('opens, carries and ends', async (t) => {
    const net = new HostNetwork(t);
    const { tcp } = net.host(1).stack;
    for (const address of ['10.0.0.1', '127.0.0.1', '::1']) {
      const end = tcpConnect(tcp, address, 4444, 4444);
      await net.advance(10);
      assert.deepEqual(end.events, ['connected'], address);
      end.send('echo', true);
      await net.advance(10);
      assert.deepEqual([end.text, end.events], ['echo', ['connected', 'ended', 'closed']]);
    }
    await net.advance(60_000);
    assert.deepEqual([tcp.size, tcp.waiting], [0, 0]);
  });

  it('or from itself, by a forged segment, is none (LAND)', async (t) => {
    const { host, peer, end, c } = await open(t);
    const { martian } = host.stats();
    const server = new TcpServer(host.stack.tcp, 6000);
    peer.hostPort = 6000;
    peer.port = 6000;
    await peer.send({ flags: SYN, source: '10.0.0.2' });
    await peer.send({ flags: SYN, source: '127.0.0.1' });
    await peer.send({ flags: SYN, source: '224.0.0.1' });
    await peer.send({ flags: SYN, source: '255.255.255.255' });
    await peer.send({ flags: SYN, source: '0.0.0.0' });
    assert.equal(host.stats().martian - martian, 5);
    assert.deepEqual([server.ends.length, end.events, c.state], [0, ['connected'], 3]);
  });
});

describe('a segment in a frame to a group', () => {
  it('is no segment, whatever its IP address', async (t) => {
    const { host, peer } = await open(t);
    const { tcp } = host.stack;
    new TcpServer(tcp, 6000);
    peer.hostPort = 6000;
    for (const destinationMac of ['ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01']) {
      assert.deepEqual(await peer.send({ flags: SYN, destinationMac }), []);
    }
    assert.equal(tcp.counters.syns, 0);
  });
});

describe('calls on a connection that has ended', () => {
  it('do nothing', async (t) => {
    const { net, host, end } = await open(t);
    end.socket.abort();
    end.socket.keepAlive(1000);
    end.socket.noDelay = true;
    end.socket.shutdown();
    end.socket.close();
    assert.equal(end.socket.write(Buffer.from('x')), 0);
    await net.advance(100_000);
    assert.equal(host.stack.tcp.size, 0);
  });

  it('that its user did not take, because it threw, are not needed', async (t) => {
    const net = new HostNetwork(t);
    const [a, b] = [net.host(1).stack.tcp, net.host(2).stack.tcp];
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => uncaught.push(error.message));
    b.listen(
      {
        accept() {
          throw new Error('not today');
        },
        failed() {},
      },
      null,
      80,
    );
    const client = tcpConnect(a, '10.0.0.2', 80);
    await net.advance(100);
    for (const listener of listeners) process.on('uncaughtException', listener);
    assert.deepEqual([uncaught, client.events, b.size], [['not today'], ['connected', 'ECONNRESET'], 0]);
  });
});

describe('an address to connect from', () => {
  it("must be the host's, and of the version of that to connect to", async (t) => {
    const net = new HostNetwork(t);
    const { tcp } = net.host(1).stack;
    const user = { connected() {}, readable() {}, writable() {}, closed() {}, failed() {} };
    const address = Uint8Array.of(10, 0, 0, 2);
    for (const localAddress of [Uint8Array.of(10, 0, 0, 9), new Uint8Array(16)]) {
      assert.throws(() => tcp.connect(user, { address, port: 80, localAddress }), { code: 'EADDRNOTAVAIL' });
    }
    assert.equal(tcp.size, 0);
  });
});
