import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { MessageTooLongError, RelayStoppedError } from '../errors.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink, type FakeLinkOptions } from '../test-support/fake-link.ts';
import { frames, parsed } from '../test-support/frames.ts';
import { twoRelays } from '../test-support/two-relays.ts';
import { buildUdpFrame, type UdpFrameOptions } from '../wire/build.ts';
import { ChecksumState } from '../wire/checksum.ts';
import { formatIp } from '../wire/ip.ts';
import { ipv4ChecksumState } from '../wire/ipv4.ts';
import { formatMac } from '../wire/mac.ts';
import { transportChecksumState } from '../wire/transport-checksum.ts';
import { EtherConn } from './ether-conn.ts';
import type { EthernetOptions } from './ethernet-endpoint.ts';
import { RUDPConn, type RUDPConnOptions } from './rudp-conn.ts';

const MAC = '02:00:00:00:00:02';

interface Setup {
  readonly local?: { address: string; port: number };
  readonly ether?: EthernetOptions;
  readonly options?: RUDPConnOptions;
  readonly link?: FakeLinkOptions;
}

/** A conn that answers everything with `answer`. */
function open(t: TestContext, setup: Setup = {}, answer = 'pong') {
  const link = new FakeLink(setup.link);
  const relay = new Relay(link);
  t.after(() => relay.close());
  const ether = new EtherConn(MAC, relay, [], setup.ether);
  const conn = new RUDPConn(setup.local ?? { address: '10.0.0.2', port: 53 }, ether, setup.options);
  const results: number[] = [];
  conn.onBatch((batch) => {
    while (batch.next()) results.push(batch.reply(Buffer.from(answer)));
  });
  return { link, relay, conn, results };
}

function build(fields: Partial<UdpFrameOptions> = {}): Uint8Array {
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

/** Who sends what to whom in a frame, and whether its checksums are right. */
function describeFrame(frame: Buffer): string {
  const record = parsed(frame);
  assert.equal(record.error, 0);
  assert.notEqual(ipv4ChecksumState(frame, record), ChecksumState.BAD);
  assert.equal(transportChecksumState(frame, record), ChecksumState.GOOD);
  const ip = (offset: number) => formatIp(frame, offset, record.ipVersion);
  const from = `${formatMac(frame, 6)} ${ip(record.ipSource)} ${record.sourcePort}`;
  const to = `${formatMac(frame, 0)} ${ip(record.ipDestination)} ${record.destinationPort}`;
  return `${from} > ${to} ${frame.toString('utf8', record.payload, record.payloadEnd)}`;
}

describe('reply from inside of onBatch', () => {
  it('swaps addresses and ports, over IPv4', (t) => {
    const { link, conn, results } = open(t);
    link.deliver([build(), build({ sourcePort: 1001 })]);
    assert.deepEqual(results, [1, 1]);
    assert.deepEqual(link.sent.map(describeFrame), [
      '02:00:00:00:00:02 10.0.0.2 53 > 02:00:00:00:00:01 10.0.0.1 1000 pong',
      '02:00:00:00:00:02 10.0.0.2 53 > 02:00:00:00:00:01 10.0.0.1 1001 pong',
    ]);
    assert.deepEqual([conn.stats().sent, conn.stats().sentBytes], [2, 8]);
  });

  it('over IPv6, also when the question had extension headers', (t) => {
    const { link } = open(t, { local: { address: '2001:db8::2', port: 2 } });
    link.deliver([frames.udp6Extensions]);
    assert.deepEqual(link.sent.map(describeFrame), [
      '02:00:00:00:00:02 2001:db8::2 2 > 02:00:00:00:00:01 2001:db8::1 1 pong',
    ]);
  });

  it("in the conn's own VLAN tags", (t) => {
    const { link } = open(t, { ether: { vlans: [{ id: 100, tpid: 0x88a8, pcp: 5 }, 7] } });
    link.deliver([build({ vlans: [{ id: 100 }, { id: 7 }] })]);
    assert.equal(link.sent[0].toString('hex', 12, 22), '88a8a064810000070800');
    describeFrame(link.sent[0]);
  });

  it('has ttl, tos, DF and no checksum as the options say', (t) => {
    const { link } = open(t, { options: { ttl: 3, tos: 4, dontFragment: false, checksum: false } });
    link.deliver([build()]);
    const [frame] = link.sent;
    assert.deepEqual([frame[15], frame[20], frame[22]], [4, 0, 3]);
    const record = parsed(frame);
    assert.equal(ipv4ChecksumState(frame, record), ChecksumState.GOOD);
    assert.equal(transportChecksumState(frame, record), ChecksumState.ZERO);
    const six = open(t, { local: { address: '2001:db8::2', port: 53 }, options: { ttl: 3, tos: 0x45 } });
    six.link.deliver([frames.udp6]);
    assert.equal(six.link.sent[0].toString('hex', 14, 18), '64500000');
    assert.equal(six.link.sent[0][21], 3);
  });

  it('of a conn bound to no address comes from the address that was asked', (t) => {
    const { link } = open(t, { local: { address: '0.0.0.0', port: 53 } });
    link.deliver([build({ destination: '10.7.7.7' })]);
    assert.deepEqual(link.sent.map(describeFrame), [
      '02:00:00:00:00:02 10.7.7.7 53 > 02:00:00:00:00:01 10.0.0.1 1000 pong',
    ]);
  });

  it('of a conn that takes anything comes from the address and port that was asked, in its IP version', (t) => {
    const { link } = open(t, { options: { acceptAny: true } });
    link.deliver([build({ destination: '10.7.7.7', destinationPort: 99 }), frames.udp6]);
    assert.deepEqual(link.sent.map(describeFrame), [
      '02:00:00:00:00:02 10.7.7.7 99 > 02:00:00:00:00:01 10.0.0.1 1000 pong',
      '02:00:00:00:00:02 2001:db8::2 53 > 02:00:00:00:00:01 2001:db8::1 1000 pong',
    ]);
  });

  it("to a broadcast or multicast comes from the conn's own address", (t) => {
    const setup = { options: { acceptAny: true }, ether: { receiveMulticast: true } };
    const { link } = open(t, setup);
    link.deliver([
      build({ destinationMac: 'ff:ff:ff:ff:ff:ff', destination: '10.0.0.255' }),
      build({ destination: '255.255.255.255' }),
      build({ destination: '224.0.0.251' }),
      build({ destinationMac: '33:33:00:00:00:01', source: '2001:db8::1', destination: 'ff02::1' }),
    ]);
    const own = '02:00:00:00:00:02 10.0.0.2 53 > 02:00:00:00:00:01 10.0.0.1 1000 pong';
    // There is no IPv6 address to answer from.
    const none = '02:00:00:00:00:02 :: 53 > 02:00:00:00:00:01 2001:db8::1 1000 pong';
    assert.deepEqual(link.sent.map(describeFrame), [own, own, own, none]);
  });

  it('of a conn over a catch-all EtherConn goes in the VLANs of the frame, from the MAC address that was asked', (t) => {
    const { link } = open(t, { ether: { role: 'default' }, options: { acceptAny: true } });
    link.deliver([build({ destinationMac: '02:00:00:00:00:55', vlans: [{ id: 9, pcp: 2 }] })]);
    assert.equal(link.sent[0].toString('hex', 12, 18), '810040090800');
    assert.match(describeFrame(link.sent[0]), /^02:00:00:00:00:55 10\.0\.0\.2 53 >/);
  });

  it('has right checksums for any payload and addresses', () => {
    const setup = fc.record({
      v6: fc.boolean(),
      payload: fc.uint8Array({ maxLength: 120 }),
      sourcePort: fc.integer({ min: 0, max: 65535 }),
      host: fc.uint8Array({ minLength: 4, maxLength: 4 }),
      vlans: fc.array(fc.integer({ min: 1, max: 4094 }), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(setup, ({ v6, payload, sourcePort, host, vlans }) => {
        const link = new FakeLink();
        const local = { address: v6 ? '2001:db8::2' : '10.0.0.2', port: 53 };
        const conn = new RUDPConn(local, new EtherConn(MAC, new Relay(link), [], { vlans }));
        conn.onBatch((batch) => {
          while (batch.next()) batch.reply(payload);
        });
        // No multicast address nor 255.255.255.255: those are no sources.
        const unicast = Uint8Array.of(host[0] % 224, ...host.subarray(1));
        const source = v6 ? Uint8Array.of(0x20, 1, ...new Array(10).fill(7), ...host) : unicast;
        const tags = vlans.map((id) => ({ id }));
        link.deliver([build({ source, destination: local.address, sourcePort, vlans: tags })]);
        const [frame] = link.sent;
        const record = parsed(frame);
        describeFrame(frame);
        assert.deepEqual(
          frame.subarray(record.ipDestination, record.ipDestination + source.length),
          Buffer.from(source),
        );
        assert.deepEqual(frame.subarray(record.payload, record.payloadEnd), Buffer.from(payload));
        assert.equal(record.destinationPort, sourcePort);
      }),
      { numRuns: 200 },
    );
  });

  it('can be the very bytes received', (t) => {
    const { link, conn } = open(t);
    conn.onBatch((batch) => {
      while (batch.next()) {
        const { u8, payloadOffset, payloadLength } = batch;
        batch.reply(u8.subarray(payloadOffset, payloadOffset + payloadLength));
      }
    });
    link.deliver([build({ payload: 'echo' })]);
    assert.match(describeFrame(link.sent[0]), / echo$/);
  });

  it('returns 0 without room, and throws when too long, closed or stopped', (t) => {
    const { link, relay, conn, results } = open(t, { link: { slots: 1 } });
    link.deliver([build(), build()]);
    assert.deepEqual(results, [1, 0]);
    assert.equal(conn.stats().noRoom, 1);
    const thrown: unknown[] = [];
    const attempt = (payload: Uint8Array, act = () => {}) => {
      conn.onBatch((batch) => {
        batch.next();
        act();
        try {
          batch.reply(payload);
        } catch (error) {
          thrown.push((error as Error).constructor);
        }
      });
      link.deliver([build()]);
    };
    attempt(Buffer.alloc(1473));
    attempt(Buffer.alloc(1), () => void relay.close());
    assert.deepEqual(thrown, [MessageTooLongError, RelayStoppedError]);
  });

  it('loses none of 10,000 round trips over a memory network', async (t) => {
    const { a, b } = twoRelays(t, { sendingMode: 'batch' });
    const client = new RUDPConn({ address: '10.0.0.1', port: 1 }, new EtherConn('02:00:00:00:00:01', a), {
      resolveNextHop: () => MAC,
      receiveDepth: 20_000,
    });
    const server = new RUDPConn({ address: '10.0.0.2', port: 2 }, new EtherConn(MAC, b));
    let refused = 0;
    server.onBatch((batch) => {
      while (batch.next()) refused += 1 - batch.reply(batch.copyPayload());
    });
    const peer = client.peer({ address: '10.0.0.2', port: 2 });
    for (let i = 0; i < 10_000; i++) {
      const payload = Buffer.alloc(4);
      payload.writeUInt32BE(i);
      await peer.send(payload);
      if (i % 64 === 63) await new Promise((resolve) => setImmediate(resolve));
    }
    for (let i = 0; i < 10_000; i++) {
      const { data } = await client.readFrom({ timeout: 10_000 });
      assert.equal(data.readUInt32BE(0), i);
    }
    assert.equal(refused, 0);
  });
});
