import type { Clock } from '../../clock.ts';
import type { SystemError } from '../../errors.ts';
import { type BatchStore, Field } from '../../relay/batch-store.ts';
import { DHCPV4_CLIENT_PORT, DHCPV4_SERVER_PORT } from '../../wire/dhcpv4.ts';
import { ipEquals, parseIp, parsePrefix } from '../../wire/ip.ts';
import { BROADCAST } from '../../wire/mac.ts';
import { UdpTemplate } from '../../wire/udp-template.ts';
import { probeAddress } from '../config/address-config.ts';
import { AddressKind, type OwnAddress } from '../ip/addresses.ts';
import type { RouteEntry } from '../ip/routes.ts';
import { type LinkWatcher, unwatchLink, watchLink } from '../link-watch.ts';
import type { Stack } from '../stack.ts';
import { HostUdpPort } from '../udp/host-udp-port.ts';
import { udpPacket } from '../udp/udp-packet.ts';
import type { UdpPortUser } from '../udp/udp-port.ts';
import type { DhcpClient } from './dhcp-client.ts';
import type { DhcpLink } from './dhcp-link.ts';
import type { DhcpLease } from './lease.ts';

const ANY = new Uint8Array(4);
const LIMITED_BROADCAST = Uint8Array.of(255, 255, 255, 255);
const DEFAULT_ROUTE = { address: ANY, length: 0 };
const TTL = 64;

/** One question, and half a second for the answer: neighbours on a link answer within milliseconds. */
const PROBES = 1;
const PROBE_TIME = 500;

/** Smallest MTU that is taken from a server (RFC 791: what every host takes), and with IPv6 addresses (RFC 8200 §5). */
const MTU_MIN = 576;
const MTU_MIN_6 = 1280;

/** A DHCP client's hold on its host: port 68, and what the lease gives. */
export class HostDhcpLink implements DhcpLink, UdpPortUser, LinkWatcher {
  readonly #stack: Stack;
  readonly #applyMtu: boolean;
  #client: DhcpClient | null = null;
  #port: HostUdpPort | null = null;
  #own: OwnAddress | null = null;
  #routes: RouteEntry[] = [];

  constructor(stack: Stack, applyMtu: boolean) {
    this.#stack = stack;
    this.#applyMtu = applyMtu;
  }

  get clock(): Clock {
    return this.#stack.clock;
  }

  get mac(): Uint8Array {
    return this.#stack.ethernet.macBytes;
  }

  random(): number {
    return this.#stack.random();
  }

  /** Throws a SystemError EADDRINUSE when somebody has port 68, as another DHCP client would. */
  open(client: DhcpClient): void {
    const port = new HostUdpPort(this.#stack, this, { version: 4 });
    this.#stack.udp.add(port);
    try {
      port.bind(ANY, DHCPV4_CLIENT_PORT);
    } catch (error) {
      port.close();
      throw error;
    }
    this.#client = client;
    this.#port = port;
    this.#stack.unconfiguredPort = DHCPV4_CLIENT_PORT;
    watchLink(this.#stack.relay, this);
  }

  close(): void {
    if (this.#port === null) return;
    unwatchLink(this.#stack.relay, this);
    this.#stack.unconfiguredPort = -1;
    this.#port.close();
    this.#port = null;
  }

  send(payload: Uint8Array, source: string | null, server: string | null, mac: Uint8Array | null): boolean {
    const { output } = this.#stack;
    const from = source === null ? ANY : parseIp(source);
    const to = server === null ? LIMITED_BROADCAST : parseIp(server);
    const station = server === null ? BROADCAST : mac;
    const packet = this.#packet(payload, from, to);
    if (station !== null) {
      output.sendOrWait(() => output.sendTo(packet, station, this.#stack.mtu) === 1);
      return true;
    }
    const path = output.findPath(to);
    // A server that is the host itself has not lent it this address.
    if (typeof path === 'string' || path.kind !== AddressKind.OTHER) return false;
    const port = this.#port;
    output.sendOrWait(() => output.send(packet, path, port) === 1);
    return true;
  }

  async isTaken(address: string): Promise<boolean> {
    const bytes = parseIp(address);
    if (this.#stack.addresses.find(bytes, 0, 4) !== null) return false;
    try {
      return (await probeAddress(this.#stack, bytes, PROBES, PROBE_TIME)) !== null;
    } catch {
      // The host has been closed, or the address taken away: there is nobody to tell of whom.
      return false;
    }
  }

  configure(lease: DhcpLease): void {
    const stack = this.#stack;
    const address = parseIp(lease.address);
    if (this.#own?.length !== lease.prefixLength || !ipEquals(this.#own.address, address)) {
      this.#removeAddress();
      // An address that the host has been given otherwise stays as it is.
      const isKnown = stack.addresses.find(address, 0, 4) !== null;
      this.#own = isKnown ? null : stack.addAddress(address, lease.prefixLength, 'preferred');
      if (this.#own !== null) stack.announceNew(this.#own);
    }
    this.#removeRoutes();
    this.#routes = routesOf(lease);
    for (const route of this.#routes) stack.routes.add(route);
    this.#setMtu(lease.mtu);
    stack.epoch++;
  }

  unconfigure(): void {
    this.#removeAddress();
    this.#removeRoutes();
    this.#setMtu(0);
    this.#stack.epoch++;
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

  /** Errors come to connected ports only. */
  failed(_error: SystemError): void {}

  linkUp(): void {
    this.#client?.linkUp();
  }

  hostClosed(error: Error): void {
    unwatchLink(this.#stack.relay, this);
    this.#port = null;
    this.#client?.hostClosed(error);
  }

  #packet(payload: Uint8Array, source: Uint8Array, destination: Uint8Array): Uint8Array {
    const { ethernet, output } = this.#stack;
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
    // Somebody else may have removed it before.
    if (this.#own !== null && this.#stack.addresses.list.includes(this.#own))
      this.#stack.removeAddress(this.#own);
    this.#own = null;
  }

  #removeRoutes(): void {
    for (const route of this.#routes) this.#stack.routes.remove(route);
    this.#routes = [];
  }

  #setMtu(mtu: number): void {
    const stack = this.#stack;
    const least = stack.addresses.list.some((own) => own.version === 6) ? MTU_MIN_6 : MTU_MIN;
    stack.limitMtu(this, this.#applyMtu && mtu >= least ? mtu : null);
  }
}

/** Default routes by the routers in the order of their preference, or the classless routes instead (RFC 3442). */
function routesOf(lease: DhcpLease): RouteEntry[] {
  if (lease.routes.length === 0) {
    return lease.routers.map((router, metric) => ({
      prefix: DEFAULT_ROUTE,
      gateway: parseIp(router),
      metric,
    }));
  }
  return lease.routes.map(({ destination, gateway }) => ({
    prefix: parsePrefix(destination),
    gateway: gateway === '0.0.0.0' ? null : parseIp(gateway),
    metric: 0,
  }));
}
