import { EventEmitter } from 'node:events';
import type { Clock, ClockTimer } from '../../clock.ts';
import { ClosedError } from '../../errors.ts';
import { PendingCall } from '../../pending.ts';
import { nextTick } from '../../real-time.ts';
import { formatIp, ipEquals, isLinkLocalIpv6, isMulticastIp } from '../../wire/ip.ts';
import type { AddressState } from '../ip/addresses.ts';
import { RoutePreference } from '../ip/routes.ts';
import { NeighborTimes } from './neighbor-times.ts';
import type { AdvertisedPrefix, RouterAdvertisement, RouterPreference } from './router-advertisement.ts';
import type { SlaacAddress, SlaacEvents, SlaacStats } from './slaac-events.ts';
import type { SlaacSettings } from './slaac-options.ts';

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
  /** Milliseconds for which a neighbor counts as reachable, and between questions; null: as without us. */
  setNeighborTimes(reachable: number | null, retransmit: number | null): void;
  /** Null: as without us. */
  setMtu(mtu: number | null): void;
  close(): void;
}

interface MadeAddress<Address> {
  readonly prefix: Uint8Array;
  readonly length: number;
  bytes: Uint8Array;
  /** Null when all tries have failed. */
  entry: Address | null;
  attempt: number;
  preferredUntil: number;
  validUntil: number;
  isDeprecated: boolean;
}

/** A network on the link, or a router for one or (length 0) for everything. */
interface TimedRoute<Route> {
  readonly prefix: Uint8Array;
  readonly length: number;
  readonly gateway: Uint8Array | null;
  preference: number;
  entry: Route;
  until: number;
}

/** RFC 7559 §2: first and longest time between solicitations, milliseconds, give or take a tenth. */
const FIRST_INTERVAL = 4000;
const LAST_INTERVAL = 3_600_000;
/** RFC 4862 §5.5.3 (e): no unauthenticated router shortens a life below this. */
const TWO_HOURS = 7_200_000;
/** RFC 7217 §6, IDGEN_RETRIES. */
const ATTEMPTS = 3;
/** Bounds against routers that make things up. */
const ADDRESSES_MAX = 32;
/** Of each kind: networks on the link, default routers, routers for less. */
const ROUTES_MAX = 32;
const NAMES_MAX = 16;
/** As of routes. */
const PREFERENCES: Readonly<Record<RouterPreference, number>> = {
  low: RoutePreference.LOW,
  medium: RoutePreference.MEDIUM,
  high: RoutePreference.HIGH,
};
const IPV6_MTU_MIN = 1280;
const IDENTIFIER_BITS = 64;
const ANY = new Uint8Array(16);

/**
 * Stateless address configuration of a host (RFC 4862), with the routers and networks of RFC 4861 §6.3 and the name
 * servers of RFC 8106. Created by `host.slaac()`; active until it is closed.
 *
 * Its timers keep the process alive until there is an address.
 */
export class Slaac<Address = unknown, Route = unknown>
  extends EventEmitter<SlaacEvents>
  implements AsyncDisposable
{
  readonly #link: SlaacLink<Address, Route>;
  readonly #settings: SlaacSettings;
  readonly #stats: SlaacStats = { solicitations: 0, advertisements: 0, prefixesIgnored: 0 };
  #made: MadeAddress<Address>[] = [];
  #routes: TimedRoute<Route>[] = [];
  #dnsServers = new Map<string, number>();
  #domainSearch = new Map<string, number>();
  #last: RouterAdvertisement | null = null;
  #hopLimit = 0;
  #mtu = 0;
  readonly #neighborTimes = new NeighborTimes();
  #interval = 0;
  /** When routers were asked last. */
  #solicited: number = Number.NEGATIVE_INFINITY;
  #solicitAt: number = Infinity;
  #timer: ClockTimer | null = null;
  #waiting: PendingCall<void>[] = [];
  #closed: Error | null = null;

  /** @internal */
  static of<Address, Route>(link: SlaacLink<Address, Route>, settings: SlaacSettings): Slaac<Address, Route> {
    return new Slaac(link, settings);
  }

  private constructor(link: SlaacLink<Address, Route>, settings: SlaacSettings) {
    super();
    this.#link = link;
    this.#settings = settings;
  }

  /** The derived addresses, including those that the host still probes for. */
  addresses(): SlaacAddress[] {
    const { clock } = this.#link;
    const toWall = clock.wallTime() - clock.now();
    return this.#made.flatMap(({ bytes, length, entry, preferredUntil, validUntil }) =>
      entry === null
        ? []
        : [
            {
              address: formatIp(bytes),
              prefixLength: length,
              state: this.#link.stateOf(entry),
              preferredUntil: preferredUntil + toWall,
              validUntil: validUntil + toWall,
            },
          ],
    );
  }

  /** Default routers as text, in order of preference. */
  routers(): string[] {
    return [...this.#routes]
      .sort((a, b) => b.preference - a.preference)
      .flatMap(({ gateway, length }) => (gateway === null || length > 0 ? [] : [formatIp(gateway)]));
  }

  /** Recursive DNS servers that routers advertise, as text (RFC 8106). */
  dnsServers(): string[] {
    return [...this.#dnsServers.keys()];
  }

  domainSearch(): string[] {
    return [...this.#domainSearch.keys()];
  }

  /** Hop limit that routers propose; 0 if none does. */
  get hopLimit(): number {
    return this.#hopLimit;
  }

  /** MTU of the link that routers advertise; 0 if none does. */
  get mtu(): number {
    return this.#mtu;
  }

  /** Whether the last advertisement refers to DHCPv6 for addresses. */
  get managed(): boolean {
    return this.#last?.managed ?? false;
  }

  /** Whether the last advertisement refers to DHCPv6 for other information. */
  get other(): boolean {
    return this.#last?.other ?? false;
  }

  get closed(): boolean {
    return this.#closed !== null;
  }

  stats(): SlaacStats {
    return { ...this.#stats };
  }

  /** Resolves when an address is in use. Rejects with ClosedError, TimeoutError or the signal's reason. */
  configured(options: { timeout?: number; signal?: AbortSignal } = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const call = new PendingCall<void>(this.#link.clock, 'slaac', options);
    if (this.#closed !== null) call.reject(this.#closed);
    else if (this.#isConfigured()) call.resolve(undefined);
    else this.#waiting.push(call);
    call.onSettled = () => {
      this.#waiting = this.#waiting.filter((one) => one !== call);
    };
    return call.promise;
  }

  /** Removes the addresses and routes, and stops. Harmless when repeated. */
  close(): void {
    if (this.#closed !== null) return;
    for (const { entry } of this.#made) if (entry !== null) this.#link.removeAddress(entry);
    for (const { entry } of this.#routes) this.#link.removeRoute(entry);
    this.#link.setMtu(null);
    this.#link.setNeighborTimes(null, null);
    this.#link.close();
    this.hostClosed(new ClosedError('slaac'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** @internal The host is closed, or we are. */
  hostClosed(error: Error): void {
    this.#closed ??= error;
    this.#timer?.cancel();
    this.#timer = null;
    this.#made = [];
    this.#routes = [];
    this.#dnsServers.clear();
    this.#domainSearch.clear();
    for (const call of [...this.#waiting]) call.reject(error);
  }

  /** @internal Begins to ask. */
  start(): void {
    this.#solicitAt = this.#link.clock.now() + this.#link.random() * this.#settings.startDelay;
    this.#due();
  }

  /** @internal The link has come back, and its routers may be others: they are asked again (RFC 4861 §6.3.7). */
  linkUp(): void {
    if (this.#closed !== null) return;
    this.#interval = 0;
    this.#solicitAt = Math.max(this.#link.clock.now(), this.#solicited + FIRST_INTERVAL);
    this.#timer?.cancel();
    this.#due();
  }

  /** @internal A valid advertisement has come. */
  advertised(advertisement: RouterAdvertisement): void {
    if (this.#closed !== null) return;
    const now = this.#link.clock.now();
    this.#stats.advertisements++;
    // RFC 7559 §2: once there is a default router, none need be asked for.
    if (advertisement.lifetime > 0) this.#solicitAt = Infinity;
    this.#last = advertisement;
    this.#hopLimit = advertisement.hopLimit || this.#hopLimit;
    if (advertisement.mtu >= IPV6_MTU_MIN && advertisement.mtu !== this.#mtu) {
      this.#mtu = advertisement.mtu;
      if (this.#settings.applyMtu) this.#link.setMtu(this.#mtu);
    }
    this.#neighborTimes.advertised(advertisement, now, this.#link.random());
    this.#link.setNeighborTimes(this.#neighborTimes.reachable, this.#neighborTimes.retransmit);
    const { router, routes } = advertisement;
    this.#route(ANY, 0, router, PREFERENCES[advertisement.preference], advertisement.lifetime, now);
    // RFC 4191 §3.1: after the default route, so that one for ::/0 has the last word.
    for (const { prefix, length, preference, lifetime } of routes)
      this.#route(prefix, length, router, PREFERENCES[preference], lifetime, now);
    for (const prefix of advertisement.prefixes) this.#prefix(prefix, router, now);
    for (const { address, lifetime } of advertisement.dnsServers)
      remember(this.#dnsServers, address, lifetime, now);
    for (const { name, lifetime } of advertisement.domainSearch)
      remember(this.#domainSearch, name, lifetime, now);
    this.#arm();
    nextTick(() => this.emit('advertisement', advertisement));
  }

  /** @internal A station says that it is no router: RFC 4861 §7.2.5. */
  isNoRouter(address: Uint8Array): void {
    const now = this.#link.clock.now();
    const its = this.#routes.filter(({ gateway }) => gateway !== null && ipEquals(gateway, address));
    if (its.length === 0) return;
    for (const route of its) route.until = now;
    this.#expire(now);
    this.#arm();
  }

  #prefix(prefix: AdvertisedPrefix, router: Uint8Array, now: number): void {
    if (isLinkLocalIpv6(prefix.prefix) || isMulticastIp(prefix.prefix, 0, 6)) {
      this.#stats.prefixesIgnored++;
      return;
    }
    if (prefix.onLink) this.#route(prefix.prefix, prefix.length, null, 0, prefix.validLifetime, now);
    if (!prefix.autonomous) return;
    if (prefix.preferredLifetime > prefix.validLifetime || prefix.length + IDENTIFIER_BITS !== 128) {
      this.#stats.prefixesIgnored++;
      return;
    }
    const known = this.#made.find((one) => ipEquals(one.prefix, prefix.prefix));
    if (known !== undefined) this.#prolong(known, prefix, now);
    const made = known ?? (prefix.validLifetime > 0 ? this.#make(prefix, now) : null);
    if (made !== null && made.entry !== null) this.#link.advertisedBy(made.entry, router);
  }

  /** RFC 4862 §5.5.3 (d). */
  #make(prefix: AdvertisedPrefix, now: number): MadeAddress<Address> | null {
    if (this.#made.length >= ADDRESSES_MAX) {
      this.#stats.prefixesIgnored++;
      return null;
    }
    const made: MadeAddress<Address> = {
      prefix: prefix.prefix,
      length: prefix.length,
      bytes: prefix.prefix,
      entry: null,
      attempt: 0,
      preferredUntil: now + prefix.preferredLifetime * 1000,
      validUntil: now + prefix.validLifetime * 1000,
      isDeprecated: false,
    };
    this.#made.push(made);
    this.#try(made);
    return made;
  }

  #try(made: MadeAddress<Address>): void {
    const bytes = made.attempt < ATTEMPTS ? this.#link.addressIn(made.prefix, made.attempt++) : null;
    if (bytes === null) return;
    made.bytes = bytes;
    made.entry = this.#link.addAddress(bytes, made.length, (isFree) => {
      if (this.#closed !== null || !this.#made.includes(made)) return;
      if (isFree) {
        this.#refresh(made);
        this.#noteConfigured();
      } else {
        made.entry = null;
        const address = formatIp(bytes);
        nextTick(() => this.emit('duplicate', address));
        this.#try(made);
      }
    });
    if (made.entry === null) return;
    this.#refresh(made);
    const address = formatIp(bytes);
    nextTick(() => this.emit('address', address));
    this.#noteConfigured();
  }

  /** RFC 4862 §5.5.3 (e). */
  #prolong(made: MadeAddress<Address>, prefix: AdvertisedPrefix, now: number): void {
    made.preferredUntil = now + prefix.preferredLifetime * 1000;
    const valid = prefix.validLifetime * 1000;
    const left = made.validUntil - now;
    if (valid > TWO_HOURS || valid > left) made.validUntil = now + valid;
    else if (left > TWO_HOURS) made.validUntil = now + TWO_HOURS;
    this.#refresh(made);
  }

  /** Makes an address preferred or deprecated as its lifetime says. */
  #refresh(made: MadeAddress<Address>): void {
    if (made.entry === null) return;
    const isDeprecated = made.preferredUntil <= this.#link.clock.now();
    this.#link.setPreferred(made.entry, !isDeprecated);
    if (isDeprecated && !made.isDeprecated) {
      const address = formatIp(made.bytes);
      nextTick(() => this.emit('deprecated', address));
    }
    made.isDeprecated = isDeprecated;
  }

  #route(
    prefix: Uint8Array,
    length: number,
    gateway: Uint8Array | null,
    preference: number,
    lifetime: number,
    now: number,
  ): void {
    const known = this.#routes.find(
      (route) =>
        route.length === length &&
        ipEquals(route.prefix, prefix) &&
        (gateway === null
          ? route.gateway === null
          : route.gateway !== null && ipEquals(route.gateway, gateway)),
    );
    if (known !== undefined) {
      known.until = now + lifetime * 1000;
      if (lifetime === 0) this.#expire(now);
      else if (known.preference !== preference) {
        this.#link.removeRoute(known.entry);
        known.entry = this.#link.addRoute(prefix, length, gateway, preference);
        known.preference = preference;
      }
    } else if (lifetime > 0 && this.#hasRoomFor(length, gateway)) {
      const entry = this.#link.addRoute(prefix, length, gateway, preference);
      this.#routes.push({ prefix, length, gateway, preference, entry, until: now + lifetime * 1000 });
    }
  }

  #hasRoomFor(length: number, gateway: Uint8Array | null): boolean {
    const isAlike = (route: TimedRoute<Route>) =>
      (route.gateway === null) === (gateway === null) &&
      (gateway === null || (route.length === 0) === (length === 0));
    return this.#routes.filter(isAlike).length < ROUTES_MAX;
  }

  #isConfigured(): boolean {
    return this.#made.some(({ entry }) => entry !== null && this.#link.stateOf(entry) !== 'tentative');
  }

  #noteConfigured(): void {
    if (!this.#isConfigured()) return;
    for (const call of [...this.#waiting]) call.resolve(undefined);
  }

  #expire(now: number): void {
    for (const made of this.#made.filter(({ validUntil }) => validUntil <= now)) {
      this.#made = this.#made.filter((one) => one !== made);
      if (made.entry === null) continue;
      this.#link.removeAddress(made.entry);
      const address = formatIp(made.bytes);
      nextTick(() => this.emit('removed', address));
    }
    for (const made of this.#made) if (!made.isDeprecated && made.preferredUntil <= now) this.#refresh(made);
    for (const route of this.#routes.filter(({ until }) => until <= now)) {
      this.#routes = this.#routes.filter((one) => one !== route);
      this.#link.removeRoute(route.entry);
    }
    for (const known of [this.#dnsServers, this.#domainSearch])
      for (const [name, until] of known) if (until <= now) known.delete(name);
  }

  readonly #due = (): void => {
    this.#timer = null;
    const now = this.#link.clock.now();
    this.#expire(now);
    if (this.#solicitAt <= now) {
      this.#link.solicit();
      this.#solicited = now;
      this.#stats.solicitations++;
      const jitter = (this.#link.random() - 0.5) / 5;
      const next = this.#interval === 0 ? FIRST_INTERVAL : Math.min(2 * this.#interval, LAST_INTERVAL);
      this.#interval = next;
      this.#solicitAt = now + next * (1 + jitter);
    }
    this.#arm();
  };

  #arm(): void {
    let at = this.#solicitAt;
    for (const made of this.#made) {
      at = Math.min(at, made.validUntil);
      if (!made.isDeprecated) at = Math.min(at, made.preferredUntil);
    }
    for (const { until } of this.#routes) at = Math.min(at, until);
    for (const known of [this.#dnsServers, this.#domainSearch])
      for (const until of known.values()) at = Math.min(at, until);
    this.#timer?.cancel();
    this.#timer = null;
    if (at === Infinity) return;
    const isIdle = this.#waiting.length === 0;
    this.#timer = this.#link.clock.setTimer(this.#due, at - this.#link.clock.now(), isIdle);
  }
}

/** Keeps a name for its lifetime; 0 forgets it (RFC 8106 §5.3.1). */
function remember(known: Map<string, number>, name: string, lifetime: number, now: number): void {
  if (lifetime === 0) known.delete(name);
  else if (known.has(name) || known.size < NAMES_MAX) known.set(name, now + lifetime * 1000);
}
