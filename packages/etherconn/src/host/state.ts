import type { Clock } from '../clock.ts';
import type { Claims } from '../conn/claims.ts';
import type { Relay } from '../relay/relay.ts';
import type { FrameRecord } from '../wire/record.ts';
import type { HostEthernet } from './host-ethernet.ts';
import { HostCounters } from './host-stats.ts';
import { Addresses } from './ip/addresses.ts';
import { PathMtus } from './ip/path-mtu.ts';
import { Redirects } from './ip/redirects.ts';
import { Routes } from './ip/routes.ts';

/** Takes router advertisements. */
export interface RouterListener {
  /** A valid one (RFC 4861 §6.1.2); `u8` is good only during the call. */
  routerAdvertisement(u8: Uint8Array, record: FrameRecord): void;
  /** A station says that it is no router. */
  isNoRouter(address: Uint8Array): void;
  hostClosed(error: Error): void;
}

/** The plain state of a host, which all its rooms read and write. It knows none of them. */
export class HostState {
  readonly relay: Relay;
  readonly clock: Clock;
  readonly ethernet: HostEthernet;
  readonly interfaceName: string;
  readonly counters: HostCounters = new HostCounters();
  readonly addresses: Addresses = new Addresses();
  readonly routes: Routes = new Routes();
  /** Longest IP packet that is sent in one frame: what the host was given, or less where a network says so. */
  mtu: number;
  /** Counts up when the ways to destinations have to be looked for again. */
  epoch = 0;
  /** What the host, or its relay, was closed with. */
  closed: Error | null = null;
  /** Conns that share the host; made when the first does. */
  claims: Claims | null = null;
  routerListener: RouterListener | null = null;
  /** UDP datagrams for this port are taken whatever unicast address they are for: a DHCP client's, or -1. */
  unconfiguredPort = -1;
  /** What the host was given, and what DHCP and routers say; each may come and go before the other. */
  #ownMtu: number;
  #mtuLimits: Map<object, number> | null = null;
  #pathMtus: PathMtus | null = null;
  #redirects: Redirects | null = null;

  constructor(ethernet: HostEthernet, interfaceName: string, mtu: number) {
    this.ethernet = ethernet;
    this.relay = ethernet.relay;
    this.clock = ethernet.relay.clock;
    this.interfaceName = interfaceName;
    this.mtu = mtu;
    this.#ownMtu = mtu;
  }

  /** Whether conns share the host now. */
  get isShared(): boolean {
    return this.claims !== null && this.claims.size > 0;
  }

  checkOpen(operation: string): void {
    if (this.closed !== null) throw this.closed;
    this.relay.checkOpen(operation);
  }

  /** From 0 to below 1: what delays are made of. */
  random(): number {
    return Math.random();
  }

  /** Changes what the host was given. */
  setMtu(mtu: number): void {
    this.#ownMtu = mtu;
    this.#chooseMtu();
  }

  /** What `who` has heard of the network's MTU; null takes it back. */
  limitMtu(who: object, mtu: number | null): void {
    if (mtu === null) this.#mtuLimits?.delete(who);
    else {
      this.#mtuLimits ??= new Map();
      this.#mtuLimits.set(who, mtu);
    }
    this.#chooseMtu();
  }

  /** The MTU of the path to an address (4 or 16 bytes). */
  pathMtu(address: Uint8Array): number {
    return this.#pathMtus === null ? this.mtu : this.#pathMtus.get(address, this.mtu);
  }

  narrowPath(u8: Uint8Array, offset: number, version: number, mtu: number): void {
    if (mtu >= this.mtu) return;
    this.#pathMtus ??= new PathMtus(this.clock, () => {
      this.epoch++;
    });
    this.#pathMtus.narrow(u8, offset, version, mtu);
  }

  /** The router that another one has named for a destination (4 or 16 bytes). */
  redirected(destination: Uint8Array): Uint8Array | undefined {
    return this.#redirects?.get(destination);
  }

  redirect(destination: Uint8Array, router: Uint8Array): void {
    this.#redirects ??= new Redirects(this.clock, () => {
      this.epoch++;
    });
    this.#redirects.set(destination, router);
  }

  /** This router does not answer. */
  forgetRedirects(router: Uint8Array): void {
    this.#redirects?.forget(router);
  }

  /** Forgets what is known of paths. */
  close(): void {
    this.#pathMtus?.close();
    this.#redirects?.close();
  }

  #chooseMtu(): void {
    this.mtu = this.#ownMtu;
    for (const mtu of this.#mtuLimits?.values() ?? []) this.mtu = Math.min(this.mtu, mtu);
    this.epoch++;
  }
}
