import { linkConformance } from '../../testing/link-conformance.ts';
import { requireNamespaces } from '../../testing/namespaces.ts';
import { makePair } from '../../testing/packet-pair.ts';

for (const receive of ['latency', 'throughput'] as const) {
  linkConformance(`AF_PACKET, receive: '${receive}'`, () => makePair({ receive }), {
    quietWire: true,
    mappedMemory: true,
    module: new URL('../../testing/packet-pair.js', import.meta.url).href,
    skip: requireNamespaces(),
  });
}
