import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { RUDPConn } from '../conn/rudp-conn.ts';
import { Host } from '../dgram/host.ts';
import { eventually } from '../test-support/eventually.ts';
import { FAR, NEAR, openVethBench, type VethBench } from '../test-support/veth-links.ts';
import { requireXdp } from '../test-support/xdp-bench.ts';
import { requireNamespaces } from '../testing/namespaces.ts';
import { EtherType } from '../wire/ethertype.ts';
import type { OpenRelayOptions } from './open-relay.ts';
import { Relay } from './relay.ts';

/**
 * An endpoint receives when its constructor has returned, or `create` has resolved: nothing here waits for a turn of
 * the event loop between that and the first frame, and nobody sends anything twice.
 */

const A = '02:ec:00:00:00:0a';
const B = '02:ec:00:00:00:0b';
const TYPE = 0x88b5;

const ENGINES: readonly (readonly [string, OpenRelayOptions, string | false])[] = [
  ['AF_XDP, native', { engine: 'xdp', mode: 'native', audit: true }, requireXdp()],
  ['AF_XDP, generic', { engine: 'xdp', mode: 'generic', audit: true }, requireXdp()],
  ['AF_PACKET', { engine: 'packet' }, requireNamespaces()],
];

/** A relay at each end of a veth pair; the kernel at the near end can send to 10.0.0.5 and to groups. */
async function withRelays(
  options: OpenRelayOptions,
  body: (near: Relay, far: Relay, bench: VethBench) => Promise<void>,
): Promise<void> {
  const bench = await openVethBench();
  try {
    bench.near.run('ip', 'address', 'add', '10.0.0.1/24', 'dev', NEAR);
    bench.near.run('ip', 'route', 'add', '224.0.0.0/4', 'dev', NEAR);
    bench.near.run('ip', 'neighbor', 'add', '10.0.0.5', 'lladdr', B, 'dev', NEAR);
    await using near = await Relay.open(NEAR, { ...options, netns: bench.near.path });
    await using far = await Relay.open(FAR, { ...options, netns: bench.far.path });
    await body(near, far, bench);
  } finally {
    await bench.close();
  }
}

/** One datagram of the kernel's at the near end; it is on its way when this returns. */
function kernelSends({ near }: VethBench, address: string): void {
  near.run('bash', '-c', `echo hello > /dev/udp/${address}/7`);
}

for (const [name, options, skip] of ENGINES) {
  describe(`at once: ${name}`, { skip }, () => {
    test('two UDP conns of one process, on two relays', async () => {
      await withRelays(options, async (near, far) => {
        const server = new RUDPConn({ address: '10.0.0.1', port: 7 }, new EtherConn(A, near));
        server.onBatch((batch) => {
          while (batch.next()) batch.reply(batch.copyPayload());
        });
        const client = new RUDPConn({ address: '10.0.0.2', port: 9 }, new EtherConn(B, far), {
          resolveNextHop: () => Buffer.from(A.replaceAll(':', ''), 'hex'),
        });
        await client.writeTo(Buffer.from('hello'), { address: '10.0.0.1', port: 7 });
        const { data } = await client.readFrom({ timeout: 5000 });
        assert.equal(String(data), 'hello');
      });
    });

    test('a conn that the kernel of the other end speaks to in the same turn', async () => {
      await withRelays(options, async (_, far, bench) => {
        // The link has a filter by now, or the first frame would come through for want of one.
        const before = new EtherConn(A, far, [TYPE]);
        await eventually('the filter', () => far.info().filter !== 'everything');
        const conn = new EtherConn(B, far, [EtherType.IPV4], { receiveMulticast: true });
        kernelSends(bench, '10.0.0.5');
        kernelSends(bench, '224.0.0.99');
        const destinations = [
          await conn.readPacket({ timeout: 5000 }),
          await conn.readPacket({ timeout: 5000 }),
        ];
        assert.deepEqual(destinations.map(({ data }) => data.subarray(16, 20).join('.')).sort(), [
          '10.0.0.5',
          '224.0.0.99',
        ]);
        await before.close();
      });
    });

    test('a host that has been created', async () => {
      await withRelays(options, async (_, far, bench) => {
        await using host = await Host.create(far, { mac: B, addresses: ['10.0.0.5/24'] });
        kernelSends(bench, '10.0.0.5');
        await eventually('the datagram', () => host.stats().noPort === 1);
      });
    });

    test('hosts that ping one another: the first ARP request is answered', async () => {
      await withRelays(options, async (near, far) => {
        await using a = await Host.create(near, { mac: A, addresses: ['10.0.0.4/24'] });
        await using b = await Host.create(far, { mac: B, addresses: ['10.0.0.6/24'] });
        const before = near.stats().sent;
        await a.ping('10.0.0.6', { timeout: 5000 });
        // A request, and the ping: a second request would be one more.
        assert.equal(near.stats().sent - before, 2);
        assert.equal(b.stats().arp, 1);
      });
    });

    test('each of 2,000 conns made in one turn', async () => {
      await withRelays(options, async (near, far) => {
        const macs = Array.from({ length: 2000 }, (_, i) => `02:ed:00:00:${hex(i >> 8)}:${hex(i & 255)}`);
        const conns = macs.map((mac) => new EtherConn(mac, far, [TYPE]));
        const from = new EtherConn(A, near, [TYPE]);
        for (const mac of macs) await from.writePacketTo(Buffer.alloc(46), TYPE, mac);
        await eventually('all frames', () => conns.every((conn) => conn.stats().enqueued === 1));
      });
    });
  });
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
