import { Host, type HostOptions, type PacketRelay } from 'etherconn';

/** A simulated machine as a plan names it. */
export interface Station {
  readonly mac: string;
  readonly vlans: readonly number[];
  readonly address: string;
}

export interface StationOptions {
  /** Length of the addresses' prefix. */
  readonly prefix: number;
  readonly gateway?: string | undefined;
}

/**
 * One host for each MAC address and VLANs, with all of its addresses, so that it answers ARP, neighbor discovery and ping.
 */
export class Stations {
  readonly #hosts = new Map<string, Host>();

  constructor(relay: PacketRelay, stations: readonly Station[], { prefix, gateway }: StationOptions) {
    const addresses = new Map<string, { station: Station; list: Set<string> }>();
    for (const station of stations) {
      const key = keyOf(station);
      const entry = addresses.get(key) ?? { station, list: new Set<string>() };
      addresses.set(key, entry);
      entry.list.add(`${station.address}/${prefix}`);
    }
    for (const [key, { station, list }] of addresses) {
      const options: HostOptions = {
        mac: station.mac,
        vlans: station.vlans,
        addresses: [...list],
        detectDuplicates: 'off',
        exclusive: true,
        ...(gateway === undefined ? {} : { gateway }),
      };
      this.#hosts.set(key, Host.createNow(relay, options));
    }
  }

  get size(): number {
    return this.#hosts.size;
  }

  host(station: Station): Host {
    return this.#hosts.get(keyOf(station))!;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.close()));
  }
}

function keyOf({ mac, vlans }: Station): string {
  return `${mac} ${vlans.join('.')}`;
}
