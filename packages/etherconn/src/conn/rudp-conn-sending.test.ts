import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { MessageTooLongError, NoRoomError, OptionError, TimeoutError } from '../errors.ts';
import { Relay, type RelayOptions } from '../relay/relay.ts';
import { FakeLink, type FakeLinkOptions } from '../test-support/fake-link.ts';
import { parsed } from '../test-support/frames.ts';
import { twoRelays } from '../test-support/two-relays.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { readU16 } from '../wire/bytes.ts';
import { ChecksumState } from '../wire/checksum.ts';
import { ipv4ChecksumState } from '../wire/ipv4.ts';
import { transportChecksumState } from '../wire/transport-checksum.ts';
import type { Vlan } from '../wire/vlan.ts';
import { EtherConn } from './ether-conn.ts';
import { RUDPConn, type RUDPConnOptions } from './rudp-conn.ts';

const MAC = '02:00:00:00:00:01';
const HOP = '02:00:00:00:00:02';
const LOCAL4 = { address: '10.0.0.1', port: 1000 };
const REMOTE4 = { address: '10.0.0.2', port: 53 };
const LOCAL6 = { address: '2001:db8::1', port: 1000 };
const REMOTE6 = { address: '2001:db8::2', port: 53 };

interface Setup {
  readonly local?: { address: string; port: number };
  readonly vlans?: readonly (number | Vlan)[];
  readonly options?: RUDPConnOptions;
  readonly link?: FakeLinkOptions;
  readonly relay?: RelayOptions;
}

function open(t: TestContext, setup: Setup = {}) {
  const link = new FakeLink(setup.link);
  const relay = new Relay(link, setup.relay);
  t.after(() => relay.close());
  const ether = new EtherConn(MAC, relay, [], setup.vlans === undefined ? {} : { vlans: setup.vlans });
  const options = { resolveNextHop: () => HOP, ...setup.options };
  return { link, relay, conn: new RUDPConn(setup.local ?? LOCAL4, ether, options) };
}

/** Identification of the IPv4 header of an untagged frame. */
function ipv4Id(frame: Uint8Array): number {
  return readU16(frame, 18);
}

/** Whether both checksums of a frame are right, or there is none where `zero`. */
function checksumsAre(frame: Uint8Array, transport: number): void {
  const record = parsed(frame);
  assert.notEqual(ipv4ChecksumState(frame, record), ChecksumState.BAD);
  assert.equal(transportChecksumState(frame, record), transport);
}

describe('RUDPConn sends', () => {
  it('the very bytes of a datagram over IPv4', async (t) => {
    const { link, conn } = open(t);
    assert.equal(await conn.writeTo(Buffer.from('hello'), REMOTE4), 5);
    const [frame] = link.sent;
    const expected = buildUdpFrame({
      sourceMac: MAC,
      destinationMac: HOP,
      source: '10.0.0.1',
      destination: '10.0.0.2',
      sourcePort: 1000,
      destinationPort: 53,
      payload: 'hello',
      identification: ipv4Id(frame),
    });
    // The builder leaves DF to others; it is set here, and the header checksum is 0x4000 less for it.
    const record = parsed(expected);
    expected[record.l3 + 6] |= 0x40;
    const checksum = readU16(expected, record.l3 + 10);
    const less = checksum >= 0x4000 ? checksum - 0x4000 : checksum - 0x4000 + 0xffff;
    expected.set([less >> 8, less & 0xff], record.l3 + 10);
    assert.deepEqual(frame, Buffer.from(expected));
    checksumsAre(frame, ChecksumState.GOOD);
  });

  it('the very bytes of a datagram over IPv6 and two VLANs', async (t) => {
    const vlans = [{ id: 100, tpid: 0x88a8, pcp: 3 }, { id: 5 }];
    const { link, conn } = open(t, { local: LOCAL6, vlans });
    await conn.writeTo(Buffer.from('hello'), REMOTE6);
    const expected = buildUdpFrame({
      sourceMac: MAC,
      destinationMac: HOP,
      vlans,
      source: '2001:db8::1',
      destination: '2001:db8::2',
      sourcePort: 1000,
      destinationPort: 53,
      payload: 'hello',
    });
    assert.deepEqual(link.sent, [Buffer.from(expected)]);
  });

  it('with ttl, tos and without DF, as the options say', async (t) => {
    const { link, conn } = open(t, { options: { ttl: 7, tos: 0xb8, dontFragment: false } });
    await conn.writeTo(Buffer.alloc(3), REMOTE4);
    const [frame] = link.sent;
    assert.deepEqual([frame[15], frame[20], frame[22]], [0xb8, 0, 7]);
    checksumsAre(frame, ChecksumState.GOOD);
    const other = open(t, { local: LOCAL6, options: { ttl: 9, tos: 0xb8 } });
    await other.conn.writeTo(Buffer.alloc(3), REMOTE6);
    assert.deepEqual([...other.link.sent[0].subarray(14, 18), other.link.sent[0][21]], [0x6b, 0x80, 0, 0, 9]);
    checksumsAre(other.link.sent[0], ChecksumState.GOOD);
  });

  it('right checksums and lengths for any payload, address, port and VLANs', () => {
    const setup = fc.record({
      v6: fc.boolean(),
      payload: fc.uint8Array({ maxLength: 200 }),
      host: fc.integer({ min: 1, max: 254 }),
      port: fc.integer({ min: 0, max: 65535 }),
      vlans: fc.array(fc.integer({ min: 1, max: 4094 }), { maxLength: 2 }),
      offset: fc.nat({ max: 3 }),
    });
    fc.assert(
      fc.property(setup, ({ v6, payload, host, port, vlans, offset }) => {
        const link = new FakeLink();
        const ether = new EtherConn(MAC, new Relay(link), [], { vlans });
        const conn = new RUDPConn(v6 ? LOCAL6 : LOCAL4, ether);
        // Any alignment of the payload in its own buffer.
        const moved = new Uint8Array(payload.length + offset).subarray(offset);
        moved.set(payload);
        const address = v6 ? `2001:db8::${host.toString(16)}` : `10.0.0.${host}`;
        assert.equal(conn.trySendTo(moved, { address, port }), 1);
        const [frame] = link.sent;
        const record = parsed(frame);
        assert.equal(record.error, 0);
        assert.deepEqual([record.sourcePort, record.destinationPort, record.end], [1000, port, frame.length]);
        assert.equal(record.vlanCount, vlans.length);
        assert.deepEqual(frame.subarray(record.payload, record.payloadEnd), Buffer.from(payload));
        checksumsAre(frame, ChecksumState.GOOD);
      }),
      { numRuns: 300 },
    );
  });

  it('a checksum that comes out as 0 as 0xffff', async (t) => {
    const { link, conn } = open(t);
    await conn.writeTo(Buffer.alloc(2), REMOTE4);
    const word = link.sent[0].readUInt16BE(40);
    // With its own checksum as payload, the sum is all ones.
    await conn.writeTo(Buffer.of(word >> 8, word & 0xff), REMOTE4);
    assert.equal(link.sent[1].readUInt16BE(40), 0xffff);
    checksumsAre(link.sent[1], ChecksumState.GOOD);
  });

  it('no checksum over IPv4 when it is switched off; over IPv6 that is refused', async (t) => {
    const { link, relay, conn } = open(t, { options: { checksum: false } });
    await conn.writeTo(Buffer.from('hello'), REMOTE4);
    checksumsAre(link.sent[0], ChecksumState.ZERO);
    const ether = new EtherConn(HOP, relay);
    assert.throws(() => new RUDPConn(LOCAL6, ether, { checksum: false }), { option: 'checksum' });
  });

  it('IPv4 identifications that go up', (t) => {
    const { link, conn } = open(t);
    const peer = conn.peer(REMOTE4);
    for (let i = 0; i < 3; i++) peer.trySend(Buffer.alloc(1));
    const [a, b, c] = link.sent.map(ipv4Id);
    assert.deepEqual([b, c], [(a + 1) & 0xffff, (a + 2) & 0xffff]);
  });

  it('trySendMany sends in order until there is no room', (t) => {
    const { link, conn } = open(t, { link: { slots: 3 } });
    const payloads = [1, 2, 3, 4].map((i) => Buffer.of(i));
    assert.equal(conn.trySendMany(payloads, REMOTE4), 3);
    assert.deepEqual(
      link.sent.map((frame) => frame[42]),
      [1, 2, 3],
    );
    assert.equal(conn.trySendMany([], REMOTE4), 0);
    link.release(3);
    assert.equal(conn.peer(REMOTE4).trySendMany(payloads.slice(3)), 1);
  });

  it('up to what the MTU allows, and EMSGSIZE beyond', async (t) => {
    const { conn } = open(t, { link: { mtu: 1000 }, vlans: [5] });
    assert.equal(conn.peer(REMOTE4).maxPayload, 972);
    await conn.writeTo(Buffer.alloc(972), REMOTE4);
    await assert.rejects(conn.writeTo(Buffer.alloc(973), REMOTE4), MessageTooLongError);
    assert.throws(() => conn.trySendTo(Buffer.alloc(973), REMOTE4), { code: 'EMSGSIZE' });
    const six = open(t, { link: { mtu: 1000 }, local: LOCAL6 });
    assert.equal(six.conn.peer(REMOTE6).maxPayload, 952);
    await six.conn.writeTo(Buffer.alloc(952), REMOTE6);
  });

  it('no more than the length fields can say on an interface with a larger MTU', (t) => {
    const four = open(t, { link: { mtu: 65536, slots: 1 } });
    assert.equal(four.conn.peer(REMOTE4).maxPayload, 65507);
    four.conn.trySendTo(Buffer.alloc(65507, 1), REMOTE4);
    checksumsAre(four.link.sent[0], ChecksumState.GOOD);
    const six = open(t, { link: { mtu: 65536, slots: 1 }, local: LOCAL6 });
    assert.equal(six.conn.peer(REMOTE6).maxPayload, 65488);
    six.conn.trySendTo(Buffer.alloc(65488, 1), REMOTE6);
    checksumsAre(six.link.sent[0], ChecksumState.GOOD);
  });

  it('refuses wrong destinations and payloads', async (t) => {
    const { conn } = open(t);
    await assert.rejects(conn.writeTo(Buffer.alloc(1), REMOTE6), { option: 'address' });
    await assert.rejects(conn.writeTo(Buffer.alloc(1), { address: 'dns.example', port: 53 }), OptionError);
    await assert.rejects(conn.writeTo(Buffer.alloc(1), { address: '10.0.0.2', port: 65536 }), OptionError);
    await assert.rejects(conn.writeTo(Buffer.alloc(1), undefined as never), OptionError);
    await assert.rejects(conn.writeTo('x' as never, REMOTE4), { option: 'payload' });
    assert.equal(conn.trySendTo(Buffer.alloc(1), { address: Uint8Array.of(10, 0, 0, 2), port: 53 }), 1);
  });
});

describe('RUDPConn under back-pressure', () => {
  it('writeTo waits for room, in order', async (t) => {
    const { link, conn } = open(t, { link: { slots: 1 } });
    const writes = [1, 2, 3].map((i) => conn.writeTo(Buffer.of(i), REMOTE4));
    await Promise.resolve();
    assert.equal(link.sent.length, 1);
    for (let i = 0; i < 3; i++) link.release(1);
    assert.deepEqual(await Promise.all(writes), [1, 1, 1]);
    assert.deepEqual(
      link.sent.map((frame) => frame[42]),
      [1, 2, 3],
    );
  });

  it('a deadline or timeout ends the wait, and sendDepth bounds it', async (t) => {
    const { conn } = open(t, { link: { slots: 1 }, relay: { sendDepth: 1 } });
    await conn.writeTo(Buffer.of(1), REMOTE4);
    await assert.rejects(conn.writeTo(Buffer.of(2), REMOTE4, { timeout: 0 }), TimeoutError);
    const waiting = conn.writeTo(Buffer.of(3), REMOTE4);
    await assert.rejects(conn.writeTo(Buffer.of(4), REMOTE4), NoRoomError);
    conn.setWriteDeadline(new Date(0));
    await assert.rejects(waiting, TimeoutError);
    await assert.rejects(conn.writeTo(Buffer.of(5), REMOTE4), TimeoutError);
  });

  it('loses none of 20,000 datagrams in a row over a memory network', async (t) => {
    const { a, b } = twoRelays(t);
    const sender = new RUDPConn(LOCAL4, new EtherConn(MAC, a), { resolveNextHop: () => HOP });
    const receiver = new RUDPConn(REMOTE4, new EtherConn(HOP, b));
    let next = 0;
    const done = new Promise<void>((resolve) => {
      receiver.on('message', (data) => {
        assert.equal(data.readUInt32BE(0), next++);
        if (next === 20_000) resolve();
      });
    });
    for (let i = 0; i < 20_000; i++) {
      const payload = Buffer.alloc(100);
      payload.writeUInt32BE(i);
      await sender.writeTo(payload, REMOTE4);
    }
    await done;
    assert.equal(a.stats().link.txNoRoom > 0, true);
  });
});
