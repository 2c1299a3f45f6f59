import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EtherConn } from '../conn/ether-conn.ts';
import { FakeTime, runUnderFakes } from '../test-support/fake-time.ts';
import { FAR, NEAR, openVethBench } from '../test-support/veth-links.ts';
import { requireXdp } from '../test-support/xdp-bench.ts';
import { requireNamespaces } from '../testing/namespaces.ts';
import { RawSocketRelay } from './raw-socket-relay.ts';
import { XDPRelay } from './xdp-relay.ts';

const WAYS = [
  {
    name: 'AF_PACKET',
    skip: requireNamespaces(),
    open: (name: string, netns: string) => RawSocketRelay.open(name, { netns }),
  },
  ...(['interrupt', 'adaptive'] as const).map((polling) => ({
    name: `AF_XDP, polling ${polling},`,
    skip: requireXdp(),
    open: (name: string, netns: string) => XDPRelay.open(name, { netns, polling }),
  })),
];

const [, , way, nearPath, farPath] = process.argv;

if (way === undefined) {
  for (const [index, { name, skip }] of WAYS.entries()) {
    test(`${name} goes on under fake timers`, { skip }, async () => {
      const bench = await openVethBench();
      try {
        runUnderFakes(import.meta.url, String(index), bench.near.path, bench.far.path);
      } finally {
        await bench.close();
      }
    });
  }
} else {
  const fake = new FakeTime();
  const near = await WAYS[Number(way)].open(NEAR, nearPath);
  const far = await WAYS[Number(way)].open(FAR, farPath);
  const one = new EtherConn('02:00:00:00:00:01', near, [0x88b5]);
  const two = new EtherConn('02:00:00:00:00:02', far, [0x88b5]);
  // More than fits in the rings, so that a writer has to wait for room.
  for (let i = 0; i < 3000; i++) {
    await one.writePacketTo(Buffer.alloc(64, i & 255), 0x88b5, '02:00:00:00:00:02');
  }
  for (let i = 0; i < 100; i++) assert.equal((await two.readPacket()).data.length, 64);
  await near.close();
  await far.close();
  assert.deepEqual([...fake.calls], []);
}
