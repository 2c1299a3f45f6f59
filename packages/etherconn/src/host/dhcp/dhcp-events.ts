import type { DhcpLease } from './lease.ts';

/** The state of a client: RFC 2131 §4.4, figure 5. */
export type DhcpState =
  /** Waits before it begins or begins again. */
  | 'init'
  /** Has sent a discover. */
  | 'selecting'
  /** Has requested an offered address. */
  | 'requesting'
  /** Has requested the address of an earlier lease. */
  | 'rebooting'
  /** Probes for the address. */
  | 'probing'
  | 'bound'
  /** Requests more time from its server. */
  | 'renewing'
  /** Requests more time from any server. */
  | 'rebinding'
  /** Released or closed. */
  | 'closed';

/** Why a lease is lost: it has expired, the server has withdrawn it, or the server has assigned another address. */
export type DhcpLossReason = 'time' | 'nak' | 'changed';

/** Events of a DHCP client, with the arguments of their listeners. */
export interface DhcpEvents {
  /** A lease is in use: the first one, or the next one after a loss. */
  bound: [DhcpLease];
  /** The lease was renewed, possibly with other options. */
  renewed: [DhcpLease];
  /** The lease is lost and its address removed. The client begins again. */
  expired: [DhcpLease, DhcpLossReason];
  /** A server has refused a request. The argument is its reason, or ''. */
  nak: [string];
  /** Another machine has the offered address, so the client has declined it. */
  declined: [string];
}

/** Cumulative counters of a client. */
export interface DhcpStats {
  /** Messages sent, including repetitions. */
  sent: number;
  /** Repetitions among them. */
  retries: number;
  /** Messages for which the host had no next hop. They are repeated like messages without an answer. */
  unsent: number;
  received: number;
  /** Messages received but not for this client or state, or incomplete; dropped. */
  ignored: number;
  /** Received datagrams that are not a complete DHCP message; dropped. */
  malformed: number;
}
