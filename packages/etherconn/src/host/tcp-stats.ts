/**
 * Cumulative counters of a host's TCP. Every segment received is one of `taken`, `outOfWindow`, `oldTimestamp`,
 * `badAcknowledgment`, `challenged`, `resets`, `badResets`, `syns`, `badCookies`, `timeWait`, `noPort`, `full` and `ignored`.
 */
export class TcpCounters {
  /** Segments that a connection has taken. */
  taken = 0;
  /** Segments outside of the window: repeated ones, probes, forgeries. Answered with an acknowledgment. */
  outOfWindow = 0;
  /** Segments whose timestamp was too old (RFC 7323 §5); dropped. */
  oldTimestamp = 0;
  /** Segments that acknowledged what was never sent, or long ago; dropped. */
  badAcknowledgment = 0;
  /** SYNs and resets within a connection that may be forged; dropped, and asked about (RFC 5961). */
  challenged = 0;
  /** Resets that ended a connection. */
  resets = 0;
  /** Resets for no connection, or outside of the window; dropped. */
  badResets = 0;
  /** SYNs to a listening port, answered. */
  syns = 0;
  /** Acknowledgments to a listening port that answered no SYN; refused. */
  badCookies = 0;
  /** Segments for connections that have ended a moment ago. */
  timeWait = 0;
  /** Segments for a port where nobody listens; refused. */
  noPort = 0;
  /** Segments that would have opened a connection, of which there were too many; dropped, and sent again by their senders. */
  full = 0;
  /** Segments that mean nothing in the state of their connection; dropped. */
  ignored = 0;

  /** Segments sent, and those of them with data that had been sent before. */
  sent = 0;
  retransmitted = 0;
  /** Resets sent, and those that the rate limit suppressed. */
  resetsSent = 0;
  resetsLimited = 0;
}

/** Counters of a host's TCP, and its current state. */
export interface TcpStats extends Readonly<TcpCounters> {
  /** Connections now, without those in TIME-WAIT. */
  readonly connections: number;
  /** Connections in TIME-WAIT now. */
  readonly waiting: number;
}
