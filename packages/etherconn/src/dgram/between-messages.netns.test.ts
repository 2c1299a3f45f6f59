import assert from 'node:assert/strict';
import nodeDgram from 'node:dgram';
import { test } from 'node:test';
import { RawSocketRelay } from '../relay/raw-socket-relay.ts';
import { XDPRelay } from '../relay/xdp-relay.ts';
import { MESSAGE_LISTENERS, messageOrder } from '../test-support/message-orders.ts';
import { FAR, NEAR, openVethBench } from '../test-support/veth-links.ts';
import { requireXdp } from '../test-support/xdp-bench.ts';
import { requireNamespaces } from '../testing/namespaces.ts';
import { Host } from './host.ts';
import type { DgramModule } from './socket-class.ts';

const WAYS = [
  {
    name: 'AF_PACKET',
    skip: requireNamespaces(),
    open: (name: string, netns: string) => RawSocketRelay.open(name, { netns }),
  },
  ...(['interrupt', 'adaptive'] as const).map((polling) => ({
    name: `AF_XDP, polling ${polling}`,
    skip: requireXdp(),
    open: (name: string, netns: string) => XDPRelay.open(name, { netns, polling }),
  })),
];

for (const { name, open, skip } of WAYS) {
  test(`ticks and microtasks run between two messages: ${name}`, { skip }, async () => {
    const bench = await openVethBench();
    const near = await open(NEAR, bench.near.path);
    const far = await open(FAR, bench.far.path);
    const options = { detectDuplicates: 'off' } as const;
    const a = await Host.create(near, { mac: '02:00:00:00:01:01', addresses: ['10.0.0.1/24'], ...options });
    const b = await Host.create(far, { mac: '02:00:00:00:01:02', addresses: ['10.0.0.2/24'], ...options });
    for (const listener of MESSAGE_LISTENERS) {
      // How many frames a wake-up finds is the kernel's affair.
      if (listener.endsWith('immediate')) continue;
      const expected = await messageOrder(nodeDgram as unknown as DgramModule, listener);
      assert.deepEqual(await messageOrder(b.dgram, listener, '10.0.0.2', a.dgram), expected, listener);
    }
    for (const closing of [a, b, near, far, bench]) await closing.close();
  });
}
