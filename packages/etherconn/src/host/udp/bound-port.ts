import type { SystemError } from '../../errors.ts';
import type { UdpEntry } from '../../relay/udp-entries.ts';
import { readU32, sameBytes } from '../../wire/bytes.ts';
import type { FrameRecord } from '../../wire/record.ts';
import { AddressKind } from '../ip/addresses.ts';
import type { Interface, Memberships } from '../multicast/memberships.ts';
import type { UdpPortOptions, UdpPortUser } from './udp-port.ts';

export const ANY4: Uint8Array = new Uint8Array(4);
export const ANY6: Uint8Array = new Uint8Array(16);

/**
 * The binding of a UDP port: what it is bound and connected to, and so which datagrams it takes. IPv4 addresses have
 * 4 bytes here, also on a port of version 6.
 */
export abstract class BoundPort {
  readonly version: 4 | 6;
  readonly ipv6Only: boolean;
  readonly reuseAddr: boolean;
  readonly reusePort: boolean;
  readonly multicastAll: boolean;
  readonly user: UdpPortUser;
  localPort = 0;
  /** Own address, 4 bytes for IPv4. All zero stands for every address of the host. */
  local: Uint8Array;
  /** Whether `local` is all zero. */
  wildcard = true;
  /** Peer of a connected port, 4 bytes for IPv4. */
  remote: Uint8Array | null = null;
  remotePort = 0;
  closed = false;
  /** Its neighbors among the open ports of its host, in the order in which they were opened. */
  next: BoundPort | null = null;
  previous: BoundPort | null = null;
  /** Its entries in the front for UDP. Empty if its datagrams go through the layers. */
  entries: readonly UdpEntry[] = [];
  /** Number of the list of its datagrams in the current batch. */
  list = 0;
  /** Its groups. Created when it joins or leaves the first one. */
  protected memberships: Memberships | null = null;

  constructor(user: UdpPortUser, options: UdpPortOptions) {
    this.user = user;
    this.version = options.version;
    this.ipv6Only = options.version === 6 && options.ipv6Only === true;
    this.reuseAddr = options.reuseAddr === true;
    this.reusePort = options.reusePort === true;
    this.multicastAll = options.multicastAll !== false;
    this.local = options.version === 4 ? ANY4 : ANY6;
  }

  abstract close(): void;
  /** The host has been closed: rejects waiting writers. */
  abstract rejectWaiting(error: Error): void;
  /** An ICMP error has arrived. The user is told at the end of the batch, unless a send takes the error first. */
  abstract fail(error: SystemError): void;
  /** Returns and clears the error that an ICMP message has brought. */
  abstract takeFailure(): SystemError | null;

  /** How well the port matches a datagram to one of the host's addresses. -1 if it does not. */
  score(u8: Uint8Array, record: FrameRecord): number {
    const version = record.ipVersion;
    let score = this.version === 4 ? 1 : 0;
    if (!this.takes(version)) return -1;
    if (!this.wildcard) {
      if (!this.#isLocal(u8, record.ipDestination, version)) return -1;
      score += 2;
    }
    if (this.remote !== null) {
      if (!this.#isRemote(u8, record)) return -1;
      score += 4;
    }
    return score;
  }

  /** Whether the port takes a datagram to a group or broadcast address that has arrived `on` an interface. */
  wants(u8: Uint8Array, record: FrameRecord, kind: number, on: Interface): boolean {
    const version = record.ipVersion;
    if (!this.takes(version) || (this.remote !== null && !this.#isRemote(u8, record))) return false;
    if (!this.wildcard && !this.#isLocal(u8, record.ipDestination, version)) return false;
    if (kind === AddressKind.BROADCAST) return true;
    const heard = this.memberships?.hears(u8, record.ipDestination, record.ipSource, version, on);
    return heard ?? (this.multicastAll && version === this.version);
  }

  /** Whether the port can take packets of an IP version at all. */
  takes(version: number): boolean {
    if (this.version === 4) return version === 4;
    if (version === 6) return this.local.length === 16;
    return !this.ipv6Only && (this.local.length === 4 || this.wildcard);
  }

  /** Whether the port can take datagrams to this address of the host. */
  takesAt(address: Uint8Array, version: 4 | 6): boolean {
    return this.takes(version) && (this.wildcard || this.#isLocal(address, 0, version));
  }

  /** Whether it is connected to the address of `version` at `offset` and that port. */
  isConnectedTo(u8: Uint8Array, offset: number, version: number, port: number): boolean {
    return this.remote !== null && this.remotePort === port && matches(this.remote, u8, offset, version);
  }

  #isLocal(u8: Uint8Array, offset: number, version: number): boolean {
    return matches(this.local, u8, offset, version);
  }

  #isRemote(u8: Uint8Array, record: FrameRecord): boolean {
    return (
      record.sourcePort === this.remotePort && matches(this.remote!, u8, record.ipSource, record.ipVersion)
    );
  }
}

function matches(address: Uint8Array, u8: Uint8Array, offset: number, version: number): boolean {
  if (version === 4) return address.length === 4 && readU32(address, 0) === readU32(u8, offset);
  return address.length === 16 && sameBytes(address, 0, u8, offset, 16);
}
