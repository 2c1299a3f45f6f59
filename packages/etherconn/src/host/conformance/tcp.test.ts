import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { HostNetwork } from '../../test-support/hosts.ts';
import { TcpPeer } from '../../test-support/tcp-peer.ts';
import { TcpEnd, tcpConnect } from '../../test-support/tcp-users.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { sequenceAdd } from '../../wire/tcp-sequence.ts';
import type { TcpSocket } from '../tcp/tcp-user.ts';

/** What docs/conformance.md says of TCP, shown by segments sent and seen by hand. */

const { SYN, ACK, RST, FIN, PSH, URG } = TcpFlag;
/** Of the peer. */
const ISS = 0x7ffffff0;
const SACK_PERMITTED = '01010402';
const MSS_1000 = '020403e8';

interface Open {
  readonly net: HostNetwork;
  readonly peer: TcpPeer;
  readonly end: TcpEnd;
  /** First number of the host's data, and of the peer's. */
  readonly host: number;
  readonly next: number;
}

/** A connection that the host has opened to the peer, whose SYN has these options. */
async function open(t: TestContext, options = MSS_1000): Promise<Open> {
  const net = new HostNetwork(t);
  const host = net.host(2);
  const peer = await TcpPeer.open(net);
  const end = tcpConnect(host.stack.tcp, '10.0.0.1', 80, 5000);
  const [syn] = await peer.wait(0);
  const first = sequenceAdd(syn.sequence, 1);
  const answer = { flags: SYN | ACK, sequence: ISS, acknowledgment: first };
  await peer.send({ ...answer, options: Buffer.from(options, 'hex') });
  assert.deepEqual(end.events, ['connected']);
  return { net, peer, end, host: first, next: ISS + 1 };
}

/** A SACK option of one block. */
function sack(start: number, end: number): Uint8Array {
  const option = Buffer.from('0101050a0000000000000000', 'hex');
  option.writeInt32BE(start | 0, 4);
  option.writeInt32BE(end | 0, 8);
  return option;
}

describe('RFC 9293', () => {
  it('a SYN offers the size that fits the MTU, and is sent again after 1, 3, 7 … seconds', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(2);
    const peer = await TcpPeer.open(net);
    const end = tcpConnect(host.stack.tcp, '10.0.0.1', 80, 5000);
    const [syn] = await peer.wait(0);
    const { mss, windowShift, sackPermitted, hasTimestamps } = syn.options;
    assert.deepEqual([syn.flags, mss, windowShift, sackPermitted, hasTimestamps], [SYN, 1460, 3, true, true]);
    const times: number[] = [];
    for (let second = 1; second <= 130; second++) {
      for (const again of await peer.wait(1000)) {
        assert.equal(again.sequence, syn.sequence);
        times.push(second);
      }
    }
    assert.deepEqual(times.slice(0, 4), [1, 3, 7, 15]);
    assert.deepEqual(end.events, ['ETIMEDOUT']);
  });

  it('segments have as much data as the peer takes, 536 bytes if it does not say', async (t) => {
    for (const [options, size] of [
      ['', 536],
      ['020403e8', 1000],
      ['02042328', 1460],
    ] as const) {
      const { peer, end } = await open(t, options);
      end.send(new Uint8Array(5000));
      const [first] = await peer.wait(0);
      assert.equal(first.length, size);
    }
  });

  it('an acknowledgment of what was never sent is answered with a reset before there is a connection', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(2);
    const peer = await TcpPeer.open(net);
    const end = tcpConnect(host.stack.tcp, '10.0.0.1', 80, 5000);
    const [syn] = await peer.wait(0);
    const wrong = sequenceAdd(syn.sequence, 77);
    const [reset] = await peer.send({ flags: SYN | ACK, sequence: ISS, acknowledgment: wrong });
    assert.deepEqual([reset.flags, reset.sequence], [RST, wrong]);
    await peer.send({ flags: RST, sequence: 0 });
    assert.deepEqual(end.events, []);
  });

  it('small pieces of data wait for the acknowledgment of those before (Nagle), unless told otherwise', async (t) => {
    const { peer, end, host, next } = await open(t);
    end.send('a');
    assert.deepEqual(
      (await peer.wait(0)).map(({ length }) => length),
      [1],
    );
    end.send('b');
    end.send('c');
    assert.deepEqual(await peer.wait(10), []);
    const held = await peer.send({ flags: ACK, sequence: next, acknowledgment: host + 1 });
    assert.deepEqual(
      held.map(({ length }) => length),
      [2],
    );
    end.socket.noDelay = true;
    end.send('d');
    assert.deepEqual(
      (await peer.wait(0)).map(({ length }) => length),
      [1],
    );
  });

  it('data is acknowledged within 40 ms, and of every second full segment at once', async (t) => {
    const { peer, host, next } = await open(t);
    const data = { flags: ACK, acknowledgment: host, payload: new Uint8Array(1000) };
    assert.deepEqual(await peer.send({ ...data, sequence: next }), []);
    const [late] = await peer.wait(41);
    assert.deepEqual([late.flags, late.acknowledgment], [ACK, (next + 1000) | 0]);
    assert.deepEqual(await peer.send({ ...data, sequence: next + 1000 }), []);
    const [second] = await peer.send({ ...data, sequence: next + 2000 });
    assert.equal(second.acknowledgment, (next + 3000) | 0);
    // Behind a gap, and into it.
    const [behind] = await peer.send({ ...data, sequence: next + 4000 });
    assert.equal(behind.acknowledgment, (next + 3000) | 0);
    const [filled] = await peer.send({ ...data, sequence: next + 3000 });
    assert.equal(filled.acknowledgment, (next + 5000) | 0);
  });

  it('a closed window is asked about for ever, with ever longer waits', async (t) => {
    const { peer, end, host, next } = await open(t);
    await peer.send({ flags: ACK, sequence: next, acknowledgment: host, window: 0 });
    end.send('data');
    assert.deepEqual(await peer.wait(100), []);
    const times: number[] = [];
    const closed = { flags: ACK, sequence: next, acknowledgment: host, window: 0 };
    for (let tenth = 1; tenth < 1200; tenth++) {
      const probes = await peer.wait(100);
      for (const probe of probes) {
        assert.deepEqual([probe.sequence, probe.length], [(host - 1) | 0, 0]);
        times.push(tenth);
        await peer.send(closed);
      }
    }
    assert.ok(times.length >= 5 && times.length < 15, `${times}`);
    for (let i = 2; i < times.length; i++) assert.ok(times[i] - times[i - 1] >= times[i - 1] - times[i - 2]);
    const [data] = await peer.send({ ...closed, window: 1000 });
    assert.deepEqual([data.sequence, data.length], [host, 4]);
    assert.deepEqual(end.events, ['connected']);
  });

  it('a window neither shrinks nor opens in crumbs', async (t) => {
    const { peer, end, host, next } = await open(t);
    end.reading = false;
    const data = { flags: ACK | PSH, acknowledgment: host, payload: new Uint8Array(1000) };
    let sequence = next;
    let told = 0;
    for (let i = 0; i < 270; i++) {
      for (const { acknowledgment, window } of await peer.send({ ...data, sequence })) {
        assert.ok(((acknowledgment + window - told) | 0) >= 0 || told === 0);
        told = (acknowledgment + window) | 0;
      }
      sequence += 1000;
    }
    await peer.wait(50);
    const closed = (told - ISS) | 0;
    end.socket.read(new Uint8Array(500));
    assert.deepEqual(await peer.wait(100), []);
    end.socket.read(new Uint8Array(20_000));
    const [update] = await peer.wait(100);
    assert.ok(((update.acknowledgment + update.window - ISS) | 0) >= closed + 1000);
  });

  it('urgent data is data', async (t) => {
    const { peer, end, host, next } = await open(t);
    const urgent = data(ACK | URG | PSH, next, host, 'urgent');
    await peer.send(urgent);
    assert.equal(end.text, 'urgent');
  });

  it('data and an end that come in the wrong order are one stream', async (t) => {
    const { peer, end, host, next } = await open(t);
    await peer.send(data(ACK | FIN, next + 10, host, 'late'));
    await peer.send(data(ACK, next + 5, host, 'more '));
    assert.deepEqual([end.text, end.events], ['', ['connected']]);
    await peer.send(data(ACK, next, host, 'first'));
    assert.deepEqual([end.text, end.events], ['firstmore late', ['connected', 'ended']]);
  });
});

function data(flags: number, sequence: number, acknowledgment: number, text: string) {
  return { flags, sequence, acknowledgment, payload: Buffer.from(text) };
}

describe('RFC 1122', () => {
  it('a silent peer is probed once keepalive is on, and one that does not answer is given up', async (t) => {
    const { peer, end, host, next } = await open(t);
    end.socket.keepAlive(10_000);
    assert.deepEqual(await peer.wait(9_000), []);
    const [probe] = await peer.wait(1_500);
    assert.deepEqual([probe.sequence, probe.length, probe.flags], [(host - 1) | 0, 0, ACK]);
    await peer.send({ flags: ACK, sequence: next, acknowledgment: host });
    assert.deepEqual(await peer.wait(9_000), []);
    const rest = await peer.wait(20_000);
    assert.equal(rest.filter(({ flags }) => flags === ACK).length, 10);
    assert.equal(rest.filter(({ flags }) => (flags & RST) !== 0).length, 1);
    assert.deepEqual(end.events, ['connected', 'ETIMEDOUT']);
  });
});

describe('RFC 5961', () => {
  it('of forged resets and SYNs a hundred at once are answered, and then 200 a second', async (t) => {
    const { peer, host, next } = await open(t);
    let answers = 0;
    for (let i = 0; i < 150; i++) {
      const flags = i % 2 === 0 ? RST : SYN;
      answers += (await peer.send({ flags, sequence: next + 100, acknowledgment: host })).length;
    }
    assert.equal(answers, 100);
    await peer.wait(100);
    for (let i = 0; i < 50; i++) answers += (await peer.send({ flags: RST, sequence: next + 100 })).length;
    assert.equal(answers, 120);
  });
});

describe('RFC 6528', () => {
  it('first numbers and timestamps of connections tell nothing of each other; those of the same ends grow', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(2);
    const peer = await TcpPeer.open(net);
    const connect = async (localPort: number) => {
      const end = tcpConnect(host.stack.tcp, '10.0.0.1', 80, localPort);
      const [syn] = await peer.wait(0);
      end.socket.abort();
      return syn;
    };
    const [a, b] = [await connect(5000), await connect(5001)];
    // That two numbers of 32 bits are close by chance happens once in a million times.
    assert.ok(Math.abs((a.sequence - b.sequence) | 0) > 1000);
    assert.ok(Math.abs((a.options.timestamp - b.options.timestamp) | 0) > 1000);
    await peer.wait(100);
    const later = await connect(5000);
    assert.equal((later.sequence - a.sequence) | 0, 100 * 250);
    assert.equal((later.options.timestamp - a.options.timestamp) | 0, 100);
  });
});

describe('RFC 5681', () => {
  it('each of two duplicates lets a new segment go (RFC 3042), and the third means loss', async (t) => {
    const { peer, end, host, next } = await open(t);
    end.send(new Uint8Array(100_000));
    const first = await peer.wait(0);
    assert.equal(first.length, 10);
    const duplicate = { flags: ACK, sequence: next, acknowledgment: host };
    for (const i of [0, 1]) {
      const [fresh, ...more] = await peer.send(duplicate);
      assert.deepEqual([fresh.sequence, more.length], [(host + 10_000 + 1000 * i) | 0, 0]);
    }
    const [again] = await peer.send(duplicate);
    assert.deepEqual([again.sequence, again.length], [host, 1000]);
  });

  it('the first flight is of ten segments (RFC 6928), and a timeout leaves one, sent again ever later (RFC 6298)', async (t) => {
    const { peer, end, host } = await open(t);
    end.send(new Uint8Array(100_000));
    assert.equal((await peer.wait(0)).length, 10);
    const times: number[] = [];
    for (let tenth = 1; tenth <= 100; tenth++) {
      for (const { sequence } of await peer.wait(100)) {
        assert.equal(sequence, host);
        times.push(tenth);
      }
    }
    for (let i = 2; i < times.length; i++) {
      const ratio = (times[i] - times[i - 1]) / (times[i - 1] - times[i - 2]);
      assert.ok(ratio > 1.6 && ratio < 2.4, `${times}`);
    }
    assert.ok(times.length >= 3);
  });
});

describe('RFC 6675', () => {
  it('what is missing before what has come is sent again, each once', async (t) => {
    const { peer, end, host, next } = await open(t, MSS_1000 + SACK_PERMITTED);
    end.send(new Uint8Array(10_000));
    assert.equal((await peer.wait(0)).length, 10);
    // 0 and 1 are missing, 2 to 8 come.
    const selective = (to: number) => ({
      flags: ACK,
      sequence: next,
      acknowledgment: host,
      options: sack(host + 2000, host + to),
    });
    const seen = [];
    for (const to of [3000, 4000, 5000, 6000, 7000, 8000, 9000])
      seen.push(...(await peer.send(selective(to))));
    const sequences = seen.map(({ sequence }) => (sequence - host) | 0);
    assert.deepEqual(sequences.filter((one) => one < 2000).sort(), [0, 1000]);
  });

  it('without more data, what is missing and not yet known to be lost goes before that, each once', async (t) => {
    const { peer, end, host, next } = await open(t, MSS_1000 + SACK_PERMITTED);
    end.send(new Uint8Array(10_000));
    await peer.wait(0);
    const seen = [];
    // 0 is lost; behind 6 only one segment has come.
    for (const [from, to] of [
      [1, 2],
      [1, 3],
      [1, 4],
      [1, 5],
      [1, 6],
      [7, 8],
    ]) {
      const options = sack(host + 1000 * from, host + 1000 * to);
      seen.push(...(await peer.send({ flags: ACK, sequence: next, acknowledgment: host, options })));
    }
    assert.deepEqual(
      seen.map(({ sequence, length }) => [(sequence - host) | 0, length]),
      [
        [0, 1000],
        [6000, 1000],
      ],
    );
  });

  it('without more data, the last segment goes once more during a recovery, in case the tail was lost', async (t) => {
    const { peer, end, host, next } = await open(t, MSS_1000 + SACK_PERMITTED);
    end.send(new Uint8Array(10_000));
    await peer.wait(0);
    const seen = [];
    for (const to of [2000, 3000, 4000, 5000, 6000, 7000, 8000]) {
      const options = sack(host + 1000, host + to);
      seen.push(...(await peer.send({ flags: ACK, sequence: next, acknowledgment: host, options })));
    }
    assert.deepEqual(
      seen.map(({ sequence }) => (sequence - host) | 0),
      [0, 9000],
    );
  });
});

describe('a listening port', () => {
  it('has a backlog: of what comes at once, no more connections than that are made', async (t) => {
    const net = new HostNetwork(t);
    const host = net.host(2);
    const peer = await TcpPeer.open(net);
    const { tcp } = host.stack;
    const ends: TcpEnd[] = [];
    const accept = (socket: TcpSocket) => {
      const end = new TcpEnd();
      end.socket = socket;
      ends.push(end);
      return end;
    };
    tcp.listen({ accept, failed() {} }, null, 5000, 1);
    const answers = new Map<number, number>();
    for (const port of [80, 81]) {
      peer.port = port;
      const [answer] = await peer.send({ flags: SYN, sequence: ISS });
      answers.set(port, sequenceAdd(answer.sequence, 1));
    }
    const hello = (port: number) => {
      peer.port = port;
      peer.post(data(ACK | PSH, ISS + 1, answers.get(port)!, `hello from ${port}`));
    };
    hello(80);
    hello(81);
    await net.settle();
    assert.deepEqual([ends.map(({ text }) => text), host.stats().segments.full], [['hello from 80'], 1]);
    // The other one sends again, and now there is room: the first has been accepted.
    hello(81);
    await net.settle();
    assert.deepEqual(
      ends.map(({ text }) => text),
      ['hello from 80', 'hello from 81'],
    );
    assert.deepEqual([host.stats().segments.connections, tcp.size], [2, 2]);
  });
});
