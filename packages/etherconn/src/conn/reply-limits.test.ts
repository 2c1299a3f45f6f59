import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { MessageTooLongError } from '../errors.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink, type FakeLinkOptions } from '../test-support/fake-link.ts';
import { buildUdpFrame, type UdpFrameOptions } from '../wire/build.ts';
import type { Batch } from './batch.ts';
import { EtherConn } from './ether-conn.ts';
import { RUDPConn } from './rudp-conn.ts';

const MAC = '02:00:00:00:00:02';

function open(t: TestContext, options: FakeLinkOptions = { maxFrameLength: 1514 }) {
  const link = new FakeLink(options);
  const relay = new Relay(link);
  t.after(() => relay.close());
  return { link, relay };
}

function frame(fields: Partial<UdpFrameOptions> = {}): Uint8Array {
  return buildUdpFrame({
    sourceMac: '02:00:00:00:00:01',
    destinationMac: MAC,
    source: '10.0.0.1',
    destination: '10.0.0.2',
    sourcePort: 1000,
    destinationPort: 53,
    payload: 'ping',
    ...fields,
  });
}

/** What `batch.reply(payload)` gives or throws for each packet. */
function replies(into: unknown[], payload: (batch: Batch) => Uint8Array): (batch: Batch) => void {
  return (batch) => {
    while (batch.next()) {
      try {
        into.push(batch.reply(payload(batch)));
      } catch (error) {
        into.push((error as Error).constructor);
      }
    }
  };
}

describe('an answer that is too long', () => {
  it("only for the request's VLAN tags is not sent, but counted", (t) => {
    const { link, relay } = open(t);
    const ether = new EtherConn(MAC, relay, [], { role: 'default' });
    const conn = new RUDPConn({ address: '10.0.0.2', port: 53 }, ether);
    const results: unknown[] = [];
    conn.onBatch(replies(results, () => Buffer.alloc(1472)));
    link.deliver([frame(), frame({ vlans: [{ id: 5 }] }), frame({ vlans: [{ id: 5 }, { id: 6 }] })]);
    assert.deepEqual(results, [1, 0, 0]);
    const { replyTooLong, noRoom, sent } = conn.stats();
    assert.deepEqual({ replyTooLong, noRoom, sent }, { replyTooLong: 2, noRoom: 0, sent: 1 });
    conn.onBatch(replies(results, () => Buffer.alloc(1473)));
    link.deliver([frame()]);
    assert.equal(results[3], MessageTooLongError);
  });

  it('only for the IP version of the request, too', (t) => {
    const { link, relay } = open(t);
    const options = { acceptAny: true };
    const conn = new RUDPConn({ address: '10.0.0.2', port: 53 }, new EtherConn(MAC, relay), options);
    const results: unknown[] = [];
    conn.onBatch(replies(results, () => Buffer.alloc(1472)));
    link.deliver([frame(), frame({ source: '2001:db8::1', destination: '2001:db8::2' })]);
    assert.deepEqual([results, conn.stats().replyTooLong], [[1, 0], 1]);
  });

  it('no longer than an oversize request is not sent, but counted: an echo does not throw', (t) => {
    const { link, relay } = open(t);
    const conn = new RUDPConn({ address: '10.0.0.2', port: 53 }, new EtherConn(MAC, relay));
    const results: unknown[] = [];
    conn.onBatch(replies(results, (batch) => batch.copyPayload()));
    link.deliver([frame({ payload: Buffer.alloc(1473) }), frame()]);
    assert.deepEqual([results, conn.stats().replyTooLong], [[0, 1], 1]);
  });

  it('of an EtherConn likewise', (t) => {
    const { link, relay } = open(t);
    const conn = new EtherConn(MAC, relay, [], { role: 'default' });
    const results: unknown[] = [];
    conn.onBatch(replies(results, () => Buffer.alloc(1500)));
    link.deliver([frame(), frame({ vlans: [{ id: 5 }] })]);
    conn.onBatch(replies(results, () => Buffer.alloc(1501)));
    link.deliver([frame({ vlans: [{ id: 5 }] }), frame({ payload: Buffer.alloc(1473) })]);
    assert.deepEqual(results, [1, 0, MessageTooLongError, 0]);
    assert.equal(conn.stats().replyTooLong, 2);
  });

  it('to an IEEE 802.3 frame has no EtherType for its length', (t) => {
    const { link, relay } = open(t, { mtu: 9000 });
    const conn = new EtherConn(MAC, relay, [], { role: 'default' });
    const results: unknown[] = [];
    const request = Uint8Array.of(2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0, 3, 0x42, 0x42, 3);
    for (const length of [1500, 1501]) {
      conn.onBatch(replies(results, () => Buffer.alloc(length)));
      link.deliver([request]);
    }
    assert.deepEqual([results, conn.stats().replyTooLong], [[1, 0], 1]);
    assert.equal(link.sent[0].readUInt16BE(12), 1500);
  });
});

/** Bytes that turn out to be nobody's when they are copied. */
function detached(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

/** Bytes that fail whoever looks at their length once he has his slot. */
function failing({ tx }: FakeLink): Uint8Array {
  const reserve = tx.reserve.bind(tx);
  let reserved = false;
  tx.reserve = (length) => {
    reserved = true;
    return reserve(length);
  };
  const length = () => {
    if (reserved) throw new TypeError('no more');
    return 4;
  };
  return Object.defineProperty(Buffer.alloc(4), 'length', { get: length });
}

describe('a send that throws half-way gives its slot back', () => {
  // There is one slot.
  const options = { slots: 1 };

  it('trySendPacketTo, trySend of a registration', (t) => {
    const { link, relay } = open(t, options);
    const conn = new EtherConn(MAC, relay);
    const to = '02:00:00:00:00:01';
    assert.throws(() => conn.trySendPacketTo(detached(4), 0x0800, to), TypeError);
    assert.equal(conn.trySendPacketTo(Buffer.alloc(4), 0x0800, to), 1);
    link.release(1);
    const raw = relay.register([conn.localAddr().getKey()]);
    const lying = Object.defineProperty(detached(60), 'length', { value: 60 });
    assert.throws(() => raw.trySend(lying), TypeError);
    assert.equal(raw.trySend(frame()), 1);
  });

  it('a UDP peer', (t) => {
    const { link, relay } = open(t, options);
    const conn = new RUDPConn({ address: '10.0.0.2', port: 53 }, new EtherConn(MAC, relay));
    const peer = conn.peer({ address: '10.0.0.1', port: 1 });
    const lying = Object.defineProperty(detached(60), 'length', { value: 60 });
    assert.throws(() => peer.trySend(lying), TypeError);
    assert.equal(peer.trySend(Buffer.alloc(4)), 1);
    assert.equal(link.sent.length, 1);
  });

  it('answers of an EtherConn and of a UDP conn', (t) => {
    for (const udp of [false, true]) {
      const { link, relay } = open(t, options);
      const ether = new EtherConn(MAC, relay);
      const conn = udp ? new RUDPConn({ address: '10.0.0.2', port: 53 }, ether) : ether;
      const results: unknown[] = [];
      const bad = [udp ? failing(link) : detached(4)];
      conn.onBatch(replies(results, () => bad.pop() ?? Buffer.alloc(4)));
      link.deliver([frame(), frame()]);
      assert.deepEqual(results, [TypeError, 1]);
    }
  });
});
