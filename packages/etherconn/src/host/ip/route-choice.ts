import type { Clock, ClockTimer } from '../../clock.ts';
import type { RouteEntry, Routes } from './routes.ts';

/** RFC 4191 §3.5: a silent router is asked again at most this often, and only while it would be used. */
const PROBE_INTERVAL = 60_000;

/** What is known of routers, see `NeighborCache`. */
export interface RouterReachability {
  /** When resolution of a station has last failed, by the clock. Undefined if it has not. */
  failedAt(address: Uint8Array): number | undefined;
  /** Asks it once. */
  probe(address: Uint8Array): void;
}

/** Learns when ways have to be looked for again, so that a silent router is asked again. */
export interface RouteWatcher {
  /** Counted up then. */
  epoch: number;
}

/**
 * Chooses among the routes of a host by whether their routers answer: RFC 4861 §6.3.6, RFC 4191 §3.2 and, for IPv4,
 * RFC 1122 §3.3.1.6. As with Linux, a router counts as reachable until it fails to answer, and only default routes of
 * IPv4 replace each other.
 */
export class RouteChoice {
  readonly #routes: Routes;
  readonly #routers: RouterReachability;
  readonly #clock: Clock;
  readonly #watcher: RouteWatcher;
  #timer: ClockTimer | null = null;

  constructor(routes: Routes, routers: RouterReachability, clock: Clock, watcher: RouteWatcher) {
    this.#routes = routes;
    this.#routers = routers;
    this.#clock = clock;
    this.#watcher = watcher;
  }

  /** Returns the route for an address (4 or 16 bytes) now, or null. */
  find(address: Uint8Array): RouteEntry | null {
    const first = this.#routes.find(address);
    if (first === null || this.#failedAt(first) === undefined) return first;
    if (address.length === 4 && first.prefix.length > 0) return first;
    return this.#standIn(address, first);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /**
   * The next best route whose router may answer. If there is none, the routers take turns: the one that failed
   * longest ago is next.
   */
  #standIn(address: Uint8Array, first: RouteEntry): RouteEntry {
    const silent: RouteEntry[] = [];
    let longestAgo = first;
    for (const route of this.#routes.all(address)) {
      const failed = this.#failedAt(route);
      if (failed === undefined) {
        for (const one of silent) this.#ask(one);
        return route;
      }
      silent.push(route);
      const isAlike = route.prefix.length === first.prefix.length;
      if (isAlike && failed < this.#failedAt(longestAgo)!) longestAgo = route;
    }
    return longestAgo;
  }

  /** A router would be used if it answered: asks it again when that is due. */
  #ask(route: RouteEntry): void {
    const due = this.#failedAt(route)! + PROBE_INTERVAL;
    const left = due - this.#clock.now();
    if (left <= 0) this.#routers.probe(route.gateway!);
    else this.#timer ??= this.#clock.setTimer(() => this.#again(), left, true);
  }

  #again(): void {
    this.#timer = null;
    this.#watcher.epoch++;
  }

  #failedAt(route: RouteEntry): number | undefined {
    return route.gateway === null ? undefined : this.#routers.failedAt(route.gateway);
  }
}
