import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FrameFlag } from '../link/link.ts';
import { Relay } from '../relay/relay.ts';
import { FakeLink } from '../test-support/fake-link.ts';
import { buildUdpFrame } from '../wire/build.ts';
import { parseIp } from '../wire/ip.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { EtherConn } from './ether-conn.ts';
import { L4HashKey } from './l4-hash-key.ts';
import { RUDPConn } from './rudp-conn.ts';
import { SharedEtherConn } from './shared-ether-conn.ts';
import { SharedRUDPConn } from './shared-rudp-conn.ts';

/** The front for UDP must differ from the way through the layers in nothing but time. */

const PORT = 53;

/** Where datagrams go: a conn of each kind on a station, and whether it looks at checksums. */
const STATIONS = [
  { kind: 'rudp', mac: '02:00:00:00:00:0a', addresses: ['10.0.0.1'], vlans: [] },
  { kind: 'rudp', mac: '02:00:00:00:00:0b', addresses: ['10.0.0.2'], vlans: [7] },
  { kind: 'rudp', mac: '02:00:00:00:00:0c', addresses: ['10.0.0.3'], vlans: [], verifyChecksum: 'off' },
  { kind: 'rudp', mac: '02:00:00:00:00:0e', addresses: ['2001:db8::1'], vlans: [] },
  { kind: 'rudp', mac: '02:00:00:00:00:0f', addresses: ['2001:db8::2'], vlans: [7, 9] },
  { kind: 'shared', mac: '02:00:00:00:00:10', addresses: ['10.0.0.4', '2001:db8::4', '0.0.0.0'], vlans: [] },
  { kind: 'shared', mac: '02:00:00:00:00:11', addresses: ['10.0.0.5', '10.0.0.6'], vlans: [7] },
] as const;

const SENDER = '02:00:00:00:00:01';

interface WayOptions {
  readonly hairpin?: boolean;
  readonly mirror?: boolean;
}

/** The same conns twice: frames that begin 2 bytes past a word go to the front first, others never do. */
class Way {
  readonly link = new FakeLink({ partialChecksums: true });
  readonly relay: Relay;
  readonly conns: (RUDPConn | SharedRUDPConn)[] = [];
  readonly shared: SharedEtherConn[] = [];
  readonly mirror: EtherConn | undefined;
  /** What conns were handed, in order: which of them, and all that can be known of the datagram. */
  readonly heard: unknown[] = [];
  readonly #past: number;

  constructor(past: number, { hairpin = false, mirror = false }: WayOptions = {}) {
    this.#past = past;
    this.relay = new Relay(this.link, { hairpin });
    for (const station of STATIONS) {
      const { mac, vlans } = station;
      const verifyChecksum = 'verifyChecksum' in station ? station.verifyChecksum : 'auto';
      if (station.kind === 'rudp') {
        const conn = new EtherConn(mac, this.relay, [], { vlans });
        this.#add(new RUDPConn({ address: station.addresses[0], port: PORT }, conn, { verifyChecksum }));
        continue;
      }
      const conn = new SharedEtherConn(mac, this.relay, [], { vlans });
      this.shared.push(conn);
      for (const address of station.addresses) this.#add(new SharedRUDPConn({ address, port: PORT }, conn));
    }
    if (mirror) {
      this.mirror = new EtherConn('02:00:00:00:00:1f', this.relay, [], {
        role: 'mirror',
        receiveMulticast: true,
      });
    }
  }

  #add(conn: RUDPConn | SharedRUDPConn): void {
    const index = this.conns.push(conn) - 1;
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
          batch.protocol,
          batch.flags,
          batch.frameLength,
          batch.networkOffset - batch.frameOffset,
          batch.transportOffset - batch.frameOffset,
        ]);
      }
    });
  }

  deliver(frames: readonly Uint8Array[], flags: number): void {
    this.link.deliver(frames, flags, this.#past);
  }

  outcome() {
    const { link: _, ...stats } = this.relay.stats();
    const mirrored = this.mirror?.stats();
    const shared = this.shared.map((conn) => conn.stats());
    return { heard: this.heard, conns: this.conns.map((conn) => conn.stats()), shared, mirrored, stats };
  }
}

const frame = fc
  .record({
    station: fc.nat(STATIONS.length - 1),
    address: fc.nat(2),
    otherMac: fc.constantFrom('ff:ff:ff:ff:ff:ff', '02:00:00:00:00:0d', ...Array(8).fill(undefined)),
    sourceMac: fc.constantFrom(SENDER, SENDER, SENDER, '02:00:00:00:00:0a', '03:00:00:00:00:01'),
    otherVlans: fc.constantFrom<(readonly number[] | undefined)[]>(
      [0],
      [7],
      [0, 7],
      [7, 0],
      [9],
      [7, 9],
      [0, 7, 9],
      ...Array(14).fill(undefined),
    ),
    tpids: fc.array(fc.constantFrom(0x8100, 0x8100, 0x88a8), { minLength: 3, maxLength: 3 }),
    source: fc.constantFrom('a stranger', 'a stranger', 'a stranger', 'itself', 'a group', 'all', 'none'),
    otherAddress: fc.constantFrom('another', 'a group', ...Array(6).fill(undefined)),
    sourcePort: fc.constantFrom(0, 53, 4000, 65_535),
    destinationPort: fc.constantFrom(53, 53, 53, 54),
    payload: fc.uint8Array({ maxLength: 90, size: 'max' }),
    checksum: fc.constantFrom<('full' | 'zero' | 'partial' | 'bad')[]>(
      'full',
      'full',
      'full',
      'zero',
      'partial',
      'bad',
    ),
    pad: fc.boolean(),
    flip: fc.option(fc.nat(), { freq: 3 }),
    cut: fc.option(fc.nat(60), { freq: 6 }),
    shorter: fc.option(fc.nat(12), { freq: 5 }),
  })
  .map(
    ({
      station,
      address,
      otherMac,
      otherVlans,
      otherAddress,
      tpids,
      source,
      flip,
      cut,
      shorter,
      ...rest
    }) => {
      const { mac, addresses, vlans } = STATIONS[station]!;
      const own = addresses[address % addresses.length]!;
      const is6 = own.includes(':');
      const sources = is6
        ? { 'a stranger': '2001:db8::9', itself: own, 'a group': 'ff02::1', all: 'ff02::2', none: '::' }
        : {
            'a stranger': '10.0.0.9',
            itself: own,
            'a group': '224.0.0.1',
            all: '255.255.255.255',
            none: '0.0.0.0',
          };
      const others = is6
        ? { another: '2001:db8::8', 'a group': 'ff02::1' }
        : { another: '10.0.0.77', 'a group': '239.0.0.1' };
      const tags = otherVlans ?? vlans;
      const bytes = buildUdpFrame({
        ...rest,
        source: sources[source],
        destination: otherAddress === undefined ? own : others[otherAddress as 'another'],
        destinationMac: otherMac ?? mac,
        vlans: tags.map((id, i) => ({ id, tpid: tpids[i] })),
      });
      // UDP's length ends before IP's: what lies between is nobody's.
      if (shorter !== null) bytes[14 + 4 * tags.length + (is6 ? 40 : 20) + 5]! -= shorter;
      // In the headers, mostly: that is where decisions are made.
      if (flip !== null) bytes[(flip >> 3) % Math.min(bytes.length, 70)]! ^= 1 << (flip & 7);
      return cut === null ? bytes : bytes.subarray(0, Math.max(14, bytes.length - cut));
    },
  );

const batches = fc.array(
  fc.record({
    frames: fc.array(frame, { minLength: 1, maxLength: 20 }),
    flags: fc.constantFrom(0, 0, FrameFlag.CHECKSUM_PARTIAL, FrameFlag.CHECKSUM_VALID, FrameFlag.TRUNCATED),
  }),
  { minLength: 1, maxLength: 4 },
);

describe('the front for UDP', () => {
  for (const options of [{}, { mirror: true }, { hairpin: true }, { hairpin: true, mirror: true }]) {
    it(`differs from the layers in nothing, for any frames in any order: ${JSON.stringify(options)}`, () => {
      fc.assert(
        fc.property(batches, (list) => {
          const front = new Way(2, options);
          const layers = new Way(3, options);
          for (const { frames, flags } of list) {
            front.deliver(frames, flags);
            layers.deliver(frames, flags);
          }
          assert.deepEqual(front.outcome(), layers.outcome());
        }),
        { numRuns: 300 },
      );
    });
  }

  it('keeps the order where frames of a conn go both ways', () => {
    const way = new Way(2);
    const { mac, addresses } = STATIONS[0];
    const numbered = (payload: string, checksum: 'full' | 'partial') =>
      buildUdpFrame({
        sourceMac: '02:00:00:00:00:01',
        destinationMac: mac,
        source: '10.0.0.9',
        destination: addresses[0],
        sourcePort: 1,
        destinationPort: PORT,
        payload,
        checksum,
      });
    // A partial checksum is for the layers to judge.
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
      const { mac, addresses, vlans } = STATIONS[station as 0 | 1];
      return buildUdpFrame({
        sourceMac: '02:00:00:00:00:01',
        destinationMac: mac,
        vlans: vlans.map((id) => ({ id })),
        source: '10.0.0.9',
        destination: addresses[0],
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

  it('passes with the station: who takes it over gets its datagrams, and the old conn none', () => {
    const way = new Way(2);
    const { mac, addresses } = STATIONS[0];
    const datagram = buildUdpFrame({
      sourceMac: SENDER,
      destinationMac: mac,
      source: '10.0.0.9',
      destination: addresses[0],
      sourcePort: 1,
      destinationPort: PORT,
    });
    const local = { address: addresses[0], port: PORT };
    const newcomer = new RUDPConn(local, new EtherConn(mac, way.relay));
    way.deliver([datagram], 0);
    assert.deepEqual(way.heard, []);
    assert.equal(newcomer.stats().enqueued, 1);
    void newcomer.close();
    way.deliver([datagram], 0);
    assert.equal(way.relay.stats().noEndpoint, 1);
    const third = new RUDPConn(local, new EtherConn(mac, way.relay));
    way.deliver([datagram], 0);
    assert.equal(third.stats().enqueued, 1);
  });

  it('ends with the claim: whoever claims a released key gets its datagrams, and the old conn none', () => {
    const outcomes = [2, 3].map((past) => {
      const way = new Way(past);
      const [shared] = way.shared;
      const { mac, addresses } = STATIONS[5];
      const address = addresses[0];
      const datagram = buildUdpFrame({
        sourceMac: SENDER,
        destinationMac: mac,
        source: '10.0.0.9',
        destination: address,
        sourcePort: 1,
        destinationPort: PORT,
      });
      // The conn for any address is a second owner of what nobody else claims.
      const heardBy = () => way.heard.splice(0).map((entry) => (entry as unknown[])[0]);
      const rounds: unknown[] = [];
      way.deliver([datagram], 0);
      rounds.push(heardBy());
      shared!.unregister(new L4HashKey(parseIp(address), IpProtocol.UDP, PORT));
      way.deliver([datagram], 0);
      rounds.push(heardBy());
      const newcomer = new SharedRUDPConn({ address, port: PORT }, shared!);
      way.deliver([datagram, datagram], 0);
      rounds.push(heardBy(), newcomer.stats().enqueued);
      void way.conns[5]!.close();
      way.deliver([datagram], 0);
      rounds.push(heardBy(), newcomer.stats().enqueued, shared!.stats());
      return rounds;
    });
    assert.deepEqual(outcomes[0], outcomes[1]);
    assert.deepEqual(outcomes[0]!.slice(0, 6), [[5], [7], [], 2, [], 3]);
  });
});
