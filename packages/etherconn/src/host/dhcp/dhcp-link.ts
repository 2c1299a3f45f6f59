import type { Clock } from '../../clock.ts';
import type { DhcpLease } from './lease.ts';

/** What a client needs of its host. */
export interface DhcpLink {
  readonly clock: Clock;
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** From 0 to below 1. */
  random(): number;
  /**
   * Sends a datagram from port 68 to port 67: from `source` (text) or, null, 0.0.0.0, to `server` or, null, by
   * broadcast; to this MAC address (6 bytes), or, null, to where the host's routes and neighbours say. False when the
   * host knows no way.
   */
  send(payload: Uint8Array, source: string | null, server: string | null, mac: Uint8Array | null): boolean;
  /** Asks whether anybody has an address; resolves with false when the host is closed meanwhile. */
  isTaken(address: string): Promise<boolean>;
  /** Puts a lease to use, instead of the one in use where there is one. */
  configure(lease: DhcpLease): void;
  /** Takes the lease out of use. */
  unconfigure(): void;
  /** Nothing is sent and received any more. */
  close(): void;
}
