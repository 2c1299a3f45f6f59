import type { Clock } from '../../clock.ts';
import { ipEquals } from '../../wire/ip.ts';
import { PathTable } from './path-table.ts';

/** As with Linux (net.ipv4.route.gc_timeout): a redirect expires. */
const LIFETIME = 300_000;

/** Better next hops to single destinations, as routers have reported (RFC 792, RFC 1122 §3.2.2.2). */
export class Redirects {
  readonly #table: PathTable<Uint8Array>;

  /** `changed` is called when an entry is added or removed. */
  constructor(clock: Clock, changed: () => void) {
    this.#table = new PathTable(clock, LIFETIME, changed);
  }

  /** Returns the router for an address (4 or 16 bytes), if a redirect names one. */
  get(address: Uint8Array): Uint8Array | undefined {
    return this.#table.get(address, 0, address.length === 4 ? 4 : 6);
  }

  set(destination: Uint8Array, router: Uint8Array): void {
    this.#table.set(destination, 0, destination.length === 4 ? 4 : 6, router);
  }

  /** Forgets redirects to a router that does not answer. */
  forget(router: Uint8Array): void {
    this.#table.forget((one) => ipEquals(one, router));
  }

  close(): void {
    this.#table.close();
  }
}
