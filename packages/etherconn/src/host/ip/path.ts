/** The way to a destination. */
export interface Path {
  /** `AddressKind`: OWN for all that stays on the host, MULTICAST, BROADCAST, or OTHER. */
  readonly kind: number;
  /** 4 or 16 bytes. "Any" has become the loopback address. */
  readonly destination: Uint8Array;
  /** Own address to send from, unless a port has one. */
  readonly source: Uint8Array;
  /** Station that takes it; null for groups, broadcasts and what stays here. */
  readonly nextHop: Uint8Array | null;
  /** Where a group or broadcast goes. */
  readonly mac: Uint8Array | null;
  /** Longest IP packet. */
  readonly mtu: number;
}

/** Longest IP packets, as their length fields can say: those that stay on the host need no fragments. */
export const MTU4_LOCAL = 0xffff;
export const MTU6_LOCAL: number = 0xffff + 40;
