import { closeSync, openSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import { InUseError, OptionError } from '../errors.ts';
import { KernelNextHops } from '../link/neighbour/kernel-next-hops.ts';
import { reserveUdpPort } from '../link/neighbour/port-reservation.ts';
import { openRouteSocket } from '../link/xdp/rtnetlink.ts';
import { type Addon, loadAddon, type NativeSocket } from '../native/addon.ts';
import { withAdvice } from '../native/system-error.ts';
import { checkBoolean, checkInteger, checkKnown, show } from '../options.ts';
import { formatIp, isMulticastIp, isUnspecifiedIp, parseIp } from '../wire/ip.ts';
import type { Service, ServiceOptions } from './service.ts';

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

/** What the relay does for its services. */
export interface ServiceSteering {
  /** From now on datagrams for it come here. */
  add(service: ServiceAddress): void;
  /** Not any more. */
  remove(service: ServiceAddress): void;
}

/** The services of one relay, and what they hold of the kernel: next hops in common, a port each. */
export class Services {
  readonly #place: ServicePlace;
  readonly #steering: ServiceSteering;
  readonly #open = new Map<string, OpenService>();
  #nextHops: KernelNextHops | undefined;

  constructor(place: ServicePlace, steering: ServiceSteering) {
    this.#place = place;
    this.#steering = steering;
  }

  /** Throws an OptionError, an InUseError, or what the kernel says. */
  register(options: ServiceOptions): Service {
    checkKnown(options, ['address', 'port', 'reserve']);
    const address = checkAddress(options.address);
    const port = checkInteger('port', options.port ?? null, 1, 65_535, 1);
    const reserve = checkBoolean('reserve', options.reserve, true);
    const text = formatIp(address);
    const key = `${text}|${port}`;
    if (this.#open.has(key)) throw new InUseError(`service ${text}, UDP port ${port}`);

    const addon = loadAddon();
    const { interfaceName: name, netns } = this.#place;
    const namespaceFd = netns === undefined ? -1 : openSync(netns, 'r');
    let socket: NativeSocket | undefined;
    let nextHops: KernelNextHops;
    try {
      const index = indexOf(addon, namespaceFd, name);
      if (reserve) socket = reserveUdpPort(addon, namespaceFd, { name, index }, address, port);
      this.#nextHops ??= new KernelNextHops(addon, namespaceFd, index, this.#place.clock);
      nextHops = this.#nextHops;
    } finally {
      if (namespaceFd >= 0) closeSync(namespaceFd);
    }
    const service = { address, port };
    const release = () => {
      this.#open.delete(key);
      if (socket !== undefined) addon.socketClose(socket);
      if (this.#open.size === 0) this.#closeNextHops();
    };
    try {
      this.#steering.add(service);
    } catch (error) {
      release();
      throw error;
    }
    const opened = new OpenService(text, port, nextHops, () => {
      this.#steering.remove(service);
      release();
    });
    this.#open.set(key, opened);
    return opened;
  }

  /** The relay has stopped. */
  closeAll(): void {
    for (const service of [...this.#open.values()]) service.close();
  }

  #closeNextHops(): void {
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

function indexOf(addon: Addon, namespaceFd: number, name: string): number {
  return withAdvice(
    `asking for '${name}'`,
    () => undefined,
    () => {
      const socket = openRouteSocket(addon, namespaceFd);
      try {
        return addon.interfaceQuery(socket, name).index;
      } finally {
        addon.socketClose(socket);
      }
    },
  );
}

function checkAddress(value: unknown): Uint8Array {
  const bytes = typeof value === 'string' ? parseIp(value, 'address') : value;
  if (!(bytes instanceof Uint8Array) || (bytes.length !== 4 && bytes.length !== 16)) {
    throw new OptionError('address', `must be an IP address: text, 4 or 16 bytes, got ${show(value)}`);
  }
  const version = bytes.length === 4 ? 4 : 6;
  if (isUnspecifiedIp(bytes, 0, version) || isMulticastIp(bytes, 0, version)) {
    throw new OptionError('address', `must be one address of the machine, got ${formatIp(bytes)}`);
  }
  return Uint8Array.from(bytes);
}
