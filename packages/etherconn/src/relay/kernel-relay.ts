import type { Link, LinkInfo } from '../link/link.ts';
import type { Service, ServiceLink, ServiceOptions } from '../link/service.ts';
import { RelayCore } from './relay-core.ts';
import type { RelayOptions } from './relay-options.ts';

/** What {@link Relay.open} adds to `info()`. */
export interface OpeningInfo {
  /** Why AF_XDP is not in use. */
  readonly fallback?: string;
  /** Options that were given but that the engine in use does not have. */
  readonly ignoredOptions: readonly string[];
}

/** The relay that `make` creates over a link. If `make` throws, the link is closed. */
export function overLink<L extends Link, R>(link: L, make: (link: L) => R): R {
  try {
    return make(link);
  } catch (error) {
    void link.close();
    throw error;
  }
}

/** A relay on an interface of the kernel: XDPRelay or RawSocketRelay. */
export abstract class KernelRelay extends RelayCore {
  /** @internal Set by {@link Relay.open}. */
  opening: OpeningInfo | undefined;
  readonly #services: ServiceLink['services'];
  readonly #moved = new Set<(mac: Uint8Array) => void>();

  constructor(link: ServiceLink, options: RelayOptions) {
    super(link, options);
    this.#services = link.services;
  }

  /**
   * @internal Calls `moved` when somebody has changed the interface's MAC address, with the new one. Returns what ends
   * that.
   */
  onAddress(moved: (mac: Uint8Array) => void): () => void {
    this.#moved.add(moved);
    return () => this.#moved.delete(moved);
  }

  protected emitAddress(mac: Uint8Array): void {
    for (const moved of [...this.#moved]) moved(mac);
  }

  /**
   * Receives the datagrams for one UDP port of one of the machine's own addresses. All other traffic of the address
   * (ping, TCP, other ports; with AF_XDP also fragments) stays with the kernel. The datagrams go to conns that are
   * registered for this interface's own MAC address. {@link UdpService} does all of this.
   *
   * Only untagged frames reach a service. A foreign program (`xskMapFd`, `xskMapPath`) decides itself which frames
   * it redirects. Throws an OptionError; an InUseError if this relay already has the service; a SystemError
   * EADDRINUSE if another program has the port, or EADDRNOTAVAIL if the address is not the machine's; an
   * EtherconnError (`ERR_ETHERCONN_LIMIT`) for more than 1,024 services on one interface.
   */
  registerService(options: ServiceOptions): Service {
    this.checkOpen('registerService');
    return this.#services.register(options);
  }

  override info(): LinkInfo {
    return { ...super.info(), ...this.opening };
  }
}
