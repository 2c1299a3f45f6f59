/** The path to a destination. */
export interface Path {
  /** `AddressKind`: OWN for everything that stays on the host, MULTICAST, BROADCAST, or OTHER. */
  readonly kind: number;
  /** 4 or 16 bytes. "Any" has become the loopback address. */
  readonly destination: Uint8Array;
  /** Own address to send from, unless the port has one. */
  readonly source: Uint8Array;
  /** The next hop on the link. Null for groups, broadcasts and what stays on the host. */
  readonly nextHop: Uint8Array | null;
  /** MAC address for a group or broadcast. */
  readonly mac: Uint8Array | null;
  /** Longest IP packet. */
  readonly mtu: number;
}

/** Longest IP packets that length fields allow. Packets that stay on the host need no fragments. */
export const MTU4_LOCAL = 0xffff;
export const MTU6_LOCAL: number = 0xffff + 40;
