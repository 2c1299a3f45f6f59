import { linkConformance } from '../../test-support/link-conformance.ts';
import { requireXdp } from '../../test-support/xdp-bench.ts';
import { makePair } from '../../test-support/xdp-pair.ts';
import type { VethOptions } from '../../testing/namespaces.ts';
import type { XdpLinkOptions } from './options.ts';

/** With `child` also what keeps a process alive, which depends on how the link polls, not on the mode. */
function conforms(name: string, options: XdpLinkOptions, veth: VethOptions = {}, child = false): void {
  linkConformance(`AF_XDP, ${name}`, () => makePair(options, veth), {
    quietWire: true,
    mappedMemory: true,
    skip: requireXdp(),
    ...(child && { module: new URL('../../test-support/xdp-pair.js', import.meta.url).href }),
    moduleArguments: [options, veth],
  });
}

conforms('native', { mode: 'native', chunks: 2048 }, {}, true);
conforms('native, 4 queues', { mode: 'native', chunks: 2048 }, { queues: 4 });
conforms('generic', { mode: 'generic', chunks: 2048 });
conforms('generic, 4 queues', { mode: 'generic', chunks: 2048 }, { queues: 4 });
conforms('frames of several chunks', { chunks: 2048 }, { mtu: 9000 });
conforms('generic, frames of several chunks', { mode: 'generic', chunks: 2048 }, { mtu: 9000 });
conforms("polling: 'adaptive'", { polling: 'adaptive', chunks: 2048 }, {}, true);
conforms("polling: 'busy'", { polling: 'busy', chunks: 2048 }, {}, true);
conforms("generic, polling: 'adaptive'", { mode: 'generic', polling: 'adaptive', chunks: 2048 });
conforms("generic, polling: 'busy'", { mode: 'generic', polling: 'busy', chunks: 2048 });
