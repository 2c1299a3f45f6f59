import { linkConformance } from '../../testing/link-conformance.ts';
import { requireXdp } from '../../testing/xdp-bench.ts';
import { makePair } from '../../testing/xdp-pair.ts';

for (const mode of ['native', 'generic'] as const) {
  for (const queues of [1, 4]) {
    const name = `AF_XDP, ${mode}, ${queues} ${queues === 1 ? 'queue' : 'queues'}`;
    linkConformance(name, () => makePair({ mode, chunks: 2048 }, { queues }), {
      quietWire: true,
      mappedMemory: true,
      ...(queues === 1 ? { module: new URL('../../testing/xdp-pair.js', import.meta.url).href } : {}),
      skip: requireXdp(),
    });
  }
}

linkConformance('AF_XDP, frames of several chunks', () => makePair({ chunks: 2048 }, { mtu: 9000 }), {
  quietWire: true,
  mappedMemory: true,
  skip: requireXdp(),
});

for (const polling of ['adaptive', 'busy'] as const) {
  linkConformance(`AF_XDP, polling: '${polling}'`, () => makePair({ polling, chunks: 2048 }), {
    quietWire: true,
    mappedMemory: true,
    module: new URL('../../testing/xdp-pair.js', import.meta.url).href,
    skip: requireXdp(),
  });
}
