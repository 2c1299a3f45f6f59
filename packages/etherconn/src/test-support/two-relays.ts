import type { TestContext } from 'node:test';
import type { MemoryNetworkOptions } from '../link/memory/memory-network.ts';
import { MemoryNetwork, type MemoryRelay, type MemoryRelayOptions } from '../relay/memory-relay.ts';

/** Two relays on one memory network. */
export interface TwoRelays {
  readonly network: MemoryNetwork;
  readonly a: MemoryRelay;
  readonly b: MemoryRelay;
}

/** Makes them for one test, and closes them behind it. */
export function twoRelays(
  t: TestContext,
  options: MemoryRelayOptions = {},
  networkOptions: MemoryNetworkOptions = {},
): TwoRelays {
  const network = new MemoryNetwork(networkOptions);
  const a = network.relay(options);
  const b = network.relay(options);
  t.after(async () => {
    await a.close();
    await b.close();
    await network.close();
  });
  return { network, a, b };
}
