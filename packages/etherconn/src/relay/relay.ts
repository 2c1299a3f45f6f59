import type { KernelRelay } from './kernel-relay.ts';
import { type OpenRelayOptions, openRelay } from './open-relay.ts';
import { RelayCore } from './relay-core.ts';

export type { Logger, RelayOptions } from './relay-options.ts';

/** A relay over any link: `new Relay(link)`. Every relay is an instance of it, however it was opened. */
export class Relay extends RelayCore {
  /**
   * Opens a relay on an interface, over AF_XDP where that works and AF_PACKET otherwise; `info()` says which, and
   * why. Rejects with the errors of XDPRelay.open and RawSocketRelay.open; an OptionError comes before anything is
   * opened.
   */
  static open(interfaceName: string, options: OpenRelayOptions = {}): Promise<KernelRelay> {
    return openRelay(interfaceName, options);
  }

  /** Relays that have links of their own are made of the core: `open`, here, makes them. */
  static override [Symbol.hasInstance](value: unknown): value is Relay {
    // biome-ignore lint/complexity/noThisInStatic: a class that extends this one inherits this, too.
    const { prototype } = this === Relay ? RelayCore : this;
    return Object.prototype.isPrototypeOf.call(prototype, value as object);
  }
}
