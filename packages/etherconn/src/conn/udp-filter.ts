import { FrameFlag, type FrameMemory } from '../link/link.ts';
import type { BatchStore } from '../relay/batch-store.ts';
import { readU32 } from '../wire/bytes.ts';
import { ChecksumVerdict, udpChecksumVerdict } from '../wire/checksum-policy.ts';
import { isLimitedBroadcast, isMulticastIp } from '../wire/ip.ts';
import { IpProtocol } from '../wire/protocol.ts';
import { Fragment, type FrameRecord } from '../wire/record.ts';
import { isWildcard, type UdpEndpointAddress } from './udp-address.ts';

/** Why frames were not delivered to a UDP conn, and what was let pass. */
export interface UdpFilterCounters {
  /** Frames that are not UDP. */
  notUdp: number;
  /** Datagrams for another address or port. */
  notOurs: number;
  /** Broken headers, and packets that are not whole. */
  malformed: number;
  /** Packets that are not whole because the link could not receive the whole frame. */
  truncated: number;
  /** Fragments: this layer does not reassemble. */
  fragments: number;
  /**
   * The source cannot be the sender's: a multicast address or 255.255.255.255, or, from the wire, the conn's own address
   * and port (a conn that echoes would answer itself).
   */
  badSource: number;
  /** Wrong checksums. */
  badChecksum: number;
  /** Partial checksums that were accepted. */
  partialChecksum: number;
}

/** Which frames are datagrams for a UDP conn. */
export class UdpFilter {
  // What every frame is compared with, out of the address: one place in memory instead of three.
  readonly #port: number;
  readonly #version: number;
  /** The IPv4 address as a number. */
  readonly #address: number;
  readonly #bytes: Uint8Array;
  readonly #wildcard: boolean;
  readonly #acceptAny: boolean;
  readonly #verify: 'auto' | 'strict' | 'off';
  readonly #partialChecksums: boolean;
  #notUdp = 0;
  #notOurs = 0;
  #malformed = 0;
  #truncated = 0;
  #fragments = 0;
  #badSource = 0;
  #badChecksum = 0;
  #partialChecksum = 0;

  /** `partialChecksums` as of `Link.partialChecksums`. */
  constructor(
    local: UdpEndpointAddress,
    acceptAny: boolean,
    verify: 'auto' | 'strict' | 'off',
    partialChecksums: boolean,
  ) {
    this.#port = local.port;
    this.#version = local.version;
    this.#bytes = local.bytes;
    this.#address = readU32(local.bytes, 0) | 0;
    this.#wildcard = isWildcard(local);
    this.#acceptAny = acceptAny;
    this.#verify = verify;
    this.#partialChecksums = partialChecksums;
  }

  /** Whether a frame is for this conn; if not, it is counted why. */
  accepts(store: BatchStore, record: FrameRecord, flags: number): boolean {
    const memory = store.memory!;
    const { u8 } = memory;
    if (record.error !== 0) {
      if ((flags & FrameFlag.TRUNCATED) !== 0) this.#truncated++;
      else this.#malformed++;
    } else if (record.protocol !== IpProtocol.UDP) {
      this.#notUdp++;
    } else if (record.fragment !== Fragment.NONE) {
      this.#fragments++;
    } else if (!this.#acceptAny && !this.#isOurs(u8, record)) {
      this.#notOurs++;
    } else if (isGroupSource(u8, record) || (this.#isFromOurs(u8, record) && !store.local)) {
      this.#badSource++;
    } else if (this.#verify !== 'off' && !this.#verified(memory, record, flags)) {
      this.#badChecksum++;
    } else {
      return true;
    }
    return false;
  }

  /** Whether it accepts what is for one address and port, and nothing else. */
  get isOneAddress(): boolean {
    return !this.#acceptAny && !this.#wildcard;
  }

  /** Whether wrong checksums matter. */
  get verify(): boolean {
    return this.#verify !== 'off';
  }

  counters(): UdpFilterCounters {
    return {
      notUdp: this.#notUdp,
      notOurs: this.#notOurs,
      malformed: this.#malformed,
      truncated: this.#truncated,
      fragments: this.#fragments,
      badSource: this.#badSource,
      badChecksum: this.#badChecksum,
      partialChecksum: this.#partialChecksum,
    };
  }

  #isOurs(u8: Uint8Array, record: FrameRecord): boolean {
    if (record.destinationPort !== this.#port || record.ipVersion !== this.#version) return false;
    return this.#wildcard || this.#isOwnAddress(u8, record.ipDestination);
  }

  /** Whether a datagram claims to come from this very conn. A conn without an address of its own cannot tell. */
  #isFromOurs(u8: Uint8Array, record: FrameRecord): boolean {
    if (record.sourcePort !== this.#port || this.#acceptAny || this.#wildcard) return false;
    return record.ipVersion === this.#version && this.#isOwnAddress(u8, record.ipSource);
  }

  #isOwnAddress(u8: Uint8Array, at: number): boolean {
    if (this.#version === 4) return (readU32(u8, at) | 0) === this.#address;
    const bytes = this.#bytes;
    for (let i = 0; i < bytes.length; i++) if (u8[at + i] !== bytes[i]) return false;
    return true;
  }

  #verified(memory: FrameMemory, record: FrameRecord, flags: number): boolean {
    const isVerified = (flags & FrameFlag.CHECKSUM_VALID) !== 0;
    const mayBePartial =
      this.#verify !== 'strict' && (this.#partialChecksums || (flags & FrameFlag.CHECKSUM_PARTIAL) !== 0);
    const verdict = udpChecksumVerdict(memory, record, isVerified, mayBePartial);
    if (verdict === ChecksumVerdict.ACCEPTED_PARTIAL) this.#partialChecksum++;
    return verdict !== ChecksumVerdict.REFUSED;
  }
}

/** Whether the source is an address that nobody can send from (RFC 1122 §3.2.1.3, RFC 4291 §2.7): a group's, or all ones. */
function isGroupSource(u8: Uint8Array, record: FrameRecord): boolean {
  const at = record.ipSource;
  return isMulticastIp(u8, at, record.ipVersion) || (record.ipVersion === 4 && isLimitedBroadcast(u8, at));
}
