import type { Clock } from '../clock.ts';
import type { LinkInfo, LinkStats } from '../link/link.ts';
import type { EthernetResponse } from './ethernet-response.ts';
import type { L2EndpointKey } from './l2-endpoint.ts';

/** Options of {@link PacketRelay.register}. */
export interface RegisterOptions {
  /** Receive broadcast and multicast frames of the keys' VLANs and EtherTypes too. Default false. */
  multicast?: boolean;
  /** A key that is taken already is an InUseError instead of being overridden. Default false. */
  exclusive?: boolean;
}

/** One owner's hold on a relay. */
export interface Registration {
  /** Unique for the life of the relay; for `unregister`. */
  readonly id: number;
  /** Keys that were ours and that somebody else has registered since: their frames go there now. */
  readonly replaced: readonly L2EndpointKey[];
  /** Aborted when the relay stops; its reason is the RelayStoppedError. */
  readonly stopped: AbortSignal;
  /** Called with every received frame; each response is a copy that may be kept. null to stop. */
  receive(callback: ((response: EthernetResponse) => void) | null): void;
  /**
   * Sends a whole Ethernet frame (14 bytes header and more, without FCS), as it is. Returns 1, or 0 when
   * there is no room now. Throws ClosedError, RelayStoppedError, or MessageTooLongError.
   */
  trySend(frame: Uint8Array): number;
  /** Gives the keys back. Keys that have been taken over stay with their new owner. Harmless when repeated. */
  close(): void;
}

/**
 * The Ethernet forwarder that conns are put on; {@link Relay} is its implementation, and XDPRelay,
 * RawSocketRelay and MemoryRelay are that over their links.
 */
export interface PacketRelay extends AsyncDisposable {
  readonly clock: Clock;
  /**
   * Registers the keys of one owner. A key that is registered already is overridden, and its old owner told
   * (its `replaced`, the diagnostics channel 'etherconn:registration:replaced').
   */
  register(keys: readonly L2EndpointKey[], options?: RegisterOptions): Registration;
  /** Closes a registration; an id that is not (or no longer) registered is ignored. */
  unregister(registrationId: number): void;
  /** Name of the interface this relay is bound to. */
  interfaceName(): string;
  /** Cumulative counters; every received frame is in exactly one of the dispositions. */
  stats(): RelayStats;
  info(): LinkInfo;
  /** Keeps the process alive (the default over interfaces; in a memory network only frames under way do) … */
  ref(): this;
  /** … or not. */
  unref(): this;
  /** Stops forwarding. Readers and writers that wait fail with RelayStoppedError at once. */
  close(): Promise<void>;
}

/**
 * `received` is the sum of `delivered`, `deliveredGroup`, `deliveredDefault`, `noEndpoint`, `noListener`,
 * `noReceiver`, `malformed`, `groupSource`, `ownSource` and `stopped`.
 */
export interface RelayStats {
  /** Frames that the link (or the hairpin) has handed up. */
  received: number;
  /** Unicast, to the owner of its key. */
  delivered: number;
  /** Broadcast or multicast, to at least one listener. */
  deliveredGroup: number;
  /** Wanted by no endpoint or listener, given to the default receivers. */
  deliveredDefault: number;
  /** Unicast for a key that nobody has registered. */
  noEndpoint: number;
  /** Group frame that nobody listens to. */
  noListener: number;
  /** For a registration whose owner has set no receiver. */
  noReceiver: number;
  /** Ethernet header or VLAN tags not whole. */
  malformed: number;
  /** The source MAC address is a group address, which nobody can have. */
  groupSource: number;
  /** With hairpin, from the wire: the source is an endpoint of this relay, so the frame was reflected or is a forgery. */
  ownSource: number;
  /** Arrived while the relay was being closed. */
  stopped: number;
  /** Deliveries of group frames: each frame counts once per listener. */
  groupCopies: number;
  /** Copies given to mirror receivers. */
  mirrored: number;
  /** Frames committed for sending, to the link or the hairpin. */
  sent: number;
  /** Frames delivered between conns of this relay without the link. */
  hairpinned: number;
  /** Group frames whose local copy found the hairpin full, and frames under way in it when the relay was closed. */
  hairpinDropped: number;
  /** Registrations now. */
  registrations: number;
  /** Writers that wait for room now. */
  waitingWriters: number;
  link: LinkStats;
}
