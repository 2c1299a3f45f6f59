import { Host } from '../dgram/host.ts';
import { type MemoryNetwork, type MemoryRelay, MemoryNetwork as Network } from '../relay/memory-relay.ts';

/** Hosts 10.0.0.1/24, 10.0.0.2/24 … (and fd00::1/64 …) on one memory network. */
export interface DgramHosts extends AsyncDisposable {
  readonly network: MemoryNetwork;
  readonly hosts: readonly Host[];
  /** Of each host its own. */
  readonly relays: readonly MemoryRelay[];
}

/** Opens them; disposing closes hosts and network. */
export async function openDgramHosts(count: number): Promise<DgramHosts> {
  const network = new Network();
  const hosts: Host[] = [];
  const relays: MemoryRelay[] = [];
  for (let i = 1; i <= count; i++) {
    const options = { addresses: [`10.0.0.${i}/24`, `fd00::${i}/64`], detectDuplicates: 'off' } as const;
    const relay = network.relay();
    relays.push(relay);
    hosts.push(await Host.create(relay, { mac: `02:00:00:00:01:0${i}`, ...options }));
  }
  return {
    network,
    hosts,
    relays,
    async [Symbol.asyncDispose]() {
      for (const host of hosts) await host.close();
      await network.close();
    },
  };
}
