import type { Clock } from '../../clock.ts';
import type { AddressState } from '../ip/addresses.ts';

/** What stateless configuration needs of its host. An address or route is known by the object that was returned. */
export interface SlaacLink<Address, Route> {
  readonly clock: Clock;
  /** From 0 to below 1. */
  random(): number;
  /** Asks all routers. */
  solicit(): void;
  /** The host's own address in a /64 network, on the `attempt`th try from 0; null when there is no other to try. */
  addressIn(prefix: Uint8Array, attempt: number): Uint8Array | null;
  /** Adds an address; `settled` is called, never from inside, once it is known to be free (true) or taken. */
  addAddress(address: Uint8Array, length: number, settled: (isFree: boolean) => void): Address | null;
  /** A router (16 bytes) tells of an address's prefix. */
  advertisedBy(address: Address, router: Uint8Array): void;
  removeAddress(address: Address): void;
  /** What the host makes of it just now. */
  stateOf(address: Address): AddressState;
  /** Sets whether it is for new conversations. */
  setPreferred(address: Address, isPreferred: boolean): void;
  /** A network on the link, or (`gateway`) behind a router, with the router's RoutePreference. */
  addRoute(prefix: Uint8Array, length: number, gateway: Uint8Array | null, preference: number): Route;
  removeRoute(route: Route): void;
  /** Milliseconds for which a neighbour counts as reachable, and between questions; null: as without us. */
  setNeighborTimes(reachable: number | null, retransmit: number | null): void;
  /** Null: as without us. */
  setMtu(mtu: number | null): void;
  close(): void;
}
