import { linkConformance } from '../../test-support/link-conformance.ts';
import { makePair } from '../../test-support/packet-pair.ts';
import { requireNamespaces } from '../../testing/namespaces.ts';

for (const receive of ['latency', 'throughput'] as const) {
  linkConformance(`AF_PACKET, receive: '${receive}'`, () => makePair({ receive }), {
    quietWire: true,
    mappedMemory: true,
    module: new URL('../../test-support/packet-pair.js', import.meta.url).href,
    skip: requireNamespaces(),
  });
}
