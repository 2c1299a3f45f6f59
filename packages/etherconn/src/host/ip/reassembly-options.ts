export interface ReassemblyOptions {
  /** Datagrams that may be under way, 1 to 65,536; default 64. */
  readonly maxDatagrams?: number;
  /** Bytes of buffers, those of whole datagrams not released yet as well; default 4 MiB, at least 128 KiB. */
  readonly maxBytes?: number;
  /** Milliseconds after its first fragment when an IPv4 datagram is given up; default 30,000. */
  readonly timeout4?: number;
  /** The same for IPv6; default 60,000 (RFC 8200 §4.5). */
  readonly timeout6?: number;
}

/**
 * Counters of fragments since the start. Each fragment is in exactly one of `used`, `pending` and the drops below
 * them, but for `reassembled` and `timeouts`, which count datagrams.
 */
export interface ReassemblyStats {
  fragments: number;
  /** Fragments of whole datagrams. */
  used: number;
  /** Fragments of datagrams that are not whole yet. */
  pending: number;
  /** The same bytes at the same place as before. */
  duplicates: number;
  /** Of datagrams in which fragments overlap or contradict each other: all of them are dropped (RFC 5722). */
  overlaps: number;
  /** Not parsable, without data, of a length that cannot be, or with its headers spread over fragments (RFC 7112). */
  malformed: number;
  /** Their end is missing, as the link says. */
  truncated: number;
  /** Of datagrams that had to go, or could not be begun, because the bounds were reached. */
  noRoom: number;
  /** Of datagrams that did not become whole in time. */
  timedOut: number;
  /** Whole datagrams. */
  reassembled: number;
  /** Datagrams that did not become whole in time. */
  timeouts: number;
}
