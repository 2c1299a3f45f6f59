import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeFrame } from '../capture/decode.ts';
import type { CapturePacket } from '../capture/packet.ts';
import { readCaptureFile } from '../capture/read.ts';
import { Host } from '../host/host.ts';
import { FAR, NEAR } from '../test-support/veth-links.ts';
import { requireXdp } from '../test-support/xdp-bench.ts';
import { addVethPair, openNamespace, requireCommand, requireNamespaces } from '../testing/namespaces.ts';
import { captureTo } from './capture-to.ts';
import type { OpenRelayOptions } from './open-relay.ts';
import { Relay } from './relay.ts';

const MAC = '02:00:00:00:00:77';
/** How far the time of frames sent may be from the time of day, ms: see wallNanoseconds. */
const CLOCK_STEP = 21;
const ENGINES: readonly (readonly [string, OpenRelayOptions, string | false])[] = [
  ['AF_PACKET', { engine: 'packet' }, requireNamespaces()],
  ['AF_PACKET in blocks', { engine: 'packet', receive: 'throughput' }, requireNamespaces()],
  ['AF_XDP, native', { engine: 'xdp', mode: 'native' }, requireXdp()],
  ['AF_XDP, generic', { engine: 'xdp', mode: 'generic' }, requireXdp()],
];

describe('captureTo on a veth pair', () => {
  for (const [name, options, skip] of ENGINES) {
    it(`${name}: what passes the relay, in nanoseconds, and nothing of the kernel's`, { skip }, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'etherconn-'));
      const [near, far] = await Promise.all([openNamespace(), openNamespace()]);
      try {
        addVethPair(
          { namespace: near, name: NEAR, addresses: ['10.9.0.3/24'] },
          { namespace: far, name: FAR, addresses: ['10.9.0.1/24'] },
        );
        const relay = await Relay.open(NEAR, { ...options, netns: near.path });
        const capture = captureTo(relay, join(folder, 'all.pcapng'));
        const host = await Host.create(relay, {
          mac: MAC,
          addresses: ['10.9.0.2/24'],
          detectDuplicates: 'off',
        });
        const before = BigInt(Date.now() - CLOCK_STEP) * 1_000_000n;
        for (let i = 0; i < 5; i++) await host.ping('10.9.0.1');
        const after = BigInt(Date.now() + CLOCK_STEP) * 1_000_000n;
        // The kernel at this end goes on as without us, and what it receives is not ours to see.
        if (requireCommand('ping') === false) far.run('ping', '-c', '1', '-W', '2', '10.9.0.3');
        await host.close();
        await relay.close();
        assert.equal(capture.closed, true);

        const packets: CapturePacket[] = [];
        for await (const packet of readCaptureFile(join(folder, 'all.pcapng'))) packets.push(packet);
        const pings = packets.filter(({ data }) => decodeFrame(data)['icmp.type'] !== undefined);
        assert.deepEqual(
          pings.map(({ data, direction }) => [direction, decodeFrame(data)['icmp.type']]),
          Array.from({ length: 5 }, () => [
            ['out', 8],
            ['in', 0],
          ]).flat(),
        );
        for (const { timestamp } of pings) assert.ok(timestamp! >= before && timestamp! <= after);
        assert.ok(pings.some(({ timestamp }) => timestamp! % 1000n !== 0n));
      } finally {
        await near.close();
        await far.close();
        rmSync(folder, { recursive: true });
      }
    });
  }
});
