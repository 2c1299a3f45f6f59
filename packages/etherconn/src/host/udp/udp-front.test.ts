import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { EtherConn } from '../../conn/ether-conn.ts';
import { SharedRUDPConn } from '../../conn/shared-rudp-conn.ts';
import { FrameFlag } from '../../link/link.ts';
import { Relay } from '../../relay/relay.ts';
import { FakeLink } from '../../test-support/fake-link.ts';
import { PortUser } from '../../test-support/hosts.ts';
import { buildUdpFrame } from '../../wire/build.ts';
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
}

/** The same hosts twice: frames that begin 2 bytes past a word go to the front first, others never do. */
class Way {
  readonly link = new FakeLink({ partialChecksums: true });
  readonly relay: Relay;
  readonly hosts: Host[];
  readonly users: PortUser[] = [];
  readonly ports: UdpPort[] = [];
  readonly #past: number;

  constructor(past: number, { hairpin = false, mirror = false, shared = false }: WayOptions = {}) {
    this.#past = past;
    this.relay = new Relay(this.link, { hairpin });
    const addresses = ['10.0.0.1/24', '10.0.0.2/24', '2001:db8::1/64', 'fe80::1/64'];
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
    return { taken, hosts: this.hosts.map((host) => host.stats()), stats };
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
  for (const options of [{}, { hairpin: true }, { mirror: true }, { shared: true }]) {
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
});
