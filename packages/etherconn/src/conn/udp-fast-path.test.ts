import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FrameFlag } from '../link/link.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink } from '../testing/fake-link.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { EtherConn } from './ether-conn.ts';
import { RUDPConn } from './rudp-conn.ts';

/** The relay's fast path for UDP datagrams must differ from the long way in nothing but time. */

const PORT = 53;
const STATIONS = [
  { mac: '02:00:00:00:00:0a', address: '10.0.0.1', vlans: [] },
  { mac: '02:00:00:00:00:0b', address: '10.0.0.2', vlans: [7] },
  { mac: '02:00:00:00:00:0c', address: '10.0.0.3', vlans: [] },
] as const;

/** The same conns twice: frames that begin 2 bytes past a word may take the fast path, others never do. */
class Way {
  readonly link = new FakeLink({ partialChecksums: true });
  readonly relay = new Relay(this.link);
  readonly conns: RUDPConn[];
  /** What conns were handed, in order: which of them, and all that can be known of the datagram. */
  readonly heard: unknown[] = [];
  readonly #past: number;

  constructor(past: number) {
    this.#past = past;
    this.conns = STATIONS.map(({ mac, address, vlans }, index) => {
      const conn = new RUDPConn({ address, port: PORT }, new EtherConn(mac, this.relay, [], { vlans }), {
        verifyChecksum: index === 2 ? 'off' : 'auto',
      });
      conn.onBatch((batch) => {
        while (batch.next()) {
          this.heard.push([
            index,
            batch.copyPayload().toString('hex'),
            batch.remoteAddress(),
            batch.localAddress(),
            batch.remotePort,
            batch.localPort,
            batch.remoteMac(),
            batch.vlans(),
            batch.vlanKey,
            batch.etherType,
            batch.ipVersion,
            batch.frameLength,
            batch.networkOffset - batch.frameOffset,
          ]);
        }
      });
      return conn;
    });
  }

  deliver(frames: readonly Uint8Array[], flags: number): void {
    this.link.deliver(frames, flags, this.#past);
  }

  outcome() {
    const { link: _, ...stats } = this.relay.stats();
    return { heard: this.heard, conns: this.conns.map((conn) => conn.stats()), stats };
  }
}

const frame = fc
  .record({
    station: fc.nat(STATIONS.length - 1),
    otherMac: fc.constantFrom(
      'ff:ff:ff:ff:ff:ff',
      '02:00:00:00:00:0d',
      undefined,
      undefined,
      undefined,
      undefined,
    ),
    sourceMac: fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:0a', '03:00:00:00:00:01'),
    vlans: fc.constantFrom<(readonly number[])[]>([], [], [0], [7], [7], [0, 7], [9]),
    tpid: fc.constantFrom(0x8100, 0x8100, 0x88a8),
    source: fc.constantFrom(
      '10.0.0.9',
      '10.0.0.9',
      '10.0.0.1',
      '224.0.0.1',
      '255.255.255.255',
      '2001:db8::1',
    ),
    otherAddress: fc.constantFrom('10.0.0.4', '10.255.255.255', undefined, undefined, undefined),
    sourcePort: fc.constantFrom(0, 53, 4000, 65_535),
    destinationPort: fc.constantFrom(53, 53, 53, 54),
    payload: fc.uint8Array({ maxLength: 90, size: 'max' }),
    checksum: fc.constantFrom(
      'full' as const,
      'full' as const,
      'zero' as const,
      'partial' as const,
      'bad' as const,
    ),
    pad: fc.boolean(),
    flip: fc.option(fc.nat(), { freq: 3 }),
    cut: fc.option(fc.nat(60), { freq: 6 }),
  })
  .map(({ station, otherMac, otherAddress, vlans, tpid, source, flip, cut, ...rest }) => {
    const { mac, address } = STATIONS[station]!;
    const is6 = source.includes(':');
    const bytes = buildUdpFrame({
      ...rest,
      source,
      destination: is6 ? '2001:db8::2' : (otherAddress ?? address),
      destinationMac: otherMac ?? mac,
      vlans: vlans.map((id) => ({ id, tpid })),
    });
    // In the headers, mostly: that is where decisions are made.
    if (flip !== null) bytes[(flip >> 3) % Math.min(bytes.length, 50)]! ^= 1 << (flip & 7);
    return cut === null ? bytes : bytes.subarray(0, Math.max(14, bytes.length - cut));
  });

const batches = fc.array(
  fc.record({
    frames: fc.array(frame, { minLength: 1, maxLength: 20 }),
    flags: fc.constantFrom(0, 0, FrameFlag.CHECKSUM_PARTIAL, FrameFlag.CHECKSUM_VALID, FrameFlag.TRUNCATED),
  }),
  { minLength: 1, maxLength: 4 },
);

describe('the fast path for UDP datagrams', () => {
  it('differs from the long way in nothing, for any frames in any order', () => {
    fc.assert(
      fc.property(batches, (list) => {
        const fast = new Way(2);
        const long = new Way(3);
        for (const { frames, flags } of list) {
          fast.deliver(frames, flags);
          long.deliver(frames, flags);
        }
        assert.deepEqual(fast.outcome(), long.outcome());
      }),
      { numRuns: 400 },
    );
  });

  it('keeps the order where frames of a conn go both ways', () => {
    const way = new Way(2);
    const { mac, address } = STATIONS[0];
    const numbered = (payload: string, checksum: 'full' | 'partial') =>
      buildUdpFrame({
        sourceMac: '02:00:00:00:00:01',
        destinationMac: mac,
        source: '10.0.0.9',
        destination: address,
        sourcePort: 1,
        destinationPort: PORT,
        payload,
        checksum,
      });
    // A partial checksum is for the long way to judge.
    const kinds = ['full', 'partial', 'full', 'full', 'partial', 'partial', 'full'] as const;
    way.deliver(
      kinds.map((checksum, i) => numbered(`number ${i}`, checksum)),
      0,
    );
    const payloads = way.heard.map((entry) => Buffer.from((entry as string[])[1]!, 'hex').toString());
    assert.deepEqual(
      payloads,
      kinds.map((_, i) => `number ${i}`),
    );
    assert.equal(way.conns[0]!.stats().partialChecksum, 3);
  });

  it('counts what lay ready for a conn that another one’s callback closes', () => {
    const way = new Way(2);
    const [first, second] = way.conns;
    first!.onBatch(() => void second!.close());
    const frames = [0, 0, 1, 1, 1].map((station) => {
      const { mac, address, vlans } = STATIONS[station as 0 | 1];
      return buildUdpFrame({
        sourceMac: '02:00:00:00:00:01',
        destinationMac: mac,
        vlans: vlans.map((id) => ({ id })),
        source: '10.0.0.9',
        destination: address,
        sourcePort: 1,
        destinationPort: PORT,
        payload: 'some payload',
      });
    });
    way.deliver(frames, 0);
    assert.deepEqual(way.heard, []);
    const { enqueued, read, dropped, queued } = second!.stats();
    assert.deepEqual({ enqueued, read, dropped, queued }, { enqueued: 3, read: 0, dropped: 3, queued: 0 });
    assert.equal(first!.stats().read, 2);
    // Its place may be somebody else's now.
    way.deliver(frames, 0);
    assert.equal(way.relay.stats().noEndpoint, 3);
  });

  it('is not taken while somebody mirrors, nor with a hairpin', () => {
    const link = new FakeLink();
    const relay = new Relay(link, { hairpin: true });
    const conn = new RUDPConn({ address: '10.0.0.1', port: PORT }, new EtherConn(STATIONS[0].mac, relay));
    const datagram = buildUdpFrame({
      sourceMac: STATIONS[0].mac,
      destinationMac: STATIONS[0].mac,
      source: '10.0.0.9',
      destination: '10.0.0.1',
      sourcePort: 1,
      destinationPort: PORT,
      payload: 'claims to come from here',
    });
    link.deliver([datagram]);
    assert.equal(relay.stats().ownSource, 1);
    assert.equal(conn.stats().enqueued, 0);

    const way = new Way(2);
    const mirror = new EtherConn('02:00:00:00:00:1f', way.relay, [], { role: 'mirror' });
    way.deliver([datagram], 0);
    assert.equal(mirror.stats().enqueued, 1);
    assert.equal(way.relay.stats().mirrored, 1);
    assert.equal(way.heard.length, 1);
  });
});
