import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { EtherConn } from '../../conn/ether-conn.ts';
import { SharedRUDPConn } from '../../conn/shared-rudp-conn.ts';
import { FrameFlag } from '../../link/link.ts';
import { Relay } from '../../relay/relay.ts';
import { FakeLink } from '../../test-support/fake-link.ts';
import { PortUser } from '../../test-support/hosts.ts';
import { errorFrame } from '../../test-support/icmp-error-frame.ts';
import { buildUdpFrame } from '../../wire/build.ts';
import { Icmpv4Type, Icmpv4Unreachable } from '../../wire/icmpv4.ts';
import { parseIp } from '../../wire/ip.ts';
import { Host } from '../host.ts';
import type { UdpPort, UdpPortOptions } from './udp-port.ts';

/** Ports of hosts in the relay's front for UDP must differ from those behind the layers in nothing but time. */

const MAC = '02:00:00:00:00:0a';
const TAGGED = '02:00:00:00:00:0b';
const SENDER = '02:00:00:00:00:01';

/** Ports that a host has: version, own address ('' for any), number, and whom it is connected to. */
const PORTS: readonly { options: UdpPortOptions; local: string; port: number; remote?: string }[] = [
  { options: { version: 4 }, local: '', port: 53 },
  { options: { version: 6 }, local: '', port: 54 },
  { options: { version: 6, ipv6Only: true }, local: '', port: 55 },
  { options: { version: 4 }, local: '10.0.0.2', port: 56 },
  { options: { version: 6 }, local: '2001:db8::1', port: 57 },
  { options: { version: 4 }, local: '', port: 58, remote: '10.0.0.9' },
  { options: { version: 6 }, local: '', port: 59, remote: '2001:db8::9' },
  { options: { version: 4, reuseAddr: true }, local: '', port: 60 },
  { options: { version: 4, reuseAddr: true }, local: '10.0.0.1', port: 60 },
  { options: { version: 4 }, local: '127.0.0.1', port: 61 },
];

interface WayOptions {
  readonly hairpin?: boolean;
  readonly mirror?: boolean;
  /** A conn shares the host. */
  readonly shared?: boolean;
  /** A capture sees all frames. */
  readonly tap?: boolean;
  /** The host has more addresses than an entry can tell from strangers. */
  readonly many?: boolean;
}

/** The same hosts twice: frames that begin 2 bytes past a word go to the front first, others never do. */
class Way {
  readonly link = new FakeLink({ partialChecksums: true });
  readonly relay: Relay;
  readonly hosts: Host[];
  readonly users: PortUser[] = [];
  readonly ports: UdpPort[] = [];
  /** What a capture has seen. */
  readonly tapped: string[] = [];
  readonly #past: number;

  constructor(past: number, { hairpin = false, mirror = false, shared = false, tap, many }: WayOptions = {}) {
    this.#past = past;
    this.relay = new Relay(this.link, { hairpin });
    const addresses = ['10.0.0.1/24', '10.0.0.2/24', '2001:db8::1/64', 'fe80::1/64'];
    if (many) for (let i = 1; i < 6; i++) addresses.push(`10.${i}.0.8/16`, `2001:db8:${i}::9/64`);
    const common = { addresses, detectDuplicates: 'off' } as const;
    this.hosts = [
      Host.createNow(this.relay, { ...common, mac: MAC }),
      Host.createNow(this.relay, { ...common, mac: TAGGED, vlans: [7, 9] }),
    ];
    for (const host of this.hosts) for (const spec of PORTS) this.#open(host, spec);
    if (shared) {
      const conn = new SharedRUDPConn({ address: '10.0.0.1', port: 53_000 }, this.hosts[0]!);
      conn.onBatch((batch) => {
        while (batch.next());
      });
    }
    if (mirror) new EtherConn('02:00:00:00:00:1f', this.relay, [], { role: 'mirror' });
    if (tap) this.relay.addTap({ frame: (u8, at, length) => this.#shown(u8, at, length), relayStopped() {} });
  }

  #shown(u8: Uint8Array, at: number, length: number): void {
    this.tapped.push(Buffer.from(u8.subarray(at, at + length)).toString('hex'));
  }

  #open(host: Host, { options, local, port, remote }: (typeof PORTS)[number]): void {
    const user = new PortUser();
    const opened = host.openUdpPort(user, options);
    opened.bind(local === '' ? new Uint8Array(options.version === 4 ? 4 : 16) : parseIp(local), port);
    if (remote !== undefined) opened.connect(parseIp(remote), 4000, '');
    this.users.push(user);
    this.ports.push(opened);
  }

  deliver(frames: readonly Uint8Array[], flags: number): void {
    this.link.deliver(frames, flags, this.#past);
  }

  outcome() {
    const { link: _, ...stats } = this.relay.stats();
    const taken = this.users.map(({ batches }) => batches.filter((batch) => batch.length > 0));
    return { taken, tapped: this.tapped, hosts: this.hosts.map((host) => host.stats()), stats };
  }
}

const frame = fc
  .record({
    tagged: fc.boolean(),
    otherVlans: fc.constantFrom<(readonly number[] | undefined)[]>([0], [7], [], ...Array(9).fill(undefined)),
    is6: fc.boolean(),
    destination: fc.nat(5),
    source: fc.nat(9),
    sourceMac: fc.constantFrom(SENDER, SENDER, SENDER, MAC),
    sourcePort: fc.constantFrom(4000, 4000, 4001),
    destinationPort: fc.constantFrom(...PORTS.map(({ port }) => port), 99, 53_000),
    payload: fc.uint8Array({ maxLength: 70, size: 'max' }),
    checksum: fc.constantFrom<('full' | 'zero' | 'partial' | 'bad')[]>(
      'full',
      'full',
      'full',
      'zero',
      'partial',
      'bad',
    ),
    pad: fc.boolean(),
    flip: fc.option(fc.nat(), { freq: 5 }),
  })
  .map(({ tagged, otherVlans, is6, destination, source, flip, ...rest }) => {
    const destinations = is6
      ? ['2001:db8::1', '2001:db8::1', '2001:db8::1', 'fe80::1', '2001:db8::2', 'ff02::1']
      : ['10.0.0.1', '10.0.0.1', '10.0.0.2', '10.0.0.2', '10.0.0.3', '10.0.0.255'];
    const sources = is6
      ? ['2001:db8::9', '2001:db8::9', 'fe80::9', 'fe80::9', '2001:db8::1', 'fe80::1', '::', '::1', 'ff02::1']
      : [
          '10.0.0.9',
          '10.0.0.9',
          '10.0.0.9',
          '10.0.0.8',
          '10.0.0.1',
          '10.0.0.2',
          '10.0.0.255',
          '0.0.0.0',
          '127.0.0.1',
        ];
    const bytes = buildUdpFrame({
      ...rest,
      source: sources[source % sources.length]!,
      destination: destinations[destination]!,
      destinationMac: tagged ? TAGGED : MAC,
      vlans: (otherVlans ?? (tagged ? [7, 9] : [])).map((id) => ({ id })),
    });
    if (flip !== null) bytes[(flip >> 3) % Math.min(bytes.length, 70)]! ^= 1 << (flip & 7);
    return bytes;
  });

const batches = fc.array(
  fc.record({
    frames: fc.array(frame, { minLength: 1, maxLength: 20 }),
    flags: fc.constantFrom(0, 0, FrameFlag.CHECKSUM_PARTIAL, FrameFlag.CHECKSUM_VALID, FrameFlag.TRUNCATED),
  }),
  { minLength: 1, maxLength: 4 },
);

function closing(t: TestContext, ...ways: Way[]): void {
  t.after(async () => {
    for (const way of ways) await way.relay.close();
  });
}

/** A faultless datagram for one of the hosts. */
function datagram(
  destination: string,
  destinationPort: number,
  source = '10.0.0.9',
  sourcePort = 4000,
): Uint8Array {
  return buildUdpFrame({
    sourceMac: SENDER,
    destinationMac: MAC,
    source,
    destination,
    sourcePort,
    destinationPort,
  });
}

describe('ports of hosts in the front for UDP', () => {
  for (const options of [
    {},
    { hairpin: true },
    { mirror: true },
    { shared: true },
    { tap: true },
    { tap: true, hairpin: true, mirror: true },
    { many: true },
  ]) {
    it(`differ from those behind the layers in nothing, for any frames in any order: ${JSON.stringify(options)}`, () => {
      fc.assert(
        fc.property(batches, (list) => {
          const front = new Way(2, options);
          const layers = new Way(3, options);
          for (const { frames, flags } of list) {
            front.deliver(frames, flags);
            layers.deliver(frames, flags);
          }
          assert.deepEqual(front.outcome(), layers.outcome());
          void front.relay.close();
          void layers.relay.close();
        }),
        { numRuns: 100 },
      );
    });
  }

  it('follow addresses that come and go, connect and disconnect, and ports that close', async (t) => {
    const ways = [new Way(2), new Way(3)] as const;
    closing(t, ...ways);
    for (const way of ways) {
      const [host] = way.hosts;
      const [any, , , , , connected, , older, newer] = way.ports;
      const round = () => {
        way.deliver(
          [datagram('10.0.0.1', 53), datagram('10.0.0.7', 53), datagram('10.0.0.1', 58, '10.0.0.8')],
          0,
        );
        way.deliver([datagram('10.0.0.1', 60), datagram('10.0.0.2', 60)], 0);
      };
      round();
      await host!.addAddress('10.0.0.7/24');
      round();
      connected!.disconnect();
      round();
      connected!.connect(parseIp('10.0.0.8'), 4000, '');
      round();
      newer!.close();
      round();
      older!.close();
      round();
      await host!.removeAddress('10.0.0.1');
      round();
      any!.close();
      round();
    }
    assert.deepEqual(ways[0].outcome(), ways[1].outcome());
    const counts = ways[0].users.slice(0, PORTS.length).map(({ taken }) => taken.length);
    assert.deepEqual([counts[0], counts[5], counts[7], counts[8]], [12, 4, 6, 4]);
  });

  it('are told of what they miss when they are closed from a batch', (t) => {
    const way = new Way(2);
    closing(t, way);
    const [first, second] = way.users;
    first!.batchEnd = () => way.ports[1]!.close();
    let missed = 0;
    second!.missed = (count?: number) => {
      missed += count!;
    };
    way.deliver([datagram('10.0.0.1', 53), datagram('10.0.0.1', 54), datagram('10.0.0.1', 54)], 0);
    assert.equal(missed, 2);
    assert.deepEqual(second!.taken, []);
  });

  it('go with the station, to another host and back, and end with their host', async (t) => {
    const ways = [new Way(2), new Way(3)] as const;
    closing(t, ...ways);
    const heard = ways.map((way) => {
      const [first] = way.hosts;
      const round = () => way.deliver([datagram('10.0.0.1', 53), datagram('10.0.0.1', 58)], 0);
      const options = { addresses: ['10.0.0.1/24'], detectDuplicates: 'off', mac: MAC } as const;
      const users = [way.users[0]!];
      const openOn = (host: Host) => {
        const user = new PortUser();
        host.openUdpPort(user, { version: 4 }).bind(new Uint8Array(4), 53);
        users.push(user);
      };
      round();
      const second = Host.createNow(way.relay, options);
      round();
      openOn(second);
      round();
      // The old host's ports come to nothing, whatever changes at them.
      way.ports[5]!.disconnect();
      round();
      void second.close();
      round();
      const third = Host.createNow(way.relay, options);
      openOn(third);
      round();
      void first!.close();
      round();
      void third.close();
      round();
      const { link: _, ...stats } = way.relay.stats();
      return {
        counts: users.map(({ taken }) => taken.length),
        stats,
        hosts: [first, second, third].map((host) => host!.stats()),
      };
    });
    assert.deepEqual(heard[0], heard[1]);
    assert.deepEqual(heard[0]!.counts, [1, 2, 2]);
  });

  it('have their errors told in order with datagrams, when connected', async (t) => {
    const outcomes = [];
    for (const past of [2, 3]) {
      const way = new Way(past);
      closing(t, way);
      const events: string[] = [];
      const user = way.users[5]!;
      const batchEnd = user.batchEnd.bind(user);
      user.batchEnd = (...args) => {
        batchEnd(...args);
        events.push(...user.texts.splice(0), 'batch');
      };
      user.failed = (error) => void events.push(error.code);
      const unreachable = errorFrame({
        type: Icmpv4Type.DESTINATION_UNREACHABLE,
        code: Icmpv4Unreachable.PORT,
        source: '10.0.0.1',
        sourcePort: 58,
        destination: '10.0.0.9',
        destinationPort: 4000,
        mac: MAC,
      });
      way.deliver([datagram('10.0.0.1', 58), unreachable, datagram('10.0.0.1', 58)], 0);
      await new Promise((resolve) => setImmediate(resolve));
      outcomes.push(events);
    }
    assert.deepEqual(outcomes[0], outcomes[1]);
    assert.equal(outcomes[0]!.filter((event) => event === 'ECONNREFUSED').length, 1, outcomes[0]!.join());
  });

  it('belong to a newcomer that gets the number of one closed in the same batch', (t) => {
    const outcomes = [2, 3].map((past) => {
      const way = new Way(past);
      closing(t, way);
      const [first, second] = way.users;
      const newcomer = new PortUser();
      let missed = 0;
      second!.missed = (count?: number) => {
        missed += count!;
      };
      first!.batchEnd = () => {
        way.ports[1]!.close();
        way.hosts[0]!.openUdpPort(newcomer, { version: 6 }).bind(new Uint8Array(16), 54);
      };
      const to = [53, 54, 54, 56].map((port) => datagram(port === 56 ? '10.0.0.2' : '10.0.0.1', port));
      way.deliver(to, 0);
      const during = [missed, newcomer.taken.length, way.users[3]!.taken.length];
      first!.batchEnd = () => undefined;
      way.deliver(to, 0);
      return [...during, missed, newcomer.taken.length, way.users[3]!.taken.length];
    });
    assert.deepEqual(outcomes, [
      [2, 0, 1, 2, 2, 2],
      [2, 0, 1, 2, 2, 2],
    ]);
  });
});
