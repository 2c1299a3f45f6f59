import { openPacketLink, type PacketLink } from '../link/packet/link.ts';
import type { PacketLinkOptions } from '../link/packet/options.ts';
import { KernelRelay, overLink } from './kernel-relay.ts';
import { type RelayOptions, splitOptions } from './relay-options.ts';

/** Options of {@link RawSocketRelay.open}: those of the AF_PACKET link and those of the relay. */
export interface RawSocketRelayOptions extends RelayOptions, PacketLinkOptions {}

/**
 * A relay over an AF_PACKET socket. Works on every Ethernet interface, in containers, and without root in a user
 * namespace. Needs CAP_NET_RAW.
 */
export class RawSocketRelay extends KernelRelay {
  private constructor(link: PacketLink, options: RelayOptions) {
    super(link, options);
  }

  /**
   * Opens a relay on an interface. Rejects with an OptionError before anything is opened, otherwise with a
   * SystemError (EPERM: CAP_NET_RAW is missing; ENODEV: no such interface) or the reason why the addon cannot be
   * loaded.
   */
  static async open(interfaceName: string, options: RawSocketRelayOptions = {}): Promise<RawSocketRelay> {
    const [relayOptions, linkOptions] = splitOptions(options);
    const link = openPacketLink(interfaceName, linkOptions);
    return overLink(link, () => new RawSocketRelay(link, relayOptions));
  }
}
