import type { ImpairmentStats, Impairments } from '../impairments/impairments.ts';
import type { Link } from '../link.ts';

/** A direction of a port: 'out' are the frames that it sends into the network, 'in' those that it receives. */
export type Direction = 'in' | 'out';

/** Options of {@link MemoryNetwork.port}. */
export interface MemoryPortOptions {
  /** Name of the interface. Default 'mem0', 'mem1', … in order of creation. */
  name?: string;
  /** MAC address of the interface, 6 bytes. Default: locally administered, 02:6d and the port's number. */
  hardwareAddress?: Uint8Array;
  /** Longest Ethernet payload in bytes, 68 to 65535. Default 1500. */
  mtu?: number;
  /** Maximum number of frames that are reserved or under way to the switch, 1 to 65536. Default 128. */
  txSlots?: number;
  /**
   * Maximum number of frames that wait to be received, 1 to 1048576. Further frames are dropped and counted.
   * Default 4096.
   */
  rxFrames?: number;
  /**
   * Maximum number of bytes of memory for them, 4096 to 2^30, at least what two of the longest frames need. Memory
   * is allocated as needed. Default 8 MiB.
   */
  rxBytes?: number;
  /** Initial faults of both directions, see {@link MemoryLink.impair}. */
  impair?: Impairments;
}

/**
 * A port of a {@link MemoryNetwork}. Its memory is ordinary JavaScript memory: `close` does not detach the views.
 *
 * `maxFrameLength` is MTU + 22 (Ethernet header and two VLAN tags); longer frames from ports with a larger MTU
 * are dropped and counted in `rxOversize`. Frames sent while the port is down are counted in `txErrors`; frames for it are
 * not kept.
 *
 * Unlike other links, it keeps the process alive only after `ref`; frames under way do so, too.
 */
export interface MemoryLink extends Link {
  readonly kind: 'memory';
  /** Whether the port is up; see {@link setUp}. */
  readonly up: boolean;
  /**
   * Disconnects or connects the port. The receiver's `state` is called, and the switch forgets the stations of the
   * port.
   */
  setUp(up: boolean): void;
  /**
   * Sets the faults of one direction, or of both (default), at any time. This replaces all previous faults of that
   * direction, including those of the network. `{}` removes them.
   * @throws OptionError
   */
  impair(options: Impairments & { direction?: Direction | 'both' }): void;
  /** What the faults of one direction have done to its frames; all zero if it never had a fault. */
  impairmentStats(direction: Direction): ImpairmentStats;
}
