import type { Link } from '../link/link.ts';
import type { MemoryPortOptions } from '../link/memory/memory-link.ts';
import { MemoryNetwork, type MemoryNetworkOptions } from '../link/memory/memory-network.ts';
import type { LinkPair } from './link-conformance.ts';

/**
 * A pair on a new memory network, with a third port; for {@link linkConformance}, also in child processes.
 * `wrap` puts middleware over each link.
 */
export function makePair(
  options: MemoryNetworkOptions = {},
  portOptions: MemoryPortOptions = {},
  wrap: (link: Link) => Link = (link) => link,
): LinkPair {
  const network = new MemoryNetwork(options);
  return {
    a: wrap(network.port(portOptions)),
    b: wrap(network.port(portOptions)),
    third: wrap(network.port(portOptions)),
    settle: settleTurns,
    dispose: () => network.close(),
  };
}

/** Lets some turns of the event loop go by: in a memory network, what was sent has arrived then. */
export async function settleTurns(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
