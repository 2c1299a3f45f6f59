import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { ClosedError, InUseError, TimeoutError } from '../errors.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { frames } from '../test-support/frames.ts';
import { settleTurns } from '../test-support/memory-pair.ts';
import { twoRelays } from '../test-support/two-relays.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { EtherConn } from './ether-conn.ts';
import { RUDPConn } from './rudp-conn.ts';

const MAC = '02:00:00:00:00:02';
const PEER = '02:00:00:00:00:01';

/** A conn whose link has room for one frame, and whose time is virtual. */
function open(t: TestContext, receiveDepth = 4) {
  const clock = new VirtualClock();
  const link = new FakeLink({ slots: 1, clock });
  const relay = new Relay(link);
  t.after(() => relay.close());
  return { clock, link, relay, conn: new EtherConn(MAC, relay, [], { receiveDepth }) };
}

function write(conn: EtherConn, options = {}): Promise<number> {
  return conn.writePacketTo(Buffer.alloc(1), 0x88b5, PEER, options);
}

describe('deadlines', () => {
  it('setReadDeadline: one in the past fails reads at once, also with data queued', async (t) => {
    const { clock, link, conn } = open(t);
    link.deliver([frames.udp4]);
    conn.setReadDeadline(clock.wallTime() - 1);
    await assert.rejects(conn.readPacket(), TimeoutError);
    await assert.rejects(conn.readPacketFrom(Buffer.alloc(9)), { code: 'ERR_ETHERCONN_TIMEOUT' });
    conn.setReadDeadline(null);
    assert.equal((await conn.readPacket()).data.length, 33);
  });

  it('setReadDeadline: fails a read that waits when it passes, and changing it wakes it', async (t) => {
    const { clock, conn } = open(t);
    conn.setReadDeadline(new Date(clock.wallTime() + 1000));
    const read = conn.readPacket();
    await Promise.all([assert.rejects(read, TimeoutError), clock.advance(1000)]);
    conn.setReadDeadline(clock.wallTime() + 1000);
    const other = conn.readPacket();
    conn.setReadDeadline(clock.wallTime());
    await assert.rejects(other, TimeoutError);
  });

  it('setWriteDeadline: fails writes that wait for room, and later ones at once', async (t) => {
    const { clock, link, relay, conn } = open(t);
    await write(conn);
    const waiting = write(conn);
    conn.setWriteDeadline(clock.wallTime() + 10);
    await Promise.all([assert.rejects(waiting, TimeoutError), clock.advance(10)]);
    link.release(1);
    await assert.rejects(write(conn), TimeoutError);
    assert.equal(relay.stats().waitingWriters, 0);
    conn.setWriteDeadline(null);
    assert.equal(await write(conn), 1);
    assert.equal(link.sent.length, 2);
  });

  it('setDeadline sets both', async (t) => {
    const { clock, conn } = open(t);
    conn.setDeadline(clock.wallTime());
    await assert.rejects(conn.readPacket(), TimeoutError);
    await assert.rejects(write(conn), TimeoutError);
    conn.setDeadline(null);
    assert.equal(await write(conn), 1);
  });

  it('a write that has timed out is not sent when there is room again', async (t) => {
    const { link, conn } = open(t);
    await write(conn);
    await assert.rejects(write(conn, { timeout: 0 }), TimeoutError);
    link.release(1);
    link.release(1);
    assert.equal(link.sent.length, 1);
  });
});

describe('virtual time', () => {
  it('an hour of waiting over a memory network passes at once, and a delayed packet comes in time', async (t) => {
    const { network, a, b } = twoRelays(t, {}, { time: 'virtual', impair: { delay: 600_000 } });
    const sender = new EtherConn(PEER, a);
    const receiver = new EtherConn(MAC, b, [0x88b5]);
    const clock = network.virtualClock;
    receiver.setReadDeadline(clock.wallTime() + 3_600_000);
    await sender.writePacketTo(Buffer.from('late'), 0x88b5, MAC);
    const first = receiver.readPacket();
    await clock.advance(600_000);
    assert.equal((await first).data.toString(), 'late');
    const second = receiver.readPacket();
    await Promise.all([assert.rejects(second, TimeoutError), clock.advance(3_000_000)]);
    assert.equal(clock.now(), 3_600_000);
  });
});

describe('options of a call', () => {
  it('timeout fails only that call', async (t) => {
    const { clock, link, conn } = open(t);
    const short = conn.readPacket({ timeout: 5 });
    const long = conn.readPacket({ timeout: 500 });
    await Promise.all([assert.rejects(short, TimeoutError), clock.advance(5)]);
    link.deliver([frames.udp4]);
    assert.equal((await long).data.length, 33);
  });

  it('timeout 0 gives what is there, and fails at once when nothing is', async (t) => {
    const { link, conn } = open(t);
    await assert.rejects(conn.readPacket({ timeout: 0 }), TimeoutError);
    link.deliver([frames.udp4]);
    assert.equal((await conn.readPacket({ timeout: 0 })).data.length, 33);
  });

  it("signal rejects with the signal's reason", async (t) => {
    const { conn } = open(t);
    const controller = new AbortController();
    await write(conn);
    const read = conn.readPacket({ signal: controller.signal });
    const waiting = write(conn, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(read, { message: 'enough' });
    await assert.rejects(waiting, { message: 'enough' });
    await assert.rejects(conn.readPacket({ signal: AbortSignal.abort() }), { name: 'AbortError' });
  });
});

describe('close', () => {
  it('wakes readers and writers that wait at once, with ClosedError', async (t) => {
    const { relay, conn } = open(t);
    await write(conn);
    const calls = [conn.readPacket(), conn.readPacketFrom(Buffer.alloc(9)), write(conn)];
    const closing = conn.close();
    for (const call of calls) await assert.rejects(call, ClosedError);
    await closing;
    assert.equal(conn.closed, true);
    assert.equal(relay.stats().waitingWriters, 0);
    await assert.rejects(conn.readPacket(), { code: 'ERR_ETHERCONN_CLOSED' });
    await assert.rejects(write(conn), ClosedError);
    assert.throws(() => conn.trySendPacketTo(Buffer.alloc(1), 0x88b5, PEER), ClosedError);
  });

  it("drops what is queued, and emits 'close' once", async (t) => {
    const { link, conn } = open(t);
    link.deliver([frames.udp4]);
    let closes = 0;
    conn.on('close', () => closes++);
    const closed = once(conn, 'close');
    await conn.close();
    await conn.close();
    await closed;
    assert.equal(closes, 1);
    assert.equal(conn.tryReadPacket(), undefined);
    const { enqueued, read, dropped, queued } = conn.stats();
    assert.deepEqual({ enqueued, read, dropped, queued }, { enqueued: 1, read: 0, dropped: 1, queued: 0 });
  });

  it('ends for await without an error', async (t) => {
    const { link, conn } = open(t);
    const sizes: number[] = [];
    const loop = (async () => {
      for await (const { data } of conn) {
        sizes.push(data.length);
        if (sizes.length === 2) void conn.close();
      }
    })();
    link.deliver([frames.udp4, frames.udp6]);
    await loop;
    assert.deepEqual(sizes, [33, 53]);
  });

  it('a deadline or a stopped relay is thrown out of for await', async (t) => {
    const { clock, relay, conn } = open(t);
    const loop = async () => {
      for await (const _ of conn) assert.fail('nothing was sent');
    };
    conn.setReadDeadline(clock.wallTime());
    await assert.rejects(loop(), TimeoutError);
    conn.setReadDeadline(null);
    const stopped = loop();
    await relay.close();
    await assert.rejects(stopped, { code: 'ERR_ETHERCONN_RELAY_STOPPED' });
  });

  it('is what await using does', async (t) => {
    const { relay } = open(t);
    {
      await using conn = new EtherConn(PEER, relay);
      assert.equal(conn.closed, false);
    }
    assert.equal(relay.stats().registrations, 1);
  });
});

describe('the receive queue of a conn', () => {
  it('drops the oldest beyond receiveDepth, and counts it', async (t) => {
    const { link, conn } = open(t, 2);
    link.deliver([frames.udp4, frames.udp6, frames.udp6Atomic]);
    const { enqueued, read, dropped, queued } = conn.stats();
    assert.deepEqual({ enqueued, read, dropped, queued }, { enqueued: 3, read: 0, dropped: 1, queued: 2 });
    assert.equal((await conn.readPacket()).remote.ethernetType, 0x86dd);
  });

  it("has the relay's receiveDepth by default, which is 1024", async (t) => {
    const { relay } = open(t);
    assert.equal(relay.receiveDepth, 1024);
    const link = new FakeLink();
    const other = new Relay(link, { receiveDepth: 3 });
    t.after(() => other.close());
    const conn = new EtherConn(MAC, other);
    for (let i = 0; i < 9; i++) link.deliver([frames.udp4]);
    assert.equal(conn.stats().queued, 3);
  });
});

describe("the 'message' event", () => {
  it('gives the payload as a Buffer to keep, and the sender', async (t) => {
    const { link, conn } = open(t);
    const got: [Buffer, string][] = [];
    conn.on('message', (data, remote) => got.push([data, String(remote)]));
    link.deliver([frames.udp4]);
    link.deliver([frames.udp6]);
    assert.equal(got.length, 2);
    assert.deepEqual(got[0], [Buffer.from(frames.udp4.subarray(14)), 'l2ep&02:00:00:00:00:01#0x0800']);
    assert.equal(conn.stats().read, 2);
  });

  it('a listener that comes late gets what is queued first', async (t) => {
    const { link, conn } = open(t, 10);
    const sizes: number[] = [];
    link.deliver([frames.udp4, frames.udp6]);
    conn.addListener('message', (data) => sizes.push(data.length));
    await settleTurns();
    assert.deepEqual(sizes, [33, 53]);
    conn.removeAllListeners('message');
    link.deliver([frames.udp4]);
    conn.prependListener('message', (data) => sizes.push(data.length));
    link.deliver([frames.udp6]);
    assert.deepEqual(sizes, [33, 53, 33, 53]);
  });

  it('once takes one packet, the rest stays for readers', async (t) => {
    const { link, conn } = open(t);
    const first = once(conn, 'message');
    link.deliver([frames.udp4, frames.udp6]);
    assert.equal((await first)[0].length, 33);
    assert.equal((await conn.readPacket()).data.length, 53);
  });
});

describe('taking over an EtherConn', () => {
  it('fails readers that wait, and later ones, with InUseError: packets go to the RUDPConn now', async (t) => {
    const { link, conn } = open(t);
    link.deliver([frames.udp4]);
    await conn.readPacket();
    const read = conn.readPacket();
    const loop = conn.packets().next();
    const udp = new RUDPConn({ address: '10.0.0.2', port: 53 }, conn);
    await assert.rejects(read, InUseError);
    await assert.rejects(loop, InUseError);
    await assert.rejects(conn.readPacket(), InUseError);
    link.deliver([frames.udp4]);
    assert.equal((await udp.readFrom()).data.toString(), 'hello');
    await udp.close();
    await assert.rejects(conn.readPacket(), ClosedError);
  });

  it('drops and counts what was queued', (t) => {
    const { link, conn } = open(t);
    link.deliver([frames.udp4, frames.udp4]);
    new RUDPConn({ address: '10.0.0.2', port: 53 }, conn);
    const { enqueued, read, dropped, queued } = conn.stats();
    assert.deepEqual({ enqueued, read, dropped, queued }, { enqueued: 2, read: 0, dropped: 2, queued: 0 });
  });
});
