import type { ImpairmentStats, Impairments } from '../impairments/impairments.ts';
import type { Link } from '../link.ts';

/** Which of a port's directions: 'out' is what it sends into the network, 'in' what it receives from it. */
export type Direction = 'in' | 'out';

/** Options of {@link MemoryNetwork.port}. */
export interface MemoryPortOptions {
  /** Name of the interface. Default 'mem0', 'mem1', … in order of creation. */
  name?: string;
  /** MAC address of the interface, 6 bytes. Default: locally administered, 02:6d and the port's number. */
  hardwareAddress?: Uint8Array;
  /** Largest Ethernet payload, 68 to 65535. Default 1500. */
  mtu?: number;
  /** Frames that can be reserved or under way to the switch, 1 to 65536. Default 128. */
  txSlots?: number;
  /** Most frames that wait to be received, 1 to 1048576; more are dropped and counted. Default 4096. */
  rxFrames?: number;
  /**
   * Most bytes of memory for them, 4096 to 2^30, raised to what two of the longest frames need. It is taken as
   * it is needed. Default 8 MiB.
   */
  rxBytes?: number;
  /** Faults of both directions from the start, see {@link MemoryLink.impair}. */
  impair?: Impairments;
}

/**
 * A port of a {@link MemoryNetwork}. Its memory is ordinary JavaScript memory: after `close` the views do not
 * read as detached, they just lie there until nobody holds them.
 *
 * `maxFrameLength` is MTU + 22 (Ethernet header and two VLAN tags); longer frames from ports with a larger MTU
 * are dropped and counted in `rxOversize`. Frames sent while the port is down are counted in `txErrors`; frames for it are
 * not kept.
 *
 * Unlike other links it does not keep the process alive from the start, only after `ref`; frames under way do.
 */
export interface MemoryLink extends Link {
  readonly kind: 'memory';
  /** Whether the port is up; see {@link setUp}. */
  readonly up: boolean;
  /** Pulls the plug or puts it back in; the receiver's `state` is called. The switch forgets the port's stations. */
  setUp(up: boolean): void;
  /**
   * Sets the faults of one direction, or of both (the default), at any time; `{}` for none. It replaces all that
   * was set before for that direction, also what the network's default says.
   * @throws OptionError
   */
  impair(options: Impairments & { direction?: Direction | 'both' }): void;
  /** What became of the frames of one direction so far; all zero if it never had a fault. */
  impairmentStats(direction: Direction): ImpairmentStats;
}
