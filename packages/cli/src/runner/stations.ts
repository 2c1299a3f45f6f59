import { Host, type HostOptions, type PacketRelay } from 'etherconn';

/** A simulated machine, as plans describe it. */
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

/** Stations of one network. */
export interface StationGroup extends StationOptions {
  readonly stations: readonly Station[];
}

/**
 * One host for each MAC address and VLANs, with all of its addresses, so that it answers ARP, neighbor discovery and ping.
 * All senders and receivers on a relay share them.
 */
export class Stations {
  readonly #hosts = new Map<string, Host>();

  constructor(relay: PacketRelay, groups: readonly StationGroup[]) {
    const known = new Map<string, { station: Station; list: Set<string>; gateways: Set<string> }>();
    for (const { stations, prefix, gateway } of groups) {
      for (const station of stations) {
        const key = keyOf(station);
        const entry = known.get(key) ?? { station, list: new Set<string>(), gateways: new Set<string>() };
        known.set(key, entry);
        entry.list.add(`${station.address}/${prefix}`);
        if (gateway !== undefined) entry.gateways.add(gateway);
      }
    }
    for (const [key, { station, list, gateways }] of known) {
      const options: HostOptions = {
        mac: station.mac,
        vlans: station.vlans,
        addresses: [...list],
        detectDuplicates: 'off',
        exclusive: true,
        ...(gateways.size === 0 ? {} : { gateways: [...gateways] }),
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
