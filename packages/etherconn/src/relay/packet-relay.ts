import type { Clock } from '../clock.ts';
import type { LinkInfo, LinkStats } from '../link/link.ts';
import type { EthernetResponse } from './ethernet-response.ts';
import type { L2EndpointKey } from './l2-endpoint.ts';

/** Options of {@link PacketRelay.register}. */
export interface RegisterOptions {
  /** Also receives broadcast and multicast frames of the VLANs and EtherTypes of the keys. Default false. */
  multicast?: boolean;
  /** Throws InUseError if a key is already registered, instead of overriding the registration. Default false. */
  exclusive?: boolean;
}

/** A registration of one owner with a relay. */
export interface Registration {
  /** Unique for the life of the relay; for `unregister`. */
  readonly id: number;
  /** Keys of this registration that another owner has registered since, and whose frames that owner now receives. */
  readonly replaced: readonly L2EndpointKey[];
  /** Aborted when the relay stops. Its reason is the RelayStoppedError. */
  readonly stopped: AbortSignal;
  /** Sets a callback for every received frame. Each response is a copy that the program may keep. null removes it. */
  receive(callback: ((response: EthernetResponse) => void) | null): void;
  /**
   * Sends a complete Ethernet frame (at least 14 bytes, without FCS) unchanged. Returns 1, or 0 if there is no room
   * now. Throws ClosedError, RelayStoppedError, or MessageTooLongError.
   */
  trySend(frame: Uint8Array): number;
  /** Releases the keys. Keys that another owner has registered since stay with that owner. Harmless when repeated. */
  close(): void;
}

/**
 * The Ethernet forwarder under conns. {@link Relay} implements it; XDPRelay, RawSocketRelay and MemoryRelay are
 * relays over their links.
 */
export interface PacketRelay extends AsyncDisposable {
  readonly clock: Clock;
  /**
   * Registers the keys of one owner. This overrides existing registrations of a key and notifies their owners
   * (`replaced`, and the diagnostics channel 'etherconn:registration:replaced').
   */
  register(keys: readonly L2EndpointKey[], options?: RegisterOptions): Registration;
  /** Closes a registration. Ignores an id that is not registered. */
  unregister(registrationId: number): void;
  /** Name of the interface of this relay. */
  interfaceName(): string;
  /** Cumulative counters. Every received frame has exactly one disposition. */
  stats(): RelayStats;
  info(): LinkInfo;
  /**
   * Makes the relay keep the process alive. This is the default over interfaces; in a memory network, only frames
   * under way do.
   */
  ref(): this;
  /** Stops the relay from keeping the process alive. */
  unref(): this;
  /** Stops the relay. Waiting readers and writers fail at once with RelayStoppedError. */
  close(): Promise<void>;
}

/**
 * `received` is the sum of `delivered`, `deliveredGroup`, `deliveredDefault`, `noEndpoint`, `noListener`,
 * `noReceiver`, `malformed`, `groupSource`, `ownSource` and `stopped`.
 */
export interface RelayStats {
  /** Frames received from the link or the hairpin. */
  received: number;
  /** Unicast frames delivered to the owner of their key. */
  delivered: number;
  /** Broadcast and multicast frames delivered to at least one listener. */
  deliveredGroup: number;
  /** Frames without an endpoint or listener, delivered to the default receivers. */
  deliveredDefault: number;
  /** Unicast frames for a key without a registration. */
  noEndpoint: number;
  /** Group frames without a listener. */
  noListener: number;
  /** Frames for a registration without a receiver. */
  noReceiver: number;
  /** Frames with an incomplete Ethernet header or VLAN tag. */
  malformed: number;
  /** Frames whose source MAC address is a group address. */
  groupSource: number;
  /**
   * With hairpin: frames from the wire whose source is an endpoint of this relay, so that they were reflected or
   * forged.
   */
  ownSource: number;
  /** Frames that arrived while the relay was being closed. */
  stopped: number;
  /** Deliveries of group frames. Each frame counts once for each listener. */
  groupCopies: number;
  /** Copies delivered to mirror receivers. */
  mirrored: number;
  /** Frames passed to the link or the hairpin for sending. */
  sent: number;
  /** Frames delivered between conns of this relay, without the link. */
  hairpinned: number;
  /** Group frames whose local copy found no room in the hairpin, and frames in it when the relay was closed. */
  hairpinDropped: number;
  /** Current registrations. */
  registrations: number;
  /** Writers that are waiting for room now. */
  waitingWriters: number;
  link: LinkStats;
}
