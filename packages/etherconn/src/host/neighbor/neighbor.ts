/**
 * States of a neighbor, RFC 4861 §7.3.2; ARP uses them too. The order matters: from STALE on, the MAC address is
 * known.
 */
export const NeighborState = {
  /** Not in the cache, or no longer. */
  NONE: 0,
  INCOMPLETE: 1,
  STALE: 2,
  DELAY: 3,
  PROBE: 4,
  REACHABLE: 5,
} as const;

/** A waiting IP packet and its sender. */
export interface WaitingPacket {
  readonly packet: Uint8Array;
  readonly sender: PacketSender | null;
}

/** The sender of a waiting packet. */
export interface PacketSender {
  /**
   * Whether the sender has reported the packet as sent. Such a packet keeps the process alive and its host open until
   * it is sent or dropped. Nobody waits for others (pings, answers to strangers).
   */
  readonly reported: boolean;
  /** The next hop has not answered. */
  unreachable(): void;
  /** Too many packets wait. */
  dropped(): void;
}

/** Told when there may be room for a refused packet. */
export interface RoomListener {
  roomAgain(): void;
}

/** One neighbor on the link. */
export class Neighbor {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** {@link NeighborState}. */
  state: number = NeighborState.NONE;
  /** Known from STALE on. */
  mac: Uint8Array | null = null;
  /** Incremented when the MAC address changes. */
  version = 0;
  /** When the state ends, by the clock. */
  due: number = Infinity;
  solicitations = 0;
  /** Whether the last question could be sent. */
  isAsked = true;
  /** Whether the last resolution has failed. */
  failedBefore = false;
  /** Packets that wait for the MAC address. Created with the first one. */
  queue: WaitingPacket[] | null = null;
  queuedBytes = 0;
  /** Listeners that have found the queue full. */
  refused: Set<RoomListener> | null = null;
  /** Resolver calls that wait for the MAC address. */
  waiters: ((mac: Uint8Array | null) => void)[] | null = null;

  constructor(address: Uint8Array) {
    this.address = address;
  }
}
