import type { DhcpLease } from './lease.ts';

/** Where a client is: RFC 2131 §4.4, figure 5. */
export type DhcpState =
  /** Waits before it begins, or begins again. */
  | 'init'
  /** Has asked for offers. */
  | 'selecting'
  /** Has asked for what was offered. */
  | 'requesting'
  /** Has asked for the address of an earlier lease. */
  | 'rebooting'
  /** Finds out whether somebody else has the address. */
  | 'probing'
  | 'bound'
  /** Asks its server for more time. */
  | 'renewing'
  /** Asks any server for more time. */
  | 'rebinding'
  /** Released or closed. */
  | 'closed';

/** Why a lease is lost: it has run out, the server has taken it back, or given another address instead. */
export type DhcpLossReason = 'time' | 'nak' | 'changed';

export interface DhcpEvents {
  /** A lease is in use: the first one, or one after another was lost. */
  bound: [DhcpLease];
  /** The lease goes on, perhaps with other options. */
  renewed: [DhcpLease];
  /** The lease is lost and its address removed; the client begins again. */
  expired: [DhcpLease, DhcpLossReason];
  /** A server has refused: its reason, '' when it gives none. */
  nak: [string];
  /** Somebody else has the address that was offered; it has been declined. */
  declined: [string];
}

/** Cumulative counters of a client. */
export interface DhcpStats {
  /** Messages sent, repetitions included. */
  sent: number;
  /** Repetitions among them. */
  retries: number;
  /** Messages for which the host knew no way; they are tried again as those without answer are. */
  unsent: number;
  received: number;
  /** Received, but not for us, not now, or without what it must have; dropped. */
  ignored: number;
  /** Received, but no whole DHCP message; dropped. */
  malformed: number;
}
