import { type IpPrefix, ipEquals, prefixContains } from '../../wire/ip.ts';

/** The preference that a router asks for: RFC 4191 §2.1. */
export const RoutePreference = { LOW: -1, MEDIUM: 0, HIGH: 1 } as const;

/** A route to a network. */
export interface RouteEntry {
  readonly prefix: IpPrefix;
  /** The router, 4 or 16 bytes. Null: the network is on the link. */
  readonly gateway: Uint8Array | null;
  /** Among routes to the same network, the lowest metric wins. */
  readonly metric: number;
  /**
   * Among routes with the same metric, the preference of the router decides: {@link RoutePreference}, default medium.
   */
  readonly preference?: number;
}

/** The routes of a host, the longest prefix first. */
export class Routes {
  list: readonly RouteEntry[] = [];

  add(route: RouteEntry): void {
    // The sort is stable: among equals, the first added wins.
    this.list = this.list
      .concat(route)
      .sort(
        (a, b) =>
          b.prefix.length - a.prefix.length ||
          a.metric - b.metric ||
          (b.preference ?? RoutePreference.MEDIUM) - (a.preference ?? RoutePreference.MEDIUM),
      );
  }

  remove(route: RouteEntry): void {
    this.list = this.list.filter((one) => one !== route);
  }

  /** Returns the best route for an address (4 or 16 bytes), or null. */
  find(address: Uint8Array): RouteEntry | null {
    for (const route of this.list) if (isFor(route, address)) return route;
    return null;
  }

  /** Returns all routes for an address, the best first. */
  all(address: Uint8Array): RouteEntry[] {
    return this.list.filter((route) => isFor(route, address));
  }

  /** Whether any route uses this router. */
  hasGateway(gateway: Uint8Array): boolean {
    return this.list.some((route) => route.gateway !== null && ipEquals(route.gateway, gateway));
  }

  /** Returns the route to exactly this network by this gateway (by any, if undefined), or null. */
  get(prefix: IpPrefix, gateway?: Uint8Array | null): RouteEntry | null {
    for (const route of this.list) {
      const same = route.prefix.length === prefix.length && sameNetwork(route.prefix, prefix);
      if (same && (gateway === undefined || sameGateway(route.gateway, gateway))) return route;
    }
    return null;
  }
}

function isFor(route: RouteEntry, address: Uint8Array): boolean {
  return route.prefix.address.length === address.length && prefixContains(route.prefix, address);
}

function sameNetwork(a: IpPrefix, b: IpPrefix): boolean {
  return a.address.length === b.address.length && prefixContains(a, b.address);
}

function sameGateway(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : ipEquals(a, b);
}
