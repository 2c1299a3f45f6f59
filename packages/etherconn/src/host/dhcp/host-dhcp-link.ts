import type { Clock } from '../../clock.ts';
import type { SystemError } from '../../errors.ts';
import { type BatchStore, Field } from '../../relay/batch-store.ts';
import { DHCPV4_CLIENT_PORT, DHCPV4_SERVER_PORT } from '../../wire/dhcpv4.ts';
import { ipEquals, parseIp, parsePrefix } from '../../wire/ip.ts';
import { BROADCAST } from '../../wire/mac.ts';
import { UdpTemplate } from '../../wire/udp-template.ts';
import { probeAddress } from '../config/address-config.ts';
import type { HostAddresses } from '../config/host-addresses.ts';
import { AddressKind, type OwnAddress } from '../ip/addresses.ts';
import { whyNoStation } from '../ip/host-address.ts';
import type { RouteEntry } from '../ip/routes.ts';
import { type LinkWatcher, unwatchLink, watchLink } from '../link-watch.ts';
import type { HostState } from '../state.ts';
import { HostUdpPort } from '../udp/host-udp-port.ts';
import { udpPacket } from '../udp/udp-packet.ts';
import type { UdpPortUser } from '../udp/udp-port.ts';
import type { UdpPorts } from '../udp/udp-ports.ts';
import { DhcpClient, type DhcpLink } from './dhcp-client.ts';
import { checkDhcpOptions, type DhcpOptions } from './dhcp-options.ts';
import type { DhcpLease } from './lease.ts';

const ANY = new Uint8Array(4);
const LIMITED_BROADCAST = Uint8Array.of(255, 255, 255, 255);
const DEFAULT_ROUTE = { address: ANY, length: 0 };
const TTL = 64;

/** One probe, and half a second for the answer: neighbors on a link answer within milliseconds. */
const PROBES = 1;
const PROBE_TIME = 500;

/**
 * Smallest MTU accepted from a server (RFC 791: every host takes such packets), and with IPv6 addresses (RFC 8200
 * §5).
 */
const MTU_MIN = 576;
const MTU_MIN_6 = 1280;

/** Connects a DHCP client to its host: port 68, and the effects of a lease. */
export class HostDhcpLink implements DhcpLink, UdpPortUser, LinkWatcher {
  readonly #addresses: HostAddresses;
  readonly #ports: UdpPorts;
  readonly #state: HostState;
  readonly #applyMtu: boolean;
  #client: DhcpClient | null = null;
  #port: HostUdpPort | null = null;
  #own: OwnAddress | null = null;
  #routes: RouteEntry[] = [];

  constructor(addresses: HostAddresses, ports: UdpPorts, applyMtu: boolean) {
    this.#addresses = addresses;
    this.#ports = ports;
    this.#state = addresses.state;
    this.#applyMtu = applyMtu;
  }

  get clock(): Clock {
    return this.#state.clock;
  }

  get mac(): Uint8Array {
    return this.#state.ethernet.macBytes;
  }

  random(): number {
    return this.#state.random();
  }

  /** Throws a SystemError EADDRINUSE if port 68 is taken, for example by another DHCP client. */
  open(client: DhcpClient): void {
    const port = new HostUdpPort(this.#ports, this, { version: 4 });
    this.#ports.add(port);
    try {
      port.bind(ANY, DHCPV4_CLIENT_PORT);
    } catch (error) {
      port.close();
      throw error;
    }
    this.#client = client;
    this.#port = port;
    this.#state.unconfiguredPort = DHCPV4_CLIENT_PORT;
    watchLink(this.#state.relay, this);
  }

  close(): void {
    if (this.#port === null) return;
    unwatchLink(this.#state.relay, this);
    this.#state.unconfiguredPort = -1;
    this.#port.close();
    this.#port = null;
  }

  send(payload: Uint8Array, source: string | null, server: string | null, mac: Uint8Array | null): boolean {
    const { output } = this.#addresses;
    const from = source === null ? ANY : parseIp(source);
    const to = server === null ? LIMITED_BROADCAST : parseIp(server);
    const station = server === null ? BROADCAST : mac;
    const packet = this.#packet(payload, from, to);
    if (station !== null) {
      output.sendOrWait(() => output.sendTo(packet, station, this.#state.mtu) === 1);
      return true;
    }
    const path = output.findPath(to);
    // The host itself is not the server of this lease.
    if (typeof path === 'string' || path.kind !== AddressKind.OTHER) return false;
    const port = this.#port;
    output.sendOrWait(() => output.send(packet, path, port) === 1);
    return true;
  }

  async isTaken(address: string): Promise<boolean> {
    const bytes = parseIp(address);
    if (this.#state.addresses.find(bytes, 0, 4) !== null) return false;
    try {
      return (await probeAddress(this.#addresses, bytes, PROBES, PROBE_TIME)) !== null;
    } catch {
      // The host has been closed, or the address removed: there is nothing to report.
      return false;
    }
  }

  configure(lease: DhcpLease): void {
    const state = this.#state;
    const address = parseIp(lease.address);
    if (this.#own?.length !== lease.prefixLength || !ipEquals(this.#own.address, address)) {
      this.#removeAddress();
      // An address that the host already has stays as it is.
      const isKnown = state.addresses.find(address, 0, 4) !== null;
      this.#own = isKnown ? null : this.#addresses.add(address, lease.prefixLength, 'preferred');
      if (this.#own !== null) this.#addresses.announceNew(this.#own);
    }
    this.#removeRoutes();
    this.#routes = routesOf(lease);
    for (const route of this.#routes) state.routes.add(route);
    this.#setMtu(lease.mtu);
    state.epoch++;
  }

  unconfigure(): void {
    this.#removeAddress();
    this.#removeRoutes();
    this.#setMtu(0);
    this.#state.epoch++;
  }

  // --- The port's user -----------------------------------------------------------------------------------

  batchEnd(store: BatchStore, head: number): void {
    const { words } = store;
    for (let at = head; at >= 0; at = words[at + Field.NEXT]) {
      const sourceMac = words[at + Field.START] + 6;
      const payload = words[at + Field.PAYLOAD];
      this.#client?.receive(store.memory!.u8, payload, words[at + Field.PAYLOAD_END], sourceMac);
    }
  }

  missed(_count: number): void {}

  /** Only connected ports receive errors. */
  failed(_error: SystemError): void {}

  linkUp(): void {
    this.#client?.linkUp();
  }

  hostClosed(error: Error): void {
    unwatchLink(this.#state.relay, this);
    this.#port = null;
    this.#client?.hostClosed(error);
  }

  #packet(payload: Uint8Array, source: Uint8Array, destination: Uint8Array): Uint8Array {
    const { ethernet } = this.#state;
    const { output } = this.#addresses;
    const template = new UdpTemplate({
      source,
      destination,
      sourcePort: DHCPV4_CLIENT_PORT,
      destinationPort: DHCPV4_SERVER_PORT,
      destinationMac: BROADCAST,
      sourceMac: ethernet.macBytes,
      vlans: ethernet.vlans,
      ttl: TTL,
    });
    return udpPacket(template, payload, 0, payload.length, output.nextIdentification(), true);
  }

  #removeAddress(): void {
    // It may have been removed already.
    if (this.#own !== null && this.#state.addresses.list.includes(this.#own))
      this.#addresses.remove(this.#own);
    this.#own = null;
  }

  #removeRoutes(): void {
    for (const route of this.#routes) this.#state.routes.remove(route);
    this.#routes = [];
  }

  #setMtu(mtu: number): void {
    const state = this.#state;
    const least = state.addresses.list.some((own) => own.version === 6) ? MTU_MIN_6 : MTU_MIN;
    state.limitMtu(this, this.#applyMtu && mtu >= least ? mtu : null);
  }
}

/**
 * Result of `Host.dhcp`: a client that has a lease. `lease` is null after 'expired' until 'bound', and after the
 * client has been released or closed.
 */
export type BoundDhcpClient = DhcpClient & { readonly lease: DhcpLease };

/**
 * Gets a lease for a host, see `Host.dhcp`. Rejects with an OptionError, a SystemError EADDRINUSE (the host already
 * has a client), TimeoutError, the signal's reason, or the error that closed the host. Then nothing is left behind.
 */
export async function startDhcp(
  addresses: HostAddresses,
  ports: UdpPorts,
  options: DhcpOptions,
): Promise<BoundDhcpClient> {
  const { state } = addresses;
  const settings = checkDhcpOptions(options, state.ethernet.macBytes);
  const { signal, timeout } = settings;
  state.checkOpen('dhcp');
  signal?.throwIfAborted();
  const link = new HostDhcpLink(addresses, ports, settings.applyMtu);
  const client = DhcpClient.of(link, settings);
  link.open(client);
  client.start();
  try {
    await client.bound({ timeout, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    client.close();
    throw error;
  }
  return client as BoundDhcpClient;
}

/**
 * Default routes by the routers in the order of their preference, or the classless routes instead (RFC 3442). Without those by
 * what is no router's address, or the host's own.
 */
function routesOf(lease: DhcpLease): RouteEntry[] {
  const isRouter = (address: string) => address !== lease.address && whyNoStation(parseIp(address)) === null;
  if (lease.routes.length === 0) {
    return lease.routers.filter(isRouter).map((router, metric) => ({
      prefix: DEFAULT_ROUTE,
      gateway: parseIp(router),
      metric,
    }));
  }
  return lease.routes
    .filter(({ gateway }) => gateway === '0.0.0.0' || isRouter(gateway))
    .map(({ destination, gateway }) => ({
      prefix: parsePrefix(destination),
      gateway: gateway === '0.0.0.0' ? null : parseIp(gateway),
      metric: 0,
    }));
}
