import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { ClosedError, MessageTooLongError, NoRoomError, OptionError, RelayStoppedError } from '../errors.ts';
import type { Station } from '../link/link.ts';
import { captureLink } from '../link/middleware/capture-link.ts';
import { faultLink } from '../link/middleware/fault-link.ts';
import { FakeLink, type FakeLinkOptions } from '../test-support/fake-link.ts';
import { settleTurns } from '../test-support/memory-pair.ts';
import { L2EndpointKey } from './l2-endpoint.ts';
import { Relay, type RelayOptions } from './relay.ts';

const MAC = '02:00:00:00:00:01';
const PEER = '02:00:00:00:00:02';
const ETHERTYPE = 0x88b5;

function open(t: TestContext, options: RelayOptions = {}, linkOptions: FakeLinkOptions = {}) {
  const link = new FakeLink(linkOptions);
  const relay = new Relay(link, options);
  t.after(() => relay.close());
  return { link, relay, conn: new EtherConn(MAC, relay, [ETHERTYPE]) };
}

/** First payload bytes of what was sent. */
function payloads(link: FakeLink): number[] {
  return link.sent.map((frame) => frame[14]);
}

function payload(number: number): Uint8Array {
  return Uint8Array.of(number);
}

describe('sending mode', () => {
  it("'single' (the default) hands each frame over when it is written", (t) => {
    const { link, conn } = open(t);
    conn.trySendPacketTo(payload(1), ETHERTYPE, PEER);
    conn.trySendPacketTo(payload(2), ETHERTYPE, PEER);
    assert.deepEqual(link.calls, ['steer', 'commit', 'flush', 'commit', 'flush']);
  });

  it("'batch' lets frames gather until the turn ends", async (t) => {
    const { link, conn } = open(t, { sendingMode: 'batch' });
    for (let i = 0; i < 5; i++) conn.trySendPacketTo(payload(i), ETHERTYPE, PEER);
    assert.equal(link.sent.length, 0);
    await Promise.resolve();
    await settleTurns();
    assert.deepEqual(payloads(link), [0, 1, 2, 3, 4]);
    assert.equal(link.calls.filter((call) => call === 'flush').length, 1);
  });

  it("'batch' hands a full batch of 32 over at once", (t) => {
    const { link, conn } = open(t, { sendingMode: 'batch' });
    for (let i = 0; i < 33; i++) conn.trySendPacketTo(payload(i), ETHERTYPE, PEER);
    assert.equal(link.sent.length, 32);
  });

  it("'batch' flushes what gathers before it says that there is no room", (t) => {
    const { link, conn } = open(t, { sendingMode: 'batch' }, { slots: 4 });
    for (let i = 0; i < 5; i++) conn.trySendPacketTo(payload(i), ETHERTYPE, PEER);
    assert.deepEqual(payloads(link), [0, 1, 2, 3]);
    assert.equal(conn.stats().noRoom, 1);
  });

  it("'batch' flushes answers at the end of a batch of received frames", (t) => {
    const { link, conn } = open(t, { sendingMode: 'batch' });
    conn.onBatch((batch) => {
      while (batch.next()) batch.reply(payload(7));
    });
    link.deliver([Buffer.from('020000000001020000000002 88b5 00'.replaceAll(' ', ''), 'hex')]);
    assert.deepEqual(payloads(link), [7]);
  });
});

describe('send depth', () => {
  it('writers wait for room, and go in the order in which they came', async (t) => {
    const { link, relay, conn } = open(t, {}, { slots: 2 });
    const other = new EtherConn(PEER, relay, [ETHERTYPE]);
    const writes = [0, 1, 2, 3, 4, 5].map((i) =>
      (i % 2 ? conn : other).writePacketTo(payload(i), ETHERTYPE, PEER),
    );
    assert.equal(relay.stats().waitingWriters, 4);
    link.release(1);
    assert.deepEqual(payloads(link), [0, 1, 2]);
    link.release(9);
    link.release(9);
    assert.deepEqual(await Promise.all(writes), [1, 1, 1, 1, 1, 1]);
    assert.deepEqual(payloads(link), [0, 1, 2, 3, 4, 5]);
    assert.equal(relay.stats().waitingWriters, 0);
  });

  it('a write does not overtake those that wait', async (t) => {
    const { link, conn } = open(t, {}, { slots: 1 });
    const writes = [0, 1].map((i) => conn.writePacketTo(payload(i), ETHERTYPE, PEER));
    // There is room, but the one who waits has not heard of it yet.
    const { onRoom } = link.tx;
    link.tx.onRoom = null;
    link.release(1);
    writes.push(conn.writePacketTo(payload(2), ETHERTYPE, PEER));
    assert.deepEqual(payloads(link), [0]);
    link.tx.onRoom = onRoom;
    onRoom?.();
    link.release(1);
    await Promise.all(writes);
    assert.deepEqual(payloads(link), [0, 1, 2]);
  });

  it('0 fails at once when there is no room', async (t) => {
    const { conn } = open(t, { sendDepth: 0 }, { slots: 1 });
    await conn.writePacketTo(payload(0), ETHERTYPE, PEER);
    await assert.rejects(conn.writePacketTo(payload(1), ETHERTYPE, PEER), NoRoomError);
  });

  it('N lets N writers of all conns wait, and fails the next', async (t) => {
    const { link, relay, conn } = open(t, { sendDepth: 2 }, { slots: 1 });
    const other = new EtherConn(PEER, relay, [ETHERTYPE]);
    const writes = [0, 1, 2].map((i) => conn.writePacketTo(payload(i), ETHERTYPE, PEER));
    await assert.rejects(other.writePacketTo(payload(3), ETHERTYPE, PEER), { code: 'ERR_ETHERCONN_NO_ROOM' });
    for (let i = 0; i < 3; i++) link.release(1);
    await Promise.all(writes);
  });

  it('trySend returns 0 when there is no room', (t) => {
    const { link, conn } = open(t, {}, { slots: 1 });
    assert.equal(conn.trySendPacketTo(payload(0), ETHERTYPE, PEER), 1);
    assert.equal(conn.trySendPacketTo(payload(1), ETHERTYPE, PEER), 0);
    link.release(1);
    assert.equal(conn.trySendPacketTo(payload(1), ETHERTYPE, PEER), 1);
    const { sent, sentBytes, noRoom } = conn.stats();
    assert.deepEqual({ sent, sentBytes, noRoom }, { sent: 2, sentBytes: 2, noRoom: 1 });
  });
});

describe('raw frames', () => {
  it('trySend sends a whole frame as it is', (t) => {
    const { link, relay } = open(t);
    const registration = relay.register([L2EndpointKey.of(PEER, 0x0800)]);
    const frame = Buffer.from('ffffffffffff02000000000208060001', 'hex');
    assert.equal(registration.trySend(frame), 1);
    assert.deepEqual(link.sent, [frame]);
    assert.equal(relay.stats().sent, 1);
  });

  it('trySend returns 0 without room, and refuses what is no frame', async (t) => {
    const { link, relay } = open(t, {}, { slots: 1 });
    const registration = relay.register([L2EndpointKey.of(PEER, 0x0800)]);
    assert.throws(() => registration.trySend(Buffer.alloc(13)), OptionError);
    assert.throws(() => registration.trySend('frame' as never), { option: 'frame' });
    assert.throws(() => registration.trySend(Buffer.alloc(1523)), MessageTooLongError);
    assert.equal(registration.trySend(Buffer.alloc(1522)), 1);
    assert.equal(registration.trySend(Buffer.alloc(60)), 0);
    link.release(1);
    registration.close();
    assert.throws(() => registration.trySend(Buffer.alloc(60)), ClosedError);
    const other = relay.register([L2EndpointKey.of(PEER, 0x0800)]);
    await relay.close();
    assert.throws(() => other.trySend(Buffer.alloc(60)), RelayStoppedError);
  });
});

describe('frames that the link has taken and will not send', () => {
  it('are told, through middleware too', (t) => {
    const link = new FakeLink();
    const logged: unknown[] = [];
    const quiet = { debug() {}, info() {}, error() {} };
    const logger = { ...quiet, warn: (object: object) => void logged.push(object) };
    const relay = new Relay(faultLink(captureLink(link, () => {})), { logger });
    t.after(() => relay.close());
    const told: unknown[] = [];
    relay.on('refused', (error, frames) => told.push([error, frames]));
    const err = new Error('too long');
    link.receiver.refused!(err, 3);
    assert.deepEqual(told, [[err, 3]]);
    assert.deepEqual(logged, [{ interface: 'fake0', err, frames: 3 }]);
  });

  it('are a warning of the process, once, when nobody listens', async (t) => {
    const { link } = open(t);
    const warnings: Error[] = [];
    const keep = (warning: Error) => void warnings.push(warning);
    process.on('warning', keep);
    t.after(() => process.off('warning', keep));
    const err = new Error('too long');
    for (let i = 0; i < 3; i++) link.receiver.refused!(err, 1);
    await settleTurns();
    assert.deepEqual(warnings, [err]);
  });
});

describe('a link that takes longer frames of some types', () => {
  class TagLink extends FakeLink {
    maxFrameLengthOf(type: number): number {
      return type === 0x8100 ? 1518 : 1514;
    }
  }

  it('has conns with the MTU that is left beside their tags, through middleware too', (t) => {
    for (const link of [new TagLink(), faultLink(captureLink(new TagLink(), () => {}))]) {
      const relay = new Relay(link);
      t.after(() => relay.close());
      const mtus = [[], [5], [{ id: 5, tpid: 0x88a8 }], [5, 6], [{ id: 5, tpid: 0x88a8 }, 6]].map(
        (vlans) => new EtherConn(MAC, relay, [], { vlans }).mtu,
      );
      assert.deepEqual(mtus, [1500, 1500, 1496, 1496, 1492]);
      assert.throws(() => relay.trySendFrame(Buffer.alloc(1515)), MessageTooLongError);
      const tagged = Buffer.alloc(1518);
      tagged.writeUInt16BE(0x8100, 12);
      assert.equal(relay.trySendFrame(tagged), 1);
    }
  });
});

describe('steering', () => {
  it('tells the link of each registration when it is made, and when it goes', (t) => {
    const { link, relay, conn } = open(t);
    const other = new EtherConn(PEER, relay, [0x0800, 0x86dd], { vlans: [5], receiveMulticast: true });
    void conn.close();
    void other.close();
    const told = (stations: readonly Station[]) =>
      stations.map(({ macHigh, macLow, vlanKey, etherTypes }) => [macHigh, macLow, vlanKey, ...etherTypes]);
    const first = [0x02000000, 1, 0, ETHERTYPE];
    const second = [0x02000000, 2, 0x01000005, 0x0800, 0x86dd];
    assert.deepEqual(
      link.steered.map(({ added, removed, wants }) => [told(added), told(removed), wants.all, wants.group]),
      [
        [[first], [], false, false],
        [[second], [], false, true],
        [[], [first], false, true],
        [[], [second], false, false],
      ],
    );
  });

  it('wants everything while there is a default or mirror conn', async (t) => {
    const { link, relay } = open(t);
    const mirror = new EtherConn(PEER, relay, [], { role: 'mirror' });
    assert.deepEqual(link.steered.at(-1)?.wants, { all: true, group: true });
    await mirror.close();
    assert.deepEqual(link.steered.at(-1)?.wants, { all: false, group: false });
  });

  it('is done before the first frame of a new conn goes out', async (t) => {
    const { link, conn } = open(t, { sendingMode: 'batch' });
    conn.trySendPacketTo(payload(1), ETHERTYPE, PEER);
    await settleTurns();
    assert.deepEqual(link.calls, ['steer', 'commit', 'flush']);
  });
});
