import { ArpResolver, NdResolver, type PacketRelay, type Relay, SharedEtherConn } from 'etherconn';
import type { Flow } from '../scenario/flow-plan.ts';

export interface NextHopOptions {
  readonly version: 4 | 6;
  /** Length of the sources' prefix. */
  readonly prefix: number;
  readonly gateway?: string | undefined;
  /** Whether some destinations, but not all, may have no next hop. Default false. */
  readonly mayLack?: boolean | undefined;
}

/** A destination without a MAC address: nobody answered, or there is no route. */
export class NoNextHop extends Error {
  override readonly name: string = 'NoNextHop';
}

/**
 * The MAC address of each flow's next hop: the given one, or the answer to one question for each destination and VLAN, in
 * the name of the first flow that needs it. Throws {@link NoNextHop}. With `mayLack`, it throws only if no flow has a next
 * hop, and a flow without one gets null.
 */
export async function findNextHops(
  relay: PacketRelay,
  flows: readonly Flow[],
  options: NextHopOptions,
): Promise<(flow: Flow) => string | null> {
  const found = new Map<string, Promise<string>>();
  const askers = new Map<string, Asker>();
  const key = (flow: Flow): string => `${flow.vlans.join('.')} ${flow.toAddress}`;
  try {
    for (const flow of flows) {
      if (flow.toMac !== undefined || found.has(key(flow))) continue;
      const vlan = flow.vlans.join('.');
      let asker = askers.get(vlan);
      if (asker === undefined) {
        asker = new Asker(relay, flow, options);
        askers.set(vlan, asker);
      }
      found.set(key(flow), asker.ask(flow.toAddress));
    }
    const macs = new Map<string, string | null>();
    let lacking: NoNextHop | null = null;
    await Promise.all(
      [...found].map(async ([each, mac]) => {
        try {
          macs.set(each, await mac);
        } catch (error) {
          if (options.mayLack !== true || !(error instanceof NoNextHop)) throw error;
          macs.set(each, null);
          lacking = error;
        }
      }),
    );
    const nextHop = (flow: Flow): string | null => flow.toMac ?? macs.get(key(flow)) ?? null;
    if (lacking !== null && !flows.some((flow) => nextHop(flow) !== null)) throw lacking;
    return nextHop;
  } finally {
    await Promise.all([...askers.values()].map((asker) => asker.close()));
  }
}

/** Asks for neighbours in one VLAN. */
class Asker {
  readonly #resolver: ArpResolver | NdResolver;
  readonly #conn: SharedEtherConn | null = null;
  readonly #flow: Flow;
  readonly #options: NextHopOptions;

  constructor(relay: PacketRelay, flow: Flow, options: NextHopOptions) {
    const { mac, vlans, address } = flow;
    const { version, prefix, gateway } = options;
    const own = {
      address: `${address}/${prefix}`,
      neighbors: 65_536,
      ...(gateway === undefined ? {} : { gateway }),
    };
    this.#flow = flow;
    this.#options = options;
    if (version === 4) this.#resolver = new ArpResolver(relay, { ...own, mac, vlans });
    else {
      this.#conn = new SharedEtherConn(mac, relay as Relay, [], { vlans, receiveMulticast: true });
      this.#resolver = new NdResolver(this.#conn, own);
    }
  }

  async ask(address: string): Promise<string> {
    const mac = await this.#resolver.resolve(address);
    if (mac !== null)
      return typeof mac === 'string'
        ? mac
        : Buffer.from(mac)
            .toString('hex')
            .replace(/..(?!$)/g, '$&:');
    const { version, prefix, gateway } = this.#options;
    const { address: from, vlans } = this.#flow;
    const where = vlans.length === 0 ? '' : ` in VLAN ${vlans.join('.')}`;
    const protocol = version === 4 ? 'ARP' : 'neighbor discovery';
    throw new NoNextHop(
      gateway === undefined
        ? `no answer from ${address} to ${protocol}${where}, asked from ${from}/${prefix}; check that it is up, or give --to-mac, or --gateway when it is behind a router`
        : `no answer from ${address}, or from the gateway ${gateway}, to ${protocol}${where}, asked from ${from}/${prefix}; check that it is up, or give --to-mac`,
    );
  }

  async close(): Promise<void> {
    await this.#resolver.close();
    await this.#conn?.close();
  }
}
