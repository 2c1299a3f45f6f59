import { readU32, sameBytes } from '../../wire/bytes.ts';
import { formatIp, isLinkLocalIpv6 } from '../../wire/ip.ts';
import type { RouteEntry } from './routes.ts';

/** The state of an address of a host. */
export type AddressState =
  /** In use without restriction. */
  | 'preferred'
  /** In use, but not for new conversations (RFC 4862 §5.5.4). */
  | 'deprecated'
  /** In use while the host still probes for it (RFC 4429). */
  | 'optimistic'
  /** Not in use until the probe has shown that it is unique (RFC 4862 §5.4). */
  | 'tentative';

/** An address of a host. */
export interface HostAddress {
  /** Canonical text. */
  readonly address: string;
  readonly prefixLength: number;
  readonly version: 4 | 6;
  readonly state: AddressState;
}

const NONE: readonly never[] = Object.freeze([]);

/** Duplicate detection in progress. */
export interface OngoingProbe {
  /** Another station has the address. */
  found(otherMac: Uint8Array): void;
  /** The result will not be known. */
  cancel(error: Error): void;
}

/** The internal record of an address of a host. */
export class OwnAddress {
  readonly address: Uint8Array;
  readonly length: number;
  readonly version: 4 | 6;
  state: AddressState;
  /** The route to its network. */
  route: RouteEntry | null = null;
  /** While duplicate detection is in progress. */
  probe: OngoingProbe | null = null;
  /** Routers (16 bytes) that have advertised its prefix. */
  advertisers: readonly Uint8Array[] = NONE;
  /** Whether duplicate detection runs again since the link was down. The address stays in use. */
  confirming = false;
  /** When it was last defended against another station that uses it. */
  defended: number = Number.NEGATIVE_INFINITY;

  constructor(address: Uint8Array, prefixLength: number, state: AddressState) {
    this.address = address;
    this.length = prefixLength;
    this.version = address.length === 4 ? 4 : 6;
    this.state = state;
  }

  /** Whether packets may be sent from it and are accepted for it. */
  get usable(): boolean {
    return this.state !== 'tentative';
  }

  describe(): HostAddress {
    const { version, state } = this;
    return { address: formatIp(this.address, 0, version), prefixLength: this.length, version, state };
  }
}

/** The kinds of a destination address, from the point of view of a host. */
export const AddressKind = {
  OTHER: 0,
  OWN: 1,
  MULTICAST: 2,
  /** 255.255.255.255, or the broadcast address of an own network. */
  BROADCAST: 3,
  /** 127.0.0.0/8, ::1. */
  LOOPBACK: 4,
  /** 0.0.0.0, :: */
  UNSPECIFIED: 5,
} as const;

/** The addresses of a host, as objects and (for the receive path) as numbers. */
export class Addresses {
  list: readonly OwnAddress[] = NONE;
  #own4: readonly number[] = NONE;
  /** Broadcast addresses of own networks. RFC 3021: /31 and /32 have none. */
  #broadcast4: readonly number[] = NONE;
  #own6: readonly Uint8Array[] = NONE;

  add(address: OwnAddress): void {
    this.list = this.list.concat(address);
    this.changed();
  }

  remove(address: OwnAddress): void {
    this.list = this.list.filter((one) => one !== address);
    this.changed();
  }

  /** Call it when the state of an address has changed. */
  changed(): void {
    const usable = this.list.filter((one) => one.usable);
    const v4 = usable.filter((one) => one.version === 4);
    this.#own4 = v4.map((one) => readU32(one.address, 0) | 0);
    const networks = v4.filter((one) => one.length < 31);
    const broadcasts = networks.map((one) => readU32(one.address, 0) | (0xffffffff >>> one.length));
    this.#broadcast4 = [...new Set(broadcasts)];
    const v6 = usable.filter((one) => one.version === 6);
    this.#own6 = v6.length === 0 ? NONE : v6.map((one) => one.address);
  }

  /**
   * Addresses of the IP version of `address`, an own one, that no other machine can send from: other own addresses,
   * and the broadcast addresses of own networks.
   */
  neverSourcesBeside(address: Uint8Array): Uint8Array[] {
    const others: Uint8Array[] = [];
    for (const one of this.list) {
      const isOther = one.address !== address && one.address.length === address.length;
      if (isOther && one.usable) others.push(one.address);
    }
    if (address.length === 4) for (const word of this.#broadcast4) others.push(bytesOf(word));
    return others;
  }

  /** The {@link AddressKind} of the address of `version` 4 or 6 at `offset`. */
  kindOf(u8: Uint8Array, offset: number, version: number): number {
    return version === 4 ? this.#kindOf4(u8, offset) : this.#kindOf6(u8, offset);
  }

  #kindOf4(u8: Uint8Array, offset: number): number {
    const word = readU32(u8, offset) | 0;
    const own = this.#own4;
    for (let i = 0; i < own.length; i++) if (own[i] === word) return AddressKind.OWN;
    if (word >>> 28 === 0xe) return AddressKind.MULTICAST;
    if (word === -1) return AddressKind.BROADCAST;
    const broadcast = this.#broadcast4;
    for (let i = 0; i < broadcast.length; i++) if (broadcast[i] === word) return AddressKind.BROADCAST;
    if (word >>> 24 === 127) return AddressKind.LOOPBACK;
    return word === 0 ? AddressKind.UNSPECIFIED : AddressKind.OTHER;
  }

  #kindOf6(u8: Uint8Array, offset: number): number {
    const own = this.#own6;
    for (let i = 0; i < own.length; i++) if (sameBytes(own[i], 0, u8, offset, 16)) return AddressKind.OWN;
    if (u8[offset] === 0xff) return AddressKind.MULTICAST;
    for (let i = 0; i < 15; i++) if (u8[offset + i] !== 0) return AddressKind.OTHER;
    if (u8[offset + 15] === 1) return AddressKind.LOOPBACK;
    return u8[offset + 15] === 0 ? AddressKind.UNSPECIFIED : AddressKind.OTHER;
  }

  /** Returns the record of the address (4 or 16 bytes at `offset`), in any state, or null. */
  find(u8: Uint8Array, offset: number, version: number): OwnAddress | null {
    for (const one of this.list) {
      if (one.version === version && sameBytes(one.address, 0, u8, offset, one.address.length)) return one;
    }
    return null;
  }

  /** The first usable IPv4 address, or null. */
  first4(): Uint8Array | null {
    return this.list.find((one) => one.version === 4 && one.usable)?.address ?? null;
  }

  /** The first usable link-local IPv6 address, or null. */
  linkLocal(): Uint8Array | null {
    return (
      this.list.find((one) => one.version === 6 && one.usable && isLinkLocalIpv6(one.address))?.address ??
      null
    );
  }
}

/** ::1. Shared: do not write to it. */
export const LOOPBACK6: Uint8Array = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

function bytesOf(word: number): Uint8Array {
  return Uint8Array.of(word >>> 24, word >>> 16, word >>> 8, word);
}
