import type { NextHopResolver } from './next-hop.ts';

/** Options of RUDPConn and SharedRUDPConn. */
export interface UdpConnOptions {
  /** Resolves the next hop of an address (Go: WithResolveNextHopMacFunc). Default: the broadcast MAC address. */
  resolveNextHop?: NextHopResolver;
  /** IPv4 TTL or IPv6 hop limit of sent packets, 1 to 255. Default 64. */
  ttl?: number;
  /** IPv4 TOS or IPv6 traffic class of sent packets, 0 to 255. Default 0. */
  tos?: number;
  /** IPv4 DF flag of sent packets. Default true, as on Linux. */
  dontFragment?: boolean;
  /** Computes UDP checksums of sent datagrams. Default true. IPv6 requires it. */
  checksum?: boolean;
  /**
   * 'auto' (default): accepts correct checksums, and partial ones if the kernel marks them or the interface is of a
   * kind that leaves them partial (veth …). 'strict': accepts only correct checksums. 'off': accepts all.
   */
  verifyChecksum?: 'auto' | 'strict' | 'off';
  /**
   * Number of datagrams queued for readers. When the queue is full, the oldest datagram is dropped. 1 to 1,048,576;
   * default that of the relay (1024).
   */
  receiveDepth?: number;
}

/** Their names. */
export const UDP_CONN_OPTIONS: readonly string[] = [
  'resolveNextHop',
  'ttl',
  'tos',
  'dontFragment',
  'checksum',
  'verifyChecksum',
  'receiveDepth',
];
