import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { RUDPConn } from '../conn/rudp-conn.ts';
import { Host } from '../dgram/host.ts';
import { FAR, NEAR, openVethBench, type VethBench } from '../test-support/veth-links.ts';
import { requireXdp } from '../test-support/xdp-bench.ts';
import { requireNamespaces } from '../testing/namespaces.ts';
import type { Vlan } from '../wire/vlan.ts';
import type { OpenRelayOptions } from './open-relay.ts';
import { Relay } from './relay.ts';

/** What of an interface's MTU is left to a conn with tags, on veth: every size around each edge passes, or is refused. */

const A = '02:ec:00:00:00:0a';
const B = '02:ec:00:00:00:0b';
const TYPE = 0x88b5;
const DOUBLE: Vlan = { id: 100, tpid: 0x88a8 };

/** Tags, and how many bytes they cost over AF_XDP and over AF_PACKET. */
const TAGS: readonly (readonly [string, readonly (number | Vlan)[], number, number])[] = [
  ['no tag', [], 0, 0],
  ['one 802.1Q', [100], 0, 0],
  ['one 802.1ad', [DOUBLE], 0, 4],
  ['802.1Q twice', [100, 200], 4, 4],
  ['802.1ad, then 802.1Q', [DOUBLE, 200], 4, 8],
];

const ENGINES: readonly (readonly [string, OpenRelayOptions, string | false])[] = [
  ['AF_XDP, native', { engine: 'xdp', mode: 'native', chunks: 512, audit: true }, requireXdp()],
  ['AF_XDP, generic', { engine: 'xdp', mode: 'generic', chunks: 512, audit: true }, requireXdp()],
  ['AF_PACKET', { engine: 'packet' }, requireNamespaces()],
];

async function withRelays(
  mtu: number,
  options: OpenRelayOptions,
  body: (near: Relay, far: Relay, bench: VethBench) => Promise<void>,
): Promise<void> {
  const bench = await openVethBench({ mtu });
  try {
    await using near = await Relay.open(NEAR, { ...options, netns: bench.near.path });
    await using far = await Relay.open(FAR, { ...options, netns: bench.far.path });
    await body(near, far, bench);
  } finally {
    await bench.close();
  }
}

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i * 7 + length);
}

for (const [engine, options, skip] of ENGINES) {
  for (const mtu of [1500, 9000]) {
    describe(`MTU ${mtu} over ${engine}`, { skip }, () => {
      test('a conn takes what passes, and refuses one byte more', async () => {
        await withRelays(mtu, options, async (near, far) => {
          for (const [name, vlans, xdpCost, packetCost] of TAGS) {
            const most = mtu - (options.engine === 'xdp' ? xdpCost : packetCost);
            const [from, to] = [
              new EtherConn(A, near, [TYPE], { vlans }),
              new EtherConn(B, far, [TYPE], { vlans }),
            ];
            assert.equal(from.mtu, most, name);
            for (const length of [most - 9, most - 8, most - 5, most - 4, most - 1, most]) {
              const packet = bytes(length);
              assert.equal(await from.writePacketTo(packet, TYPE, B), length);
              const { data, truncated } = await to.readPacket({ timeout: 5000 });
              assert.deepEqual([Buffer.compare(data, packet), truncated], [0, false], `${name}, ${length}`);
            }
            for (const length of [most + 1, most + 4, most + 8]) {
              await assert.rejects(from.writePacketTo(bytes(length), TYPE, B), { code: 'EMSGSIZE' });
              assert.throws(() => from.trySendPacketTo(bytes(length), TYPE, B), { code: 'EMSGSIZE' });
            }
            await from.close();
            await to.close();
          }
          assert.deepEqual([near.stats().link.txErrors, far.stats().noEndpoint], [0, 0]);
        });
      });

      test('a UDP conn as well, and what it answers', async () => {
        await withRelays(mtu, options, async (near, far) => {
          for (const [name, vlans, xdpCost, packetCost] of TAGS) {
            const most = mtu - 28 - (options.engine === 'xdp' ? xdpCost : packetCost);
            const server = new RUDPConn(
              { address: '10.0.0.1', port: 7 },
              new EtherConn(B, far, [], { vlans }),
            );
            server.onBatch((batch) => {
              while (batch.next()) batch.reply(batch.copyPayload());
            });
            const client = new RUDPConn(
              { address: '10.0.0.2', port: 9 },
              new EtherConn(A, near, [], { vlans }),
              {
                resolveNextHop: () => Buffer.from(B.replaceAll(':', ''), 'hex'),
              },
            );
            const remote = { address: '10.0.0.1', port: 7 };
            for (const length of [most - 4, most - 1, most]) {
              await client.writeTo(bytes(length), remote);
              const { data } = await client.readFrom({ timeout: 5000 });
              assert.equal(Buffer.compare(data, bytes(length)), 0, `${name}, ${length}`);
            }
            await assert.rejects(client.writeTo(bytes(most + 1), remote), { code: 'EMSGSIZE' });
            await client.close();
            await server.close();
          }
        });
      });

      test('a host sends what is longer in fragments', async () => {
        await withRelays(mtu, options, async (near, far) => {
          for (const [name, vlans, xdpCost, packetCost] of TAGS) {
            const most = mtu - (options.engine === 'xdp' ? xdpCost : packetCost);
            const detectDuplicates = 'off';
            const a = await Host.create(near, {
              mac: A,
              addresses: ['10.0.0.1/24', '2001:db8::1/64'],
              vlans,
              detectDuplicates,
            });
            const b = await Host.create(far, {
              mac: B,
              addresses: ['10.0.0.2/24', '2001:db8::2/64'],
              vlans,
              detectDuplicates,
            });
            assert.deepEqual([a.mtu, b.mtu], [most, most], name);
            for (const [address, headers] of [
              ['10.0.0.2', 28],
              ['2001:db8::2', 48],
            ] as const) {
              for (const size of [most - headers - 4, most - headers - 1, most - headers]) {
                const before = a.stats().sentFragments;
                await a.ping(address, { size, timeout: 5000 });
                assert.equal(a.stats().sentFragments, before, `${name}, ${size} to ${address} in one piece`);
              }
              for (const size of [most - headers + 1, mtu - headers, mtu, 2 * mtu + 1000]) {
                const before = a.stats().sentFragments;
                await a.ping(address, { size, timeout: 5000 });
                const inPieces = size > most - headers;
                assert.equal(a.stats().sentFragments > before, inPieces, `${name}, ${size} to ${address}`);
              }
            }
            await a.close();
            await b.close();
          }
          assert.equal(near.stats().link.txErrors, 0);
        });
      });
    });
  }

  test(`${engine}: a whole frame is refused beyond what passes`, { skip }, async () => {
    await withRelays(1500, options, async (near, far) => {
      const everything = new EtherConn(B, far, [], { role: 'default' });
      const isXdp = options.engine === 'xdp';
      for (const [type, most] of [
        [TYPE, isXdp ? 1518 : 1514],
        [0x8100, 1518],
        [0x88a8, isXdp ? 1518 : 1514],
      ] as const) {
        const frame = bytes(most + 1);
        frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, type >> 8, type & 255, 0, 5, 0x88, 0xb5]);
        assert.throws(() => near.trySendFrame(frame), { code: 'EMSGSIZE' });
        assert.equal(near.trySendFrame(frame.subarray(0, most)), 1);
        await everything.readPacket({ timeout: 5000 });
      }
      assert.equal(near.stats().link.txErrors, 0);
    });
  });
}

describe('frames that the kernel refuses after all', { skip: requireNamespaces() }, () => {
  test("are told: an event, or one warning of the process, with the kernel's errno", async () => {
    await withRelays(1500, { engine: 'packet' }, async (near, _, bench) => {
      const conn = new EtherConn(A, near, [TYPE]);
      bench.near.run('ip', 'link', 'set', NEAR, 'mtu', '1400');
      const warning = once(process, 'warning');
      await conn.writePacketTo(bytes(1500), TYPE, B);
      const [warned] = await warning;
      assert.deepEqual([warned.code, warned.errno, warned.syscall], ['EMSGSIZE', -90, 'sendmmsg']);
      assert.match(warned.message, /'near0' has refused a frame: longer than the interface's MTU allows/);

      const refused = once(near, 'refused');
      await conn.writePacketTo(bytes(1450), TYPE, B);
      await conn.writePacketTo(bytes(1400), TYPE, B);
      await conn.writePacketTo(bytes(1500), TYPE, B);
      // Those of the second after the first ones, together.
      const [error, frames] = await refused;
      assert.deepEqual([error.code, frames], ['EMSGSIZE', 2]);
      const { txErrors, txFrames } = near.stats().link;
      assert.deepEqual([txErrors, txFrames], [3, 1]);
      assert.equal(near.closed, false);
    });
  });
});
