import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { EtherconnError, InUseError, RelayStoppedError } from '../errors.ts';
import type { Station } from '../link/link.ts';
import { WrappedLink } from '../link/middleware/wrapped-link.ts';
import { FakeLink, type SteerCall } from '../test-support/fake-link.ts';
import { settleTurns } from '../test-support/memory-pair.ts';
import { L2EndpointKey } from './l2-endpoint.ts';
import { Relay } from './relay.ts';

const MAC = '02:00:00:00:00:01';
const OTHER = '02:00:00:00:00:02';

/** A link that takes only so many stations, and says at which call of `steer` it breaks. */
class ChoosyLink extends FakeLink {
  readonly admitted: Station[] = [];
  capacity = 1;
  broken = false;

  admit(stations: readonly Station[]): void {
    if (this.admitted.length + stations.length > this.capacity)
      throw new EtherconnError('ERR_ETHERCONN_LIMIT', 'full');
    this.admitted.push(...stations);
  }

  override steer(...[added, removed, wants]: Parameters<FakeLink['steer']>): void {
    if (this.broken) throw new Error('no memory for the map');
    super.steer(added, removed, wants);
  }
}

function open(t: TestContext) {
  const link = new ChoosyLink();
  const relay = new Relay(link);
  relay.on('error', () => undefined);
  t.after(() => relay.close());
  return { link, relay };
}

function stations(calls: readonly SteerCall[]): number[] {
  return calls.map(({ added, removed }) => added.length - removed.length);
}

describe('a station that the link will not admit', () => {
  it('fails its registration at once, with nothing changed', async (t) => {
    const { link, relay } = open(t);
    const one = new EtherConn(MAC, relay, [0x0800]);
    assert.throws(() => new EtherConn(OTHER, relay), { code: 'ERR_ETHERCONN_LIMIT' });
    // Nor does it take a key away from its owner.
    assert.throws(() => new EtherConn(MAC, relay, [0x0800, 0x0806]), { code: 'ERR_ETHERCONN_LIMIT' });
    assert.throws(() => relay.register([L2EndpointKey.of(OTHER, 0x0800)]), { code: 'ERR_ETHERCONN_LIMIT' });
    await settleTurns();
    assert.deepEqual(stations(link.steered), [1]);
    assert.equal(relay.stats().registrations, 1);
    assert.deepEqual(one.replaced, []);
    assert.equal(relay.closed, false);
  });

  it('is not even asked for when a key is taken already', (t) => {
    const { link, relay } = open(t);
    link.capacity = 5;
    new EtherConn(MAC, relay);
    assert.throws(() => new EtherConn(MAC, relay, [], { exclusive: true }), InUseError);
    assert.equal(link.admitted.length, 1);
  });

  it('is asked of the inner link of a wrapped one', (t) => {
    const link = new ChoosyLink();
    const relay = new Relay(new WrappedLink(link));
    t.after(() => relay.close());
    new EtherConn(MAC, relay);
    assert.throws(() => new EtherConn(OTHER, relay), { code: 'ERR_ETHERCONN_LIMIT' });
    assert.equal(new WrappedLink(new FakeLink()).admit, undefined);
  });
});

describe('a link that cannot steer after all', () => {
  const stopped = (error: Error) => {
    assert.ok(error instanceof RelayStoppedError);
    assert.match((error.cause as Error).message, /no memory/);
    return true;
  };

  it('stops the relay, as when it fails otherwise, and who registers is told at once', async (t) => {
    const { link, relay } = open(t);
    link.capacity = 3;
    const errors: Error[] = [];
    relay.on('error', (error) => errors.push(error));
    const conn = new EtherConn(MAC, relay, [0x0800]);
    const read = assert.rejects(conn.readPacket(), stopped);
    link.broken = true;
    assert.throws(() => new EtherConn(OTHER, relay), stopped);
    await read;
    await settleTurns();
    assert.deepEqual([errors.length, link.closed, relay.closed], [1, true, true]);
    assert.throws(() => conn.trySendPacketTo(Buffer.alloc(1), 0x0800, OTHER), stopped);
  });

  it('makes no catch-all conn either', (t) => {
    const { link, relay } = open(t);
    link.broken = true;
    assert.throws(() => new EtherConn(MAC, relay, [], { role: 'default' }), stopped);
    assert.equal(relay.closed, true);
  });

  it('does not throw at somebody who only closes', async (t) => {
    const { link, relay } = open(t);
    link.capacity = 2;
    const conn = new EtherConn(MAC, relay, [0x0800]);
    const other = new EtherConn(OTHER, relay);
    link.broken = true;
    other.close();
    await assert.rejects(conn.readPacket(), stopped);
  });
});

describe('an endpoint receives when its constructor has returned', () => {
  it('the link has been told of each change, before anything else happens', (t) => {
    const { link, relay } = open(t);
    link.capacity = 3;
    const conn = new EtherConn(MAC, relay, [0x0800], { receiveMulticast: true });
    assert.deepEqual(
      link.steered.map(({ added, wants }) => [added.length, wants.all, wants.group]),
      [[1, false, true]],
    );
    const all = new EtherConn(MAC, relay, [], { role: 'mirror' });
    assert.deepEqual(link.steered.at(-1)!.wants, { all: true, group: true });
    all.close();
    assert.deepEqual(link.steered.at(-1)!.wants, { all: false, group: true });
    conn.close();
    assert.deepEqual(stations(link.steered), [1, 0, 0, -1]);
    assert.deepEqual(link.steered.at(-1)!.wants, { all: false, group: false });
  });
});

it('a logger that closes the relay while a conn registers makes that fail, and leaves nobody waiting', async (t) => {
  const link = new FakeLink();
  const quiet = { debug: () => {}, info: () => {}, error: () => {} };
  const relay = new Relay(link, { logger: { ...quiet, warn: () => void relay.close() } });
  t.after(() => relay.close());
  const old = new EtherConn(MAC, relay);
  const read = assert.rejects(old.readPacket(), RelayStoppedError);
  assert.throws(() => new EtherConn(MAC, relay), RelayStoppedError);
  await read;
});
