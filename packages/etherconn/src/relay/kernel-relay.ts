import type { Link, LinkInfo } from '../link/link.ts';
import type { Service, ServiceLink, ServiceOptions } from '../link/service.ts';
import { RelayCore } from './relay-core.ts';
import type { RelayOptions } from './relay-options.ts';

/** What {@link Relay.open} adds to `info()`. */
export interface OpeningInfo {
  /** Why AF_XDP was not taken. */
  readonly fallback?: string;
  /** Options that were given and that the engine taken does not know. */
  readonly ignoredOptions: readonly string[];
}

/** The relay that `make` makes over a link that nobody else knows of; when it cannot, the link is closed. */
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
   * Takes the datagrams for one UDP port of one of the machine's own addresses, while everything else on them (ping,
   * TCP, other ports; fragments too, with AF_XDP) stays the kernel's. They come to conns that are registered for this
   * interface's own MAC address; {@link UdpService} is one that does it all.
   *
   * Only untagged frames. Where somebody else's program steers (`xskMapFd`, `xskMapPath`), it decides what comes. Throws an OptionError; an InUseError when this relay has it already; a SystemError, EADDRINUSE
   * when another program has the port, EADDRNOTAVAIL when the address is not the machine's; an EtherconnError
   * (`ERR_ETHERCONN_LIMIT`) for more than 1,024 on one interface.
   */
  registerService(options: ServiceOptions): Service {
    this.checkOpen('registerService');
    return this.#services.register(options);
  }

  override info(): LinkInfo {
    return { ...super.info(), ...this.opening };
  }
}
