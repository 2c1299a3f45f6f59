import type { Clock } from '../../clock.ts';
import { InUseError, OptionError } from '../../errors.ts';
import { type Addon, loadAddon, type NativeSocket } from '../../native/addon.ts';
import { during } from '../../native/system-error.ts';
import { checkBoolean, checkKnown, requireInteger, show } from '../../options.ts';
import {
  formatIp,
  isIpv4Mapped,
  isLimitedBroadcast,
  isLoopbackIp,
  isMulticastIp,
  isUnspecifiedIp,
  parseIp,
} from '../../wire/ip.ts';
import type { Service, ServiceOptions } from '../service.ts';
import { doAll } from './do-all.ts';
import { Holdings } from './holdings.ts';
import { KernelNextHops } from './kernel-next-hops.ts';
import { withNamespace } from './namespace.ts';
import { parseRoute, routeRequest } from './neighbor-netlink.ts';
import { withRouteSocket } from './netlink.ts';
import { reserveUdpPort, shareUdpPort } from './port-reservation.ts';

const ANSWER_SIZE = 4096;

/** Where services are: an interface and its namespace. */
export interface ServicePlace {
  readonly interfaceName: string;
  /** Path; undefined for the calling thread's. */
  readonly netns: string | undefined;
  readonly clock: Clock;
}

/** A checked service. */
export interface ServiceAddress {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
}

/** What a link does for its services. */
export interface ServiceSteering {
  /** Whether datagrams for it go to another thread that shares the program. */
  hasService(service: ServiceAddress): boolean;
  /** From now on datagrams for it come here. */
  addService(service: ServiceAddress): void;
  /** Not any more. */
  removeService(service: ServiceAddress): void;
}

/** The services of one link, and what they hold of the kernel: next hops in common, a port each. */
export class Services {
  readonly #place: ServicePlace;
  readonly #steering: ServiceSteering;
  readonly #open = new Map<string, OpenService>();
  readonly #reserved = new Set<NativeSocket>();
  #nextHops: KernelNextHops | undefined;
  #shared: boolean;

  /** @internal `shared`: relays of other threads may have the same services; see {@link share}. */
  constructor(place: ServicePlace, steering: ServiceSteering, shared = false) {
    this.#place = place;
    this.#shared = shared;
    this.#steering = steering;
  }

  /** Throws an OptionError, an InUseError, or what the kernel says. */
  register(options: ServiceOptions): Service {
    checkKnown(options, ['address', 'port', 'reserve']);
    const address = checkAddress(options.address);
    const port = requireInteger('port', options.port, 1, 65_535);
    const reserve = checkBoolean('reserve', options.reserve, true);
    const text = formatIp(address);
    const key = `${text}|${port}`;
    if (this.#open.has(key)) throw new InUseError(`service ${text}, UDP port ${port}`);

    const service = { address, port };
    const holdings = new Holdings();
    try {
      const nextHops = this.#openInKernel(service, reserve, holdings);
      this.#steering.addService(service);
      const opened = new OpenService(text, port, nextHops, () => {
        this.#open.delete(key);
        doAll([
          () => this.#steering.removeService(service),
          () => holdings.release(),
          () => this.#closeUnused(),
        ]);
      });
      this.#open.set(key, opened);
      return opened;
    } catch (error) {
      holdings.abandon(error);
      this.#closeUnused();
      throw error;
    }
  }

  /** The next hops of all services, and a port of its own for this one. */
  #openInKernel(service: ServiceAddress, reserve: boolean, holdings: Holdings): KernelNextHops {
    const addon = loadAddon();
    const { interfaceName: name, netns } = this.#place;
    return withNamespace(netns, (namespaceFd) => {
      const index = askKernel(addon, namespaceFd, name, service.address);
      if (reserve) this.#reserve(addon, namespaceFd, { name, index }, service, holdings);
      this.#nextHops ??= new KernelNextHops(addon, namespaceFd, index, this.#place.clock);
      return this.#nextHops;
    });
  }

  /** From now on relays of other threads on the same program may have the same services, on queues of their own. */
  share(): void {
    this.#shared = true;
    for (const socket of this.#reserved) shareUdpPort(loadAddon(), socket);
  }

  #reserve(
    addon: Addon,
    namespaceFd: number,
    device: { readonly name: string; readonly index: number },
    service: ServiceAddress,
    holdings: Holdings,
  ): void {
    const { address, port } = service;
    // One of our program's threads has it, then, and nobody else.
    const joins = this.#steering.hasService(service);
    const socket = reserveUdpPort(addon, namespaceFd, device, address, port, joins);
    this.#reserved.add(socket);
    holdings.keep(socket, () => {
      this.#reserved.delete(socket);
      addon.socketClose(socket);
    });
    if (this.#shared) shareUdpPort(addon, socket);
  }

  /** Ends all of them. */
  close(): void {
    for (const service of [...this.#open.values()]) service.close();
  }

  #closeUnused(): void {
    if (this.#open.size > 0) return;
    this.#nextHops?.close();
    this.#nextHops = undefined;
  }
}

class OpenService implements Service {
  readonly address: string;
  readonly port: number;
  readonly resolveNextHop: Service['resolveNextHop'];
  closed = false;
  readonly #end: () => void;

  constructor(address: string, port: number, nextHops: KernelNextHops, end: () => void) {
    this.address = address;
    this.port = port;
    this.resolveNextHop = (destination) => nextHops.resolve(destination);
    this.#end = end;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#end();
  }
}

/** The index of the interface. Throws an OptionError for an address that nobody can be reached at as one machine. */
function askKernel(addon: Addon, namespaceFd: number, name: string, address: Uint8Array): number {
  return during(`asking for '${name}'`, () =>
    withRouteSocket(addon, namespaceFd, (socket) => {
      const answer = new Uint8Array(ANSWER_SIZE);
      const length = addon.netlinkRequest(socket, routeRequest(0, address), answer);
      const route = parseRoute(answer.subarray(0, length));
      if ('value' in route && route.value.kind === 'broadcast') throw notOne(address, 'a broadcast address');
      return addon.interfaceQuery(socket, name).index;
    }),
  );
}

function checkAddress(value: unknown): Uint8Array {
  const bytes = typeof value === 'string' ? parseIp(value, 'address') : value;
  if (!(bytes instanceof Uint8Array) || (bytes.length !== 4 && bytes.length !== 16)) {
    throw new OptionError('address', `must be an IP address: text, 4 or 16 bytes, got ${show(value)}`);
  }
  const version = bytes.length === 4 ? 4 : 6;
  if (isUnspecifiedIp(bytes, 0, version)) throw notOne(bytes, 'no address');
  if (isMulticastIp(bytes, 0, version)) throw notOne(bytes, 'a multicast address');
  if (version === 4 && isLimitedBroadcast(bytes)) throw notOne(bytes, 'a broadcast address');
  if (isLoopbackIp(bytes, 0, version))
    throw notOne(bytes, 'a loopback address, which never comes over an interface');
  if (version === 6 && isIpv4Mapped(bytes))
    throw notOne(bytes, `an IPv4 address written as IPv6: give ${formatIp(bytes.slice(12))}`);
  return Uint8Array.from(bytes);
}

function notOne(address: Uint8Array, what: string): OptionError {
  return new OptionError('address', `must be one address of the machine; ${formatIp(address)} is ${what}`);
}
