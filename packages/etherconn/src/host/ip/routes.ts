import { type IpPrefix, ipEquals, prefixContains } from '../../wire/ip.ts';

/** Where packets for a network go. */
export interface RouteEntry {
  readonly prefix: IpPrefix;
  /** 4 or 16 bytes; null: the destination is itself on the link. */
  readonly gateway: Uint8Array | null;
  /** Of two routes for the same network the one with the lower metric counts. */
  readonly metric: number;
}

/** The routes of a host, the longest prefix first. */
export class Routes {
  list: readonly RouteEntry[] = [];

  add(route: RouteEntry): void {
    // Stable: of equal ones the first added counts.
    this.list = [...this.list, route].sort(
      (a, b) => b.prefix.length - a.prefix.length || a.metric - b.metric,
    );
  }

  remove(route: RouteEntry): void {
    this.list = this.list.filter((one) => one !== route);
  }

  /** The route that counts for an address (4 or 16 bytes), or null. */
  find(address: Uint8Array): RouteEntry | null {
    for (const route of this.list) {
      if (route.prefix.address.length === address.length && prefixContains(route.prefix, address))
        return route;
    }
    return null;
  }

  /** A route to exactly this network by this gateway (any, when undefined), or null. */
  get(prefix: IpPrefix, gateway?: Uint8Array | null): RouteEntry | null {
    for (const route of this.list) {
      const same = route.prefix.length === prefix.length && sameNetwork(route.prefix, prefix);
      if (same && (gateway === undefined || sameGateway(route.gateway, gateway))) return route;
    }
    return null;
  }
}

function sameNetwork(a: IpPrefix, b: IpPrefix): boolean {
  return a.address.length === b.address.length && prefixContains(a, b.address);
}

function sameGateway(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : ipEquals(a, b);
}
