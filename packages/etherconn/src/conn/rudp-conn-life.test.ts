import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { ClosedError, InUseError, OptionError, TimeoutError } from '../errors.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { frames } from '../test-support/frames.ts';
import { settleTurns } from '../test-support/memory-pair.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { EtherConn } from './ether-conn.ts';
import { RUDPConn } from './rudp-conn.ts';

const MAC = '02:00:00:00:00:02';
const LOCAL = { address: '10.0.0.2', port: 53 };

function open(t: TestContext) {
  const clock = new VirtualClock();
  const link = new FakeLink({ slots: 1, clock });
  const relay = new Relay(link);
  t.after(() => relay.close());
  const ether = new EtherConn(MAC, relay);
  return { clock, link, relay, ether, conn: new RUDPConn(LOCAL, ether) };
}

describe('an RUDPConn and its EtherConn', () => {
  it('close closes the EtherConn, and frees the registration', async (t) => {
    const { relay, ether, conn } = open(t);
    await conn.close();
    assert.equal(ether.closed, true);
    assert.equal(conn.closed, true);
    assert.equal(relay.stats().registrations, 0);
    await conn.close();
  });

  it('closing the EtherConn closes the RUDPConn', async (t) => {
    const { ether, conn } = open(t);
    const read = conn.readFrom();
    const closed = once(conn, 'close');
    await ether.close();
    await assert.rejects(read, ClosedError);
    await closed;
    assert.equal(conn.closed, true);
  });

  it('a second RUDPConn on the same EtherConn is refused, the first goes on', (t) => {
    const { link, ether, conn } = open(t);
    assert.throws(() => new RUDPConn({ address: '10.0.0.2', port: 54 }, ether), InUseError);
    link.deliver([frames.udp4]);
    assert.equal(conn.stats().queued, 1);
  });

  it('an EtherConn that was closed takes no RUDPConn', async (t) => {
    const { relay } = open(t);
    const ether = new EtherConn('02:00:00:00:00:03', relay);
    await ether.close();
    assert.throws(() => new RUDPConn(LOCAL, ether), ClosedError);
  });

  it('wrong options throw an OptionError', (t) => {
    const { relay } = open(t);
    const ether = new EtherConn('02:00:00:00:00:03', relay);
    const wrong = {
      acceptAny: 1,
      resolveNextHop: 'arp',
      ttl: 0,
      tos: 256,
      dontFragment: 'no',
      checksum: 1,
      verifyChecksum: 'maybe',
      receiveDepth: 0,
      acceptany: true,
    };
    for (const [option, value] of Object.entries(wrong)) {
      assert.throws(() => new RUDPConn(LOCAL, ether, { [option]: value } as never), { option }, option);
    }
    assert.throws(() => new RUDPConn({ address: '10.0.0.2' } as never, ether), OptionError);
    assert.throws(() => new RUDPConn({ address: '10.0.0.300', port: 1 }, ether), {
      option: 'source.address',
    });
    assert.throws(() => new RUDPConn('10.0.0.2:53' as never, ether), { option: 'source' });
    assert.throws(() => new RUDPConn(LOCAL, relay as never), { option: 'conn' });
    new RUDPConn(LOCAL, ether);
  });
});

describe('an RUDPConn that waits', () => {
  const remote = { address: '10.0.0.1', port: 1 };

  it('close wakes readers and writers at once, with ClosedError', async (t) => {
    const { conn } = open(t);
    await conn.writeTo(Buffer.alloc(1), remote);
    const calls = [conn.readFrom(), conn.readFrom(Buffer.alloc(9)), conn.writeTo(Buffer.alloc(1), remote)];
    void conn.close();
    for (const call of calls) await assert.rejects(call, ClosedError);
    await assert.rejects(conn.readFrom(), { code: 'ERR_ETHERCONN_CLOSED' });
    await assert.rejects(conn.writeTo(Buffer.alloc(1), remote), ClosedError);
    assert.throws(() => conn.trySendTo(Buffer.alloc(1), remote), ClosedError);
  });

  it("emits 'close' once, and ends for await", async (t) => {
    const { conn } = open(t);
    let closes = 0;
    conn.on('close', () => closes++);
    const loop = (async () => {
      for await (const _ of conn) assert.fail('nothing was sent');
    })();
    await conn.close();
    await loop;
    await conn.close();
    await settleTurns();
    assert.equal(closes, 1);
  });

  it('setReadDeadline, setWriteDeadline and setDeadline hold it to time', async (t) => {
    const { clock, conn } = open(t);
    await conn.writeTo(Buffer.alloc(1), remote);
    conn.setReadDeadline(clock.wallTime() + 10);
    conn.setWriteDeadline(clock.wallTime() + 20);
    const read = conn.readFrom();
    const write = conn.writeTo(Buffer.alloc(1), remote);
    await Promise.all([assert.rejects(read, TimeoutError), clock.advance(10)]);
    await Promise.all([assert.rejects(write, TimeoutError), clock.advance(10)]);
    conn.setDeadline(null);
    const other = conn.readFrom();
    conn.setDeadline(clock.wallTime());
    await assert.rejects(other, TimeoutError);
    await assert.rejects(conn.writeTo(Buffer.alloc(1), remote), TimeoutError);
  });

  it('late listeners get what is queued', async (t) => {
    const { link, conn } = open(t);
    link.deliver([frames.udp4]);
    const [data, remote] = await once(conn, 'message');
    assert.deepEqual([String(data), remote.port], ['hello', 1000]);
  });

  it('is closed by await using', async (t) => {
    const { relay } = open(t);
    {
      await using conn = new RUDPConn(LOCAL, new EtherConn('02:00:00:00:00:03', relay));
      assert.equal(conn.closed, false);
    }
    assert.equal(relay.stats().registrations, 1);
  });
});
