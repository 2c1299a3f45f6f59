import type { NextHopResolver } from './next-hop.ts';

/** Options of RUDPConn and SharedRUDPConn. */
export interface UdpConnOptions {
  /** Resolves the next hop of an address (Go: WithResolveNextHopMacFunc). Default: the broadcast MAC address. */
  resolveNextHop?: NextHopResolver;
  /** IPv4 TTL or IPv6 hop limit of what is sent, 1 to 255, default 64. */
  ttl?: number;
  /** IPv4 TOS or IPv6 traffic class, 0 to 255, default 0. */
  tos?: number;
  /** IPv4 DF flag; default true, as Linux sets it on UDP. */
  dontFragment?: boolean;
  /** Compute UDP checksums of what is sent; default true. IPv6 allows no other. */
  checksum?: boolean;
  /**
   * 'auto' (default): accept right checksums, and partial ones where the kernel says so or the interface is of
   * the kind that leaves them (veth …). 'strict': right ones only. 'off': all.
   */
  verifyChecksum?: 'auto' | 'strict' | 'off';
  /** Datagrams queued for readers; when full the oldest is dropped. 1 to 1,048,576, default the relay's (1024). */
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
