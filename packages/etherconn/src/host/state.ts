import type { Clock } from '../clock.ts';
import type { Claims } from '../conn/claims.ts';
import type { Relay } from '../relay/relay.ts';
import type { FrameRecord } from '../wire/record.ts';
import { BroadcastPorts } from './broadcast-ports.ts';
import type { HostEthernet } from './host-ethernet.ts';
import { HostCounters } from './host-stats.ts';
import { Addresses } from './ip/addresses.ts';
import { PathMtus } from './ip/path-mtu.ts';
import { Redirects } from './ip/redirects.ts';
import { Routes } from './ip/routes.ts';

/** Takes router advertisements. */
export interface RouterListener {
  /** A valid advertisement (RFC 4861 §6.1.2). `u8` is good only during the call. */
  routerAdvertisement(u8: Uint8Array, record: FrameRecord): void;
  /** A station says that it is no router. */
  isNoRouter(address: Uint8Array): void;
  hostClosed(error: Error): void;
}

/** The plain state of a host. All rooms read and write it; it knows none of them. */
export class HostState {
  readonly relay: Relay;
  readonly clock: Clock;
  readonly ethernet: HostEthernet;
  readonly interfaceName: string;
  readonly counters: HostCounters = new HostCounters();
  readonly addresses: Addresses = new Addresses();
  readonly routes: Routes = new Routes();
  readonly broadcastPorts: BroadcastPorts;
  /** Longest IP packet in one frame: the host's own MTU, or less if the network says so. */
  mtu: number;
  /** Incremented when paths may have changed. */
  epoch = 0;
  /** The error that closed the host, or its relay. */
  closed: Error | null = null;
  /** Conns that share the host. Created with the first one. */
  claims: Claims | null = null;
  routerListener: RouterListener | null = null;
  /** UDP datagrams for this port are accepted for any unicast address: a DHCP client's port, or -1. */
  unconfiguredPort = -1;
  /** The host's own MTU, and limits that DHCP and routers have set. They come and go in any order. */
  #ownMtu: number;
  #mtuLimits: Map<object, number> | null = null;
  #pathMtus: PathMtus | null = null;
  #redirects: Redirects | null = null;

  constructor(ethernet: HostEthernet, interfaceName: string, mtu: number) {
    this.ethernet = ethernet;
    this.relay = ethernet.relay;
    this.clock = ethernet.relay.clock;
    this.interfaceName = interfaceName;
    this.broadcastPorts = new BroadcastPorts(ethernet);
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

  /** A number from 0 to below 1, for random delays. */
  random(): number {
    return Math.random();
  }

  /** Changes the host's own MTU. */
  setMtu(mtu: number): void {
    this.#ownMtu = mtu;
    this.#chooseMtu();
  }

  /** Limits the MTU in the name of `who`; null removes that limit. */
  limitMtu(who: object, mtu: number | null): void {
    if (mtu === null) this.#mtuLimits?.delete(who);
    else {
      this.#mtuLimits ??= new Map();
      this.#mtuLimits.set(who, mtu);
    }
    this.#chooseMtu();
  }

  /** Returns the MTU of the path to an address (4 or 16 bytes). */
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

  /** Returns the router that a redirect has named for a destination (4 or 16 bytes). */
  redirected(destination: Uint8Array): Uint8Array | undefined {
    return this.#redirects?.get(destination);
  }

  redirect(destination: Uint8Array, router: Uint8Array): void {
    this.#redirects ??= new Redirects(this.clock, () => {
      this.epoch++;
    });
    this.#redirects.set(destination, router);
  }

  /** Forgets redirects to a router that does not answer. */
  forgetRedirects(router: Uint8Array): void {
    this.#redirects?.forget(router);
  }

  /** Forgets path MTUs and redirects. */
  close(): void {
    this.broadcastPorts.close();
    this.#pathMtus?.close();
    this.#redirects?.close();
  }

  #chooseMtu(): void {
    this.mtu = this.#ownMtu;
    for (const mtu of this.#mtuLimits?.values() ?? []) this.mtu = Math.min(this.mtu, mtu);
    this.epoch++;
  }
}
