import type { Clock } from '../../clock.ts';
import { InUseError } from '../../errors.ts';
import { ipEquals } from '../../wire/ip.ts';
import { isGroupMac } from '../../wire/mac.ts';
import { findNdOption, ND_LINK_LAYER_ADDRESS, NdOption } from '../../wire/nd.ts';
import type { FrameRecord } from '../../wire/record.ts';
import { AddressProbe, PROBES6 } from '../config/address-probe.ts';
import type { HostAddresses } from '../config/host-addresses.ts';
import type { AddressState, OwnAddress } from '../ip/addresses.ts';
import type { RouteEntry } from '../ip/routes.ts';
import { type LinkWatcher, unwatchLink, watchLink } from '../link-watch.ts';
import { REACHABLE_TIME, RETRANSMIT_TIME } from '../neighbor/neighbor-cache.ts';
import type { HostState, RouterListener } from '../state.ts';
import { readRouterAdvertisement } from './router-advertisement.ts';
import { Slaac, type SlaacLink } from './slaac.ts';
import { addressInPrefix } from './slaac-identifier.ts';
import { checkSlaacOptions, type SlaacOptions, type SlaacSettings } from './slaac-options.ts';

const LINK_LOCAL = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
/** Routes set by the program take precedence over routes from routers. */
const METRIC = 1024;
/** Maximum number of advertisers kept for an address, the newest. */
const ADVERTISERS_MAX = 16;

/** Connects stateless configuration to its host. */
export class HostSlaacLink implements SlaacLink<OwnAddress, RouteEntry>, RouterListener, LinkWatcher {
  readonly #addresses: HostAddresses;
  readonly #state: HostState;
  readonly #settings: SlaacSettings;
  #slaac: Slaac<OwnAddress, RouteEntry> | null = null;
  /** The link-local address, if it was created here. */
  #linkLocal: OwnAddress | null = null;

  constructor(addresses: HostAddresses, settings: SlaacSettings) {
    this.#addresses = addresses;
    this.#state = addresses.state;
    this.#settings = settings;
  }

  get clock(): Clock {
    return this.#state.clock;
  }

  random(): number {
    return this.#state.random();
  }

  /** Listens to routers, and adds the link-local address that the host needs to talk to them. */
  open(slaac: Slaac<OwnAddress, RouteEntry>): void {
    this.#slaac = slaac;
    watchLink(this.#state.relay, this);
    this.#state.routerListener = this;
    if (this.#state.addresses.linkLocal() === null) this.#addLinkLocal(0);
  }

  linkUp(): void {
    this.#slaac?.linkUp();
  }

  close(): void {
    unwatchLink(this.#state.relay, this);
    if (this.#state.routerListener === this) this.#state.routerListener = null;
    if (this.#linkLocal !== null) this.removeAddress(this.#linkLocal);
    this.#linkLocal = null;
    this.#slaac = null;
  }

  routerAdvertisement(u8: Uint8Array, record: FrameRecord): void {
    const mac = findNdOption(u8, record, NdOption.SOURCE_LINK_LAYER);
    if (mac >= 0 && !isGroupMac(u8, mac + ND_LINK_LAYER_ADDRESS)) {
      const how = { solicited: false, override: true, create: true };
      this.#addresses.output.neighbors.learn(u8, record.ipSource, 6, mac + ND_LINK_LAYER_ADDRESS, how);
    }
    this.#slaac?.advertised(readRouterAdvertisement(u8, record));
  }

  isNoRouter(address: Uint8Array): void {
    this.#slaac?.isNoRouter(address);
  }

  hostClosed(error: Error): void {
    unwatchLink(this.#state.relay, this);
    this.#slaac?.hostClosed(error);
  }

  solicit(): void {
    const { addresses } = this.#state;
    const source = addresses.linkLocal();
    // Routers must not learn from an address that may belong to another station: RFC 4429 §3.3.
    const isOptimistic = source !== null && addresses.find(source, 0, 6)?.state === 'optimistic';
    this.#addresses.output.nd.solicitRouters(isOptimistic ? null : source);
  }

  addressIn(prefix: Uint8Array, attempt: number): Uint8Array | null {
    const { scheme } = this.#settings;
    if (scheme.kind === 'eui64' && attempt > 0) return null;
    const { ethernet, interfaceName } = this.#state;
    return addressInPrefix(prefix, ethernet.macBytes, interfaceName, scheme, attempt);
  }

  addAddress(address: Uint8Array, length: number, settled: (isFree: boolean) => void): OwnAddress | null {
    const addresses = this.#addresses;
    // The host may already have the address.
    if (this.#state.addresses.find(address, 0, 6) !== null) return null;
    const mode = this.#settings.detectDuplicates;
    const state: AddressState = mode === 'wait' ? 'tentative' : mode === 'off' ? 'preferred' : 'optimistic';
    // Whether its network is on the link is a separate question (RFC 5942).
    const own = addresses.add(address, length, state, false);
    if (mode === 'off') return own;
    const interval = addresses.output.neighbors.retransmitTime(16);
    new AddressProbe(addresses, own, PROBES6, interval, mode !== 'wait', (otherMac) => {
      if (otherMac === null) addresses.setState(own, 'preferred');
      else addresses.lose(own, otherMac);
      settled(otherMac === null);
    });
    return own;
  }

  advertisedBy(address: OwnAddress, router: Uint8Array): void {
    const { advertisers } = address;
    if (advertisers.some((one) => ipEquals(one, router))) return;
    address.advertisers = [...advertisers, router].slice(-ADVERTISERS_MAX);
    this.#state.epoch++;
  }

  removeAddress(address: OwnAddress): void {
    // It may have been removed already.
    if (this.#state.addresses.list.includes(address)) this.#addresses.remove(address);
  }

  stateOf(address: OwnAddress): AddressState {
    return address.state;
  }

  setPreferred(address: OwnAddress, isPreferred: boolean): void {
    // Until detection is over, its state stays.
    if (address.state !== 'preferred' && address.state !== 'deprecated') return;
    const state = isPreferred ? 'preferred' : 'deprecated';
    if (address.state !== state) this.#addresses.setState(address, state);
  }

  addRoute(prefix: Uint8Array, length: number, gateway: Uint8Array | null, preference: number): RouteEntry {
    const route = { prefix: { address: prefix, length }, gateway, metric: METRIC, preference };
    this.#state.routes.add(route);
    this.#state.epoch++;
    return route;
  }

  removeRoute(route: RouteEntry): void {
    this.#state.routes.remove(route);
    this.#state.epoch++;
  }

  setNeighborTimes(reachable: number | null, retransmit: number | null): void {
    this.#addresses.output.neighbors.setTimes6(reachable ?? REACHABLE_TIME, retransmit ?? RETRANSMIT_TIME);
  }

  setMtu(mtu: number | null): void {
    this.#state.limitMtu(this, mtu);
  }

  #addLinkLocal(attempt: number): void {
    const address = this.addressIn(LINK_LOCAL, attempt);
    if (address === null) return;
    this.#linkLocal = this.addAddress(address, 64, (isFree) => {
      if (isFree || this.#slaac === null) return;
      this.#linkLocal = null;
      this.#addLinkLocal(attempt + 1);
    });
    if (this.#linkLocal === null) return;
    const own = this.#linkLocal;
    own.route = { prefix: own, gateway: null, metric: 0 };
    this.#state.routes.add(own.route);
  }
}

/**
 * Starts stateless configuration of a host, see `Host.slaac`. Rejects with an OptionError, InUseError (it is running
 * already), TimeoutError, the signal's reason, or the error that closed the host. Then nothing is left behind.
 */
export async function startSlaac(addresses: HostAddresses, options: SlaacOptions): Promise<Slaac> {
  const { state } = addresses;
  const settings = checkSlaacOptions(options);
  const { signal, timeout } = settings;
  state.checkOpen('slaac');
  signal?.throwIfAborted();
  if (state.routerListener !== null) throw new InUseError('stateless address configuration of this host');
  const link = new HostSlaacLink(addresses, settings);
  const slaac = Slaac.of<OwnAddress, RouteEntry>(link, settings);
  link.open(slaac);
  const configured = slaac.configured({ timeout, ...(signal === undefined ? {} : { signal }) });
  slaac.start();
  try {
    await configured;
  } catch (error) {
    slaac.close();
    throw error;
  }
  return slaac as Slaac;
}
