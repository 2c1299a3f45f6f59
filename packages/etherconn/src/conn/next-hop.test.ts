import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ClosedError, NoNextHopError, OptionError, TimeoutError } from '../errors.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { EtherConn } from './ether-conn.ts';
import { BroadCastMAC, type NextHopResolver, resolveNextHopMACWithBroadcast } from './next-hop.ts';
import { RUDPConn, type RUDPConnOptions } from './rudp-conn.ts';

const MAC = '02:00:00:00:00:01';
const REMOTE = { address: '10.0.0.2', port: 53 };

function open(t: TestContext, resolveNextHop?: NextHopResolver) {
  const clock = new VirtualClock();
  const link = new FakeLink({ clock });
  const relay = new Relay(link);
  t.after(() => relay.close());
  const options: RUDPConnOptions = resolveNextHop === undefined ? {} : { resolveNextHop };
  const conn = new RUDPConn({ address: '10.0.0.1', port: 1000 }, new EtherConn(MAC, relay), options);
  return { clock, link, relay, conn };
}

/** Last byte of the destination MAC address and first of the payload, of each frame sent. */
function sent(link: FakeLink): [number, number][] {
  return link.sent.map((frame) => [frame[5], frame[42]]);
}

/** A promise with its handles outside. */
function later<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

describe('next hop', () => {
  it('is the broadcast address by default', async (t) => {
    const { link, conn } = open(t);
    await conn.writeTo(Buffer.of(1), REMOTE);
    assert.deepEqual([...link.sent[0].subarray(0, 6)], [...BroadCastMAC]);
    assert.deepEqual([...BroadCastMAC], [255, 255, 255, 255, 255, 255]);
    assert.equal(resolveNextHopMACWithBroadcast('10.0.0.2'), BroadCastMAC);
  });

  it('is asked for with the canonical address, for every write', async (t) => {
    const asked: string[] = [];
    let last = 2;
    const { link, conn } = open(t, (address) => {
      asked.push(address);
      return Uint8Array.of(2, 0, 0, 0, 0, last);
    });
    await conn.writeTo(Buffer.of(1), REMOTE);
    last = 3;
    conn.trySendTo(Buffer.of(2), REMOTE);
    last = 4;
    await conn.writeTo(Buffer.of(3), { address: Uint8Array.of(10, 0, 0, 2), port: 53 });
    assert.deepEqual(asked, ['10.0.0.2', '10.0.0.2', '10.0.0.2']);
    assert.deepEqual(sent(link), [
      [2, 1],
      [3, 2],
      [4, 3],
    ]);
  });

  it('is asked for once by a peer', (t) => {
    let asked = 0;
    const { conn } = open(t, () => {
      asked++;
      return '02:00:00:00:00:02';
    });
    const peer = conn.peer(REMOTE);
    for (let i = 0; i < 5; i++) assert.equal(peer.trySend(Buffer.of(i)), 1);
    assert.equal(asked, 1);
  });

  it('may come later: writes wait for it in order, trySend returns 0 meanwhile', async (t) => {
    const answer = later<string>();
    let asked = 0;
    const { link, conn } = open(t, () => {
      asked++;
      return answer.promise;
    });
    const writes = [1, 2, 3].map((i) => conn.writeTo(Buffer.of(i), REMOTE));
    assert.equal(conn.trySendTo(Buffer.of(9), REMOTE), 0);
    assert.equal(asked, 1);
    answer.resolve('02:00:00:00:00:07');
    assert.deepEqual(await Promise.all(writes), [1, 1, 1]);
    assert.deepEqual(sent(link), [
      [7, 1],
      [7, 2],
      [7, 3],
    ]);
    assert.equal(conn.trySendTo(Buffer.of(4), REMOTE), 1);
  });

  it('that comes later is what that very write goes by, when it has changed', async (t) => {
    let last = 1;
    const { link, conn } = open(t, async () => Uint8Array.of(2, 0, 0, 0, 0, ++last));
    await conn.writeTo(Buffer.of(1), REMOTE);
    await conn.writeTo(Buffer.of(2), REMOTE);
    assert.deepEqual(sent(link), [
      [2, 1],
      [3, 2],
    ]);
  });

  it('that does not come leaves the write to its timeout, its deadline, its signal and close', async (t) => {
    const { clock, relay, conn } = open(t, () => new Promise(() => undefined));
    const controller = new AbortController();
    const short = conn.writeTo(Buffer.of(1), REMOTE, { timeout: 5 });
    const aborted = conn.writeTo(Buffer.of(1), REMOTE, { signal: controller.signal });
    await Promise.all([assert.rejects(short, TimeoutError), clock.advance(5)]);
    controller.abort(new Error('enough'));
    await assert.rejects(aborted, { message: 'enough' });
    const late = conn.writeTo(Buffer.of(1), REMOTE);
    conn.setWriteDeadline(clock.wallTime() + 5);
    await Promise.all([assert.rejects(late, TimeoutError), clock.advance(5)]);
    conn.setWriteDeadline(null);
    assert.equal(relay.stats().waitingWriters, 0);
    const waiting = conn.writeTo(Buffer.of(1), REMOTE);
    void conn.close();
    await assert.rejects(waiting, ClosedError);
  });

  it('that is slow for one destination does not hold up others', async (t) => {
    const { link, conn } = open(t, (address) =>
      address === '10.0.0.2' ? new Promise(() => undefined) : MAC,
    );
    void conn.writeTo(Buffer.of(1), REMOTE).catch(() => undefined);
    await conn.writeTo(Buffer.of(2), { address: '10.0.0.3', port: 53 });
    assert.deepEqual(sent(link), [[1, 2]]);
  });

  it('null, now or later, fails the write with EHOSTUNREACH', async (t) => {
    for (const resolver of [() => null, async () => null]) {
      const { link, conn } = open(t, resolver);
      await assert.rejects(conn.writeTo(Buffer.of(1), REMOTE), NoNextHopError);
      await assert.rejects(conn.writeTo(Buffer.of(1), REMOTE), { code: 'EHOSTUNREACH' });
      assert.equal(link.sent.length, 0);
    }
  });

  it('throwing or rejecting fails the write with that error, and the next one asks again', async (t) => {
    let isBroken = true;
    const failure = new Error('no table');
    const resolvers: NextHopResolver[] = [
      () => {
        if (isBroken) throw failure;
        return MAC;
      },
      async () => {
        if (isBroken) throw failure;
        return MAC;
      },
    ];
    for (const resolver of resolvers) {
      isBroken = false;
      const { link, conn } = open(t, resolver);
      await conn.writeTo(Buffer.of(1), REMOTE);
      isBroken = true;
      await assert.rejects(conn.writeTo(Buffer.of(2), REMOTE), failure);
      isBroken = false;
      await conn.writeTo(Buffer.of(3), REMOTE);
      assert.deepEqual(sent(link), [
        [1, 1],
        [1, 3],
      ]);
    }
  });

  it('that is no MAC address fails the write', async (t) => {
    for (const wrong of ['10.0.0.1', 5, new Uint8Array(4)]) {
      const { conn } = open(t, () => wrong as never);
      await assert.rejects(conn.writeTo(Buffer.of(1), REMOTE), OptionError);
    }
    assert.throws(() => open(t, 'arp' as never), { option: 'resolveNextHop' });
  });

  it('a thenable is a promise, too', async (t) => {
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested here
    const thenable = { then: (resolve: (mac: string) => void) => resolve('02:00:00:00:00:08') };
    const { link, conn } = open(t, () => thenable as never);
    await conn.writeTo(Buffer.of(1), REMOTE);
    assert.deepEqual(sent(link), [[8, 1]]);
  });
});
