import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualClock } from '../../virtual-clock.ts';
import { type Neighbor, NeighborState } from './neighbor.ts';
import { type Learning, NeighborCache } from './neighbor-cache.ts';

const ADDRESS = Uint8Array.of(10, 0, 0, 2);
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 2);
const OTHER_MAC = Uint8Array.of(2, 0, 0, 0, 0, 9);
const UNSOLICITED = { solicited: false, override: true, create: false };
const ANSWER = { solicited: true, override: true, create: false };
const QUESTION = { solicited: false, override: true, create: true };

function open(capacity = 16) {
  const clock = new VirtualClock();
  const asked: ('all' | 'one')[] = [];
  const sent: number[] = [];
  const cache = new NeighborCache(
    clock,
    {
      solicit: (_neighbor, mac) => asked.push(mac === null ? 'all' : 'one') > 0,
      sendWaiting: (_neighbor, packet) => sent.push(packet[0]),
      reachabilityChanged: () => undefined,
      isNoRouter: () => undefined,
    },
    capacity,
  );
  const learn = (how: Learning, mac = MAC, address = ADDRESS) => {
    const bytes = Uint8Array.of(...address, ...mac);
    cache.learn(bytes, 0, 4, 4, how);
  };
  return { clock, cache, asked, sent, learn };
}

function address(n: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(10, 0, n >> 8, n & 255);
}

describe('NeighborCache', () => {
  it('asks, keeps packets, and sends them when the answer comes', () => {
    const { cache, asked, sent, learn } = open();
    const neighbor = cache.want(ADDRESS);
    assert.equal(cache.use(neighbor), false);
    cache.enqueue(neighbor, Uint8Array.of(1), null);
    cache.enqueue(neighbor, Uint8Array.of(2), null);
    assert.deepEqual(asked, ['all']);
    assert.equal(cache.waiting, 2);
    learn(ANSWER);
    assert.deepEqual(sent, [1, 2]);
    assert.equal(neighbor.state, NeighborState.REACHABLE);
    assert.equal(cache.use(neighbor), true);
    assert.equal(cache.waiting, 0);
  });

  it('asks three times, a second apart, and gives up', async () => {
    const { clock, cache, asked } = open();
    let told = 0;
    const neighbor = cache.want(ADDRESS);
    cache.use(neighbor);
    const sender = { reported: false, unreachable: () => told++, dropped: () => assert.fail() };
    cache.enqueue(neighbor, Uint8Array.of(1), sender);
    const answer = cache.resolve(ADDRESS);
    await clock.advance(2999);
    assert.equal(asked.length, 3);
    assert.equal(told, 0);
    await clock.advance(1);
    assert.equal(told, 1);
    assert.equal(await answer, null);
    assert.deepEqual([cache.size, cache.unreachable, clock.pendingTimers], [0, 1, 0]);
    assert.equal(neighbor.state, NeighborState.NONE);
  });

  it('has no timer once entries are stale, probes them when they are used, and drops them when they are silent', async () => {
    const { clock, cache, asked, learn } = open();
    const neighbor = cache.want(ADDRESS);
    cache.use(neighbor);
    learn(ANSWER);
    await clock.advance(30_000);
    assert.equal(neighbor.state, NeighborState.STALE);
    assert.equal(clock.pendingTimers, 0);
    assert.equal(cache.use(neighbor), true);
    assert.equal(neighbor.state, NeighborState.DELAY);
    await clock.advance(5000);
    assert.deepEqual(asked, ['all', 'one']);
    learn(ANSWER);
    assert.equal(neighbor.state, NeighborState.REACHABLE);
    await clock.advance(30_000);
    cache.use(neighbor);
    await clock.advance(5000 + 3000);
    assert.deepEqual(asked, ['all', 'one', 'one', 'one', 'one']);
    assert.equal(cache.size, 0);
  });

  it('makes no entry for who was not asked, and one for who asks', () => {
    const { cache, learn } = open();
    learn(UNSOLICITED);
    learn(ANSWER);
    assert.equal(cache.size, 0);
    learn(QUESTION);
    assert.equal(cache.want(ADDRESS).state, NeighborState.STALE);
  });

  it('takes another MAC address only as RFC 4861 §7.2.5 allows', () => {
    const { cache, learn } = open();
    const neighbor = cache.want(ADDRESS);
    cache.use(neighbor);
    learn(ANSWER);
    const { version } = neighbor;
    learn({ ...ANSWER, override: false }, OTHER_MAC);
    assert.deepEqual([neighbor.mac, neighbor.state], [MAC, NeighborState.STALE]);
    learn(UNSOLICITED, OTHER_MAC);
    assert.deepEqual([neighbor.mac, neighbor.state], [OTHER_MAC, NeighborState.STALE]);
    assert.notEqual(neighbor.version, version);
  });

  it('keeps at most 64 packets for one neighbor, the newest', () => {
    const { cache, sent, learn } = open();
    const neighbor = cache.want(ADDRESS);
    cache.use(neighbor);
    for (let i = 0; i < 70; i++) cache.enqueue(neighbor, Uint8Array.of(i), null);
    assert.deepEqual([cache.waiting, cache.queueDropped, cache.queued], [64, 6, 70]);
    learn(ANSWER);
    assert.deepEqual([sent[0], sent.at(-1)], [6, 69]);
    const long = cache.want(address(7));
    cache.use(long);
    for (let i = 0; i < 6; i++) cache.enqueue(long, new Uint8Array(65_000), null);
    assert.equal(cache.waiting, 4);
  });

  it('keeps at most 16 MiB for all neighbors together, and counts what goes', () => {
    const { cache, sent, learn } = open(1024);
    for (let n = 0; n < 300; n++) {
      const neighbor = cache.want(address(n));
      cache.use(neighbor);
      cache.enqueue(neighbor, new Uint8Array(65_000), null);
    }
    assert.deepEqual([cache.waiting, cache.queueDropped, cache.queued], [258, 42, 300]);
    learn(ANSWER, MAC, address(0));
    assert.equal(sent.length, 1);
    cache.enqueue(cache.want(address(299)), new Uint8Array(65_000), null);
    assert.equal(cache.waiting, 258);
    assert.equal(cache.isFull(cache.want(address(299)), 65_000, { roomAgain: () => undefined }), true);
    cache.clear();
    assert.equal(cache.queueDropped, 300);
    const neighbor = cache.want(address(0));
    cache.use(neighbor);
    cache.enqueue(neighbor, new Uint8Array(65_000), null);
    assert.equal(cache.waiting, 1);
    cache.clear();
  });

  it('gives up who does not answer before those that we talk with', async () => {
    const { clock, cache, learn } = open(16);
    const gateway = cache.want(address(0));
    cache.use(gateway);
    learn(ANSWER, MAC, address(0));
    for (let n = 1; n < 16; n++) cache.use(cache.want(address(n)));
    await clock.advance(1000);
    for (let n = 16; n < 31; n++) cache.use(cache.want(address(n)));
    assert.deepEqual([cache.size, gateway.state], [16, NeighborState.REACHABLE]);
    assert.equal(cache.find(address(15), 0, 4), undefined);
    cache.use(cache.want(address(31)));
    assert.equal(gateway.state, NeighborState.NONE, 'nobody is silent for long: the oldest');
    cache.clear();
  });

  it('has places for each IP version', () => {
    const { cache } = open(16);
    for (let n = 0; n < 20; n++) {
      cache.use(cache.want(address(n)));
      cache.use(cache.want(Uint8Array.of(0xfe, 0x80, ...new Uint8Array(13), n)));
    }
    assert.deepEqual([cache.size, cache.evicted], [32, 8]);
    cache.clear();
    for (let n = 0; n < 16; n++) cache.use(cache.want(address(n)));
    assert.equal(cache.evicted, 8);
    cache.clear();
  });

  it('is bounded: strangers take free places only, and our own needs take those of idle neighbors', () => {
    const { cache, learn } = open(16);
    const ours: Neighbor[] = [];
    for (let n = 0; n < 8; n++) {
      const neighbor = cache.want(address(n));
      cache.use(neighbor);
      learn(ANSWER, MAC, address(n));
      ours.push(neighbor);
    }
    for (let n = 100; n < 1000; n++) learn(QUESTION, MAC, address(n));
    assert.equal(cache.size, 16);
    for (let n = 2000; n < 2008; n++) cache.use(cache.want(address(n)));
    assert.equal(cache.size, 16);
    assert.equal(cache.evicted, 8);
    assert.ok(ours.every(({ state }) => state === NeighborState.REACHABLE));
    for (let n = 3000; n < 4000; n++) cache.use(cache.want(address(n)));
    assert.equal(cache.size, 16);
  });

  it('lets senders wait for room in the first second of the first question only', async () => {
    const { clock, cache, learn } = open();
    let told = 0;
    const listener = { roomAgain: () => told++ };
    const fill = (neighbor: Neighbor) => {
      cache.use(neighbor);
      for (let i = 0; i < 64; i++) cache.enqueue(neighbor, Uint8Array.of(i), null);
    };
    const first = cache.want(ADDRESS);
    fill(first);
    assert.equal(cache.isFull(first, 1, listener), true);
    await clock.advance(999);
    assert.equal(told, 0);
    await clock.advance(1);
    assert.deepEqual([told, cache.isFull(first, 1, listener)], [1, false]);
    cache.enqueue(first, Uint8Array.of(64), null);
    assert.deepEqual([cache.waiting, cache.queueDropped], [64, 1]);
    await clock.advance(2000);
    assert.equal(cache.unreachable, 64);
    // Whoever has not answered is known for it, until he does or a minute has passed.
    const second = cache.want(ADDRESS);
    fill(second);
    assert.equal(cache.isFull(second, 1, listener), false);
    cache.enqueue(second, Uint8Array.of(64), {
      reported: true,
      unreachable: assert.fail,
      dropped: () => told++,
    });
    assert.equal(cache.drain(), null, 'nothing waits for him when all is closed');
    assert.deepEqual([told, cache.waiting], [2, 0]);
    learn(ANSWER);
    cache.clear();
  });

  it('forgets after a minute who has not answered, and asks an IPv6 address twice first', async () => {
    const { clock, cache } = open();
    const listener = { roomAgain: () => undefined };
    const fill = (neighbor: Neighbor) => {
      cache.use(neighbor);
      for (let i = 0; i < 64; i++) cache.enqueue(neighbor, Uint8Array.of(i), null);
      return neighbor;
    };
    fill(cache.want(ADDRESS));
    await clock.advance(3000 + 60_000);
    assert.equal(cache.isFull(fill(cache.want(ADDRESS)), 1, listener), true);
    const six = fill(cache.want(Uint8Array.of(0xfe, 0x80, ...new Uint8Array(13), 9)));
    await clock.advance(1999);
    assert.equal(cache.isFull(six, 1, listener), true);
    await clock.advance(1);
    assert.equal(cache.isFull(six, 1, listener), false);
    cache.clear();
  });

  it('waits, when it is to be closed, for those packets alone that pass for sent', async () => {
    const { clock, cache, sent, learn } = open();
    const counts = { unreachable: 0, dropped: 0 };
    const sender = (reported: boolean) => ({
      reported,
      unreachable: () => counts.unreachable++,
      dropped: () => counts.dropped++,
    });
    assert.equal(cache.drain(), null);
    for (let n = 0; n < 3; n++) {
      const neighbor = cache.want(address(n));
      cache.use(neighbor);
      cache.enqueue(neighbor, Uint8Array.of(10 + n), sender(false));
      if (n > 0) cache.enqueue(neighbor, Uint8Array.of(20 + n), sender(true));
    }
    let isDrained = false;
    const drained = cache.drain()!.then(() => {
      isDrained = true;
    });
    assert.deepEqual([cache.waiting, counts], [2, { unreachable: 0, dropped: 3 }]);
    cache.enqueue(cache.want(address(1)), Uint8Array.of(31), sender(true));
    assert.deepEqual([cache.waiting, counts.dropped], [2, 4]);
    learn(ANSWER, MAC, address(1));
    assert.deepEqual(sent, [21]);
    await clock.advance(2999);
    assert.equal(isDrained, false);
    await clock.advance(1);
    await drained;
    assert.deepEqual([cache.waiting, counts.unreachable], [0, 1]);
  });

  it('waits no longer than three seconds for that, however slowly a router wants questions asked', async () => {
    const { clock, cache } = open();
    cache.setTimes6(30_000, 60_000);
    const six = cache.want(Uint8Array.of(0xfe, 0x80, ...new Uint8Array(13), 9));
    cache.use(six);
    const counts = { unreachable: 0, dropped: 0 };
    const sender = {
      reported: true,
      unreachable: () => counts.unreachable++,
      dropped: () => counts.dropped++,
    };
    cache.enqueue(six, Uint8Array.of(1), sender);
    let isDrained = false;
    const drained = cache.drain()!.then(() => {
      isDrained = true;
    });
    await clock.advance(2999);
    assert.equal(isDrained, false);
    await clock.advance(1);
    await drained;
    assert.deepEqual(counts, { unreachable: 1, dropped: 0 });
    cache.clear();
  });

  it('answers everybody who waits when it is cleared', async () => {
    const { clock, cache } = open();
    const answer = cache.resolve(ADDRESS);
    cache.enqueue(cache.want(ADDRESS), Uint8Array.of(1), null);
    cache.clear();
    assert.equal(await answer, null);
    assert.deepEqual([cache.size, cache.queueDropped, clock.pendingTimers], [0, 1, 0]);
  });
});
