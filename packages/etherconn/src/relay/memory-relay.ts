import type { MemoryLink, MemoryPortOptions } from '../link/memory/memory-link.ts';
import { MEMORY_PORT_OPTIONS, MemoryNetwork as Switch } from '../link/memory/memory-network.ts';
import { checkKnown } from '../options.ts';
import { RelayCore } from './relay-core.ts';
import { RELAY_OPTIONS, type RelayOptions, splitOptions } from './relay-options.ts';

/** Options of {@link MemoryNetwork.relay}: those of the port and those of the relay. */
export interface MemoryRelayOptions extends RelayOptions, MemoryPortOptions {}

/** A relay on a port of a {@link MemoryNetwork}. */
export class MemoryRelay extends RelayCore {
  /** The port of the network: `port.impair({ … })`, `port.setUp(false)`. */
  readonly port: MemoryLink;

  /** Takes the port over. */
  constructor(port: MemoryLink, options: RelayOptions = {}) {
    super(port, options);
    this.port = port;
  }
}

/**
 * An Ethernet in this process, with optional loss, delay and reordering, for tests and simulations. It needs no
 * privileges.
 *
 * ```ts
 * const network = new MemoryNetwork({ seed: 7, impair: { loss: 0.01 } });
 * const relay = network.relay();
 * ```
 */
export class MemoryNetwork extends Switch {
  /** Creates a port with a relay on it. Throws an OptionError for invalid options. */
  relay(options: MemoryRelayOptions = {}): MemoryRelay {
    checkKnown(options, [...RELAY_OPTIONS, ...MEMORY_PORT_OPTIONS]);
    const [relayOptions, portOptions] = splitOptions(options);
    return new MemoryRelay(this.port(portOptions), relayOptions);
  }
}
