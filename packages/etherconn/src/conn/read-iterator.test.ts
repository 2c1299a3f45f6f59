import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { RelayStoppedError, TimeoutError } from '../errors.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { frames } from '../test-support/frames.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { EtherConn } from './ether-conn.ts';
import { RUDPConn } from './rudp-conn.ts';

const MAC = '02:00:00:00:00:02';
const END = { value: undefined, done: true };

function open(t: TestContext) {
  const clock = new VirtualClock();
  const link = new FakeLink({ clock });
  const relay = new Relay(link);
  t.after(() => relay.close());
  return { clock, link, relay, conn: new EtherConn(MAC, relay) };
}

describe('for await over a conn', () => {
  it('return() does not wait for a next() that waits, and ends it', async (t) => {
    const { link, conn } = open(t);
    const iterator = conn[Symbol.asyncIterator]();
    const waiting = [iterator.next(), iterator.next()];
    assert.deepEqual(await iterator.return(), END);
    assert.deepEqual(await Promise.all(waiting), [END, END]);
    assert.deepEqual(await iterator.next(), END);
    // The reader that has gone takes no packet with it.
    link.deliver([frames.udp4]);
    assert.equal((await conn.readPacket()).data.length, 33);
  });

  it('gives packets in order to several next() at once', async (t) => {
    const { link, conn } = open(t);
    const iterator = conn.packets();
    const waiting = [iterator.next(), iterator.next()];
    link.deliver([frames.udp4, frames.tcp4]);
    const lengths = (await Promise.all(waiting)).map(({ value }) => value?.data.length);
    assert.deepEqual(lengths, [33, 47]);
  });

  it('ends when the conn is closed, and throws what else fails a read', async (t) => {
    const { link, relay, conn } = open(t);
    link.deliver([frames.udp4, frames.tcp4]);
    let count = 0;
    for await (const packet of conn) {
      count += packet.data.length > 0 ? 1 : 0;
      if (count === 2) void conn.close();
    }
    assert.equal(count, 2);
    const other = new EtherConn(MAC, relay).packets();
    const next = other.next();
    void relay.close();
    await assert.rejects(next, RelayStoppedError);
    assert.deepEqual(await other.next(), END);
  });

  it('timeout: how long each read may wait', async (t) => {
    const { clock, link, conn } = open(t);
    const iterator = conn.packets({ timeout: 100 });
    link.deliver([frames.udp4]);
    assert.equal((await iterator.next()).done, false);
    const next = assert.rejects(iterator.next(), TimeoutError);
    await clock.advance(100);
    await next;
    assert.deepEqual(await iterator.next(), END);
  });

  it('signal: ends it with the reason, also when nobody waits', async (t) => {
    const { relay } = open(t);
    const conn = new RUDPConn({ address: '10.0.0.2', port: 53 }, new EtherConn(MAC, relay));
    const controller = new AbortController();
    const one = conn.datagrams({ signal: controller.signal });
    const next = one.next();
    const two = conn.datagrams({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(next, /enough/);
    await assert.rejects(two.next(), /enough/);
  });

  it('throw() and await using end it, too', async (t) => {
    const { conn } = open(t);
    const iterator = conn.packets();
    const next = iterator.next();
    await assert.rejects(iterator.throw(new Error('mine')), /mine/);
    assert.deepEqual(await next, END);
    const other = conn.packets();
    const waiting = other.next();
    await other[Symbol.asyncDispose]();
    assert.deepEqual(await waiting, END);
  });

  it('wrong options are refused by the first read', async (t) => {
    const { conn } = open(t);
    await assert.rejects(conn.packets({ timeout: -1 }).next(), { option: 'timeout' });
  });
});
