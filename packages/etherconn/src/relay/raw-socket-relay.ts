import { openPacketLink, type PacketLink } from '../link/packet/link.ts';
import type { PacketLinkOptions } from '../link/packet/options.ts';
import { Relay, type RelayOptions, splitOptions } from './relay.ts';

/** Options of {@link RawSocketRelay.open}: those of the AF_PACKET link and those of the relay. */
export interface RawSocketRelayOptions extends RelayOptions, PacketLinkOptions {}

/**
 * A relay over an AF_PACKET socket: works on any Ethernet interface, in containers, and without root in a
 * user namespace. Needs CAP_NET_RAW.
 */
export class RawSocketRelay extends Relay {
  private constructor(link: PacketLink, options: RelayOptions) {
    super(link, options);
  }

  /**
   * Opens a relay on an interface. Rejects with an OptionError before anything is opened, else with a
   * SystemError (EPERM: CAP_NET_RAW is missing; ENODEV: no such interface) or the reason why the addon
   * cannot be loaded.
   */
  static async open(interfaceName: string, options: RawSocketRelayOptions = {}): Promise<RawSocketRelay> {
    const [relayOptions, linkOptions] = splitOptions(options);
    return new RawSocketRelay(openPacketLink(interfaceName, linkOptions), relayOptions);
  }
}
