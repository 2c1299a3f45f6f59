import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireBpf } from '../test-support/bpf.ts';
import { eventually } from '../test-support/eventually.ts';
import { FAR, NEAR, openVethBench } from '../test-support/veth-links.ts';
import { requireNamespaces } from '../testing/namespaces.ts';
import type { KernelRelay } from './kernel-relay.ts';
import { RawSocketRelay } from './raw-socket-relay.ts';
import { XDPRelay } from './xdp-relay.ts';

for (const [Opener, skip] of [
  [RawSocketRelay, requireNamespaces()],
  [XDPRelay, requireBpf()],
] as const) {
  test(`${Opener.name} tells 'down' and 'up' when its peer goes down and up, although nothing is sent`, {
    skip,
  }, async (t) => {
    const bench = await openVethBench();
    t.after(() => bench.close());
    const relay: KernelRelay = await Opener.open(NEAR, { netns: bench.near.path });
    t.after(() => relay.close());
    const told: string[] = [];
    for (const event of ['down', 'up'] as const) relay.on(event, () => told.push(event));
    for (const state of ['down', 'up'] as const) {
      // That takes the carrier from our end, and gives it back; the kernel notices within a second.
      bench.far.run('ip', 'link', 'set', FAR, state);
      await eventually(state, () => told.at(-1) === state);
      assert.equal(relay.info().up, state === 'up');
    }
    assert.deepEqual(told, ['down', 'up']);
    // Shorter than the kernel takes to notice.
    const blink = `for state in down up; do ip link set ${FAR} $state; done`;
    for (let count = 2; count <= 4; count++) {
      bench.far.run('sh', '-c', blink);
      await eventually('both', () => told.length >= 2 * count);
    }
    await eventually('up in the end', () => told.at(-1) === 'up');
    assert.deepEqual(told, ['down', 'up', 'down', 'up', 'down', 'up', 'down', 'up']);
  });
}
