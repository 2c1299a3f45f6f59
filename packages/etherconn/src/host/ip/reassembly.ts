import type { Clock, ClockTimer } from '../../clock.ts';
import { FrameFlag, type FrameMemory } from '../../link/link.ts';
import { checkInteger, checkKnown, checkNumber } from '../../options.ts';
import { readU32, sameBytes } from '../../wire/bytes.ts';
import { ipv4FragmentOffset, ipv4Id, ipv4MoreFragments, verifyIpv4Header } from '../../wire/ipv4.ts';
import {
  findIpv6Extension,
  IPV6_FRAGMENT_LENGTH,
  ipv6FragmentId,
  ipv6FragmentOffset,
  ipv6MoreFragments,
} from '../../wire/ipv6.ts';
import { IpProtocol } from '../../wire/protocol.ts';
import { Fragment, type FrameRecord } from '../../wire/record.ts';
import { ipv6FragmentPointer, ipv6FragmentProblem } from './ipv6-extensions.ts';
import { Problem } from './problem.ts';
import { HEADROOM, hasRoomFor } from './reassembly-buffers.ts';
import { DatagramState, Placed, ReassembledFrame } from './reassembly-datagram.ts';

export interface ReassemblyOptions {
  /** Maximum number of datagrams in progress, 1 to 65,536; default 64. */
  readonly maxDatagrams?: number;
  /**
   * Maximum bytes of buffers, including those of whole datagrams not released yet; default 4 MiB, at least 128 KiB.
   */
  readonly maxBytes?: number;
  /** Milliseconds after its first fragment until an IPv4 datagram is given up; default 30,000. */
  readonly timeout4?: number;
  /** The same for IPv6; default 60,000 (RFC 8200 §4.5). */
  readonly timeout6?: number;
}

/**
 * Counters of fragments. Each fragment is in exactly one of `used`, `pending` and the drops below them. `reassembled`
 * and `timeouts` count datagrams.
 */
export interface ReassemblyStats {
  fragments: number;
  /** Fragments of whole datagrams. */
  used: number;
  /** Fragments of incomplete datagrams. */
  pending: number;
  /** Exact duplicates. */
  duplicates: number;
  /** Of datagrams with overlapping or contradicting fragments: all of them are dropped (RFC 5722). */
  overlaps: number;
  /** Not parsable, without data, of an impossible length, or with headers spread over fragments (RFC 7112). */
  malformed: number;
  /** Truncated by the link. */
  truncated: number;
  /** Of datagrams that were dropped, or not started, because of the limits. */
  noRoom: number;
  /** Of datagrams that were not complete in time. */
  timedOut: number;
  /** Whole datagrams. */
  reassembled: number;
  /** Datagrams that were not complete in time. */
  timeouts: number;
}

/**
 * Called with the first fragment of a datagram that is given up, as a frame, for ICMP "fragment reassembly time
 * exceeded". Valid during the call.
 */
export type TimeExceeded = (memory: FrameMemory, offset: number, length: number) => void;

const DEFAULT_DATAGRAMS = 64;
const DEFAULT_BYTES = 4 << 20;
const MIN_BYTES = 128 << 10;

/**
 * Reassembles IPv4 (RFC 791, RFC 815) and IPv6 (RFC 8200 §4.5) fragments, within limits. Datagrams with overlapping
 * fragments are refused, with the fragments that arrive later (RFC 5722; here also for IPv4). Exact duplicates are
 * harmless. At the limits, the oldest datagram is dropped: fragments of a datagram arrive close together, so it is
 * the least likely to become complete.
 */
export class Reassembly {
  /** What to report to the sender of the last fragment: a {@link Problem}. */
  problem: number = Problem.NONE;
  readonly #clock: Clock;
  readonly #timeExceeded: TimeExceeded | null;
  readonly #maxDatagrams: number;
  readonly #maxBytes: number;
  readonly #timeout4: number;
  readonly #timeout6: number;
  /** Hash of the key of the datagram at each place, 0 for none. Searched for every fragment. */
  #hashes: Int32Array = new Int32Array(4);
  readonly #datagrams: ReassembledFrame[] = [];
  /** Number of datagrams in progress or refused. */
  #open = 0;
  #bytes = 0;
  #timer: ClockTimer | null = null;
  #closed = false;
  /** Place of the current fragment in its frame and in its datagram. */
  #data = 0;
  #start = 0;
  #isLast = false;
  #identification = 0;
  readonly #counts: Omit<ReassemblyStats, 'pending'> = {
    fragments: 0,
    used: 0,
    duplicates: 0,
    overlaps: 0,
    malformed: 0,
    truncated: 0,
    noRoom: 0,
    timedOut: 0,
    reassembled: 0,
    timeouts: 0,
  };

  /** @throws OptionError */
  constructor(clock: Clock, timeExceeded: TimeExceeded | null = null, options: ReassemblyOptions = {}) {
    checkKnown(options, ['maxDatagrams', 'maxBytes', 'timeout4', 'timeout6']);
    this.#clock = clock;
    this.#timeExceeded = timeExceeded;
    this.#maxDatagrams = checkInteger('maxDatagrams', options.maxDatagrams, 1, 65_536, DEFAULT_DATAGRAMS);
    this.#maxBytes = checkInteger('maxBytes', options.maxBytes, MIN_BYTES, 2 ** 31, DEFAULT_BYTES);
    this.#timeout4 = checkNumber('timeout4', options.timeout4, 1, 1e9, 30_000);
    this.#timeout6 = checkNumber('timeout6', options.timeout6, 1, 1e9, 60_000);
  }

  /**
   * Takes a fragment: a parsed frame of `memory` (`record.fragment` is not NONE) with its `FrameFlag`s. Returns the
   * reassembled frame once it is complete, with the tags of its first fragment. The frame is valid until {@link
   * release}.
   */
  add(memory: FrameMemory, record: FrameRecord, flags: number): ReassembledFrame | null {
    const counts = this.#counts;
    counts.fragments++;
    this.problem = Problem.NONE;
    if ((flags & FrameFlag.TRUNCATED) !== 0) {
      counts.truncated++;
      return null;
    }
    if (this.#closed) {
      counts.noRoom++;
      return null;
    }
    if (!this.#locate(memory.u8, record)) {
      counts.malformed++;
      return null;
    }
    const datagram = this.#find(memory.u8, record) ?? this.#begin(memory.u8, record);
    if (datagram.state === DatagramState.REFUSED) {
      counts.overlaps++;
      return null;
    }
    const end = this.#start + record.l3End - this.#data;
    if (!this.#makeRoomFor(datagram, end)) {
      counts.noRoom++;
      return null;
    }
    const before = datagram.memory?.u8.length ?? 0;
    const placed = datagram.put(memory, this.#data, this.#start, end, this.#isLast);
    if (placed === Placed.KEPT) {
      this.#bytes += datagram.memory!.u8.length - before;
      if (this.#start === 0) {
        const nextHeader = record.ipVersion === 6 ? ipv6FragmentPointer(memory.u8, record, this.#data) : 0;
        datagram.putHeaders(memory, record.start, record.l3, this.#data, nextHeader);
      }
      return datagram.whole ? this.#complete(datagram) : null;
    }
    if (placed === Placed.DUPLICATE) {
      counts.duplicates++;
    } else {
      counts.overlaps += datagram.fragments + 1;
      this.#refuse(datagram);
    }
    return null;
  }

  /** Releases a frame that {@link add} has returned, once. */
  release(frame: ReassembledFrame): void {
    if (frame.state === DatagramState.COMPLETE) this.#free(frame);
  }

  stats(): ReassemblyStats {
    let pending = 0;
    for (const datagram of this.#datagrams)
      if (datagram.state === DatagramState.GATHERING) pending += datagram.fragments;
    return { ...this.#counts, pending };
  }

  /** Number of incomplete datagrams. */
  get gathering(): number {
    return this.#datagrams.filter(({ state }) => state === DatagramState.GATHERING).length;
  }

  /** Bytes of buffers in use. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Drops everything incomplete and takes nothing more. Complete datagrams stay until they are released. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = null;
    for (const datagram of this.#datagrams)
      if (datagram.state === DatagramState.GATHERING || datagram.state === DatagramState.REFUSED)
        this.#evict(datagram);
  }

  /** Finds the place of the fragment's data. False if it cannot be a fragment. */
  #locate(u8: Uint8Array, record: FrameRecord): boolean {
    if (record.error !== 0 || record.fragment === Fragment.NONE) return false;
    if (record.ipVersion === 4) {
      if (!verifyIpv4Header(u8, record.l3)) return false;
      this.#data = record.l4;
      this.#start = ipv4FragmentOffset(u8, record.l3);
      this.#isLast = !ipv4MoreFragments(u8, record.l3);
      this.#identification = ipv4Id(u8, record.l3);
    } else {
      const header = findIpv6Extension(u8, record, IpProtocol.FRAGMENT);
      // A second fragment header is never legitimate.
      if (header < 0 || (ipv6FragmentOffset(u8, header) === 0 && !ipv6MoreFragments(u8, header)))
        return false;
      this.#data = header + IPV6_FRAGMENT_LENGTH;
      this.#start = ipv6FragmentOffset(u8, header);
      this.#isLast = !ipv6MoreFragments(u8, header);
      this.#identification = ipv6FragmentId(u8, header);
      this.problem = ipv6FragmentProblem(record, this.#data, this.#start, this.#isLast);
      if (this.problem !== Problem.NONE) return false;
    }
    const length = record.l3End - this.#data;
    if (length <= 0 || (!this.#isLast && length % 8 !== 0)) return false;
    return this.#start + length <= 0xffff && this.#data - record.start <= HEADROOM;
  }

  #kind(record: FrameRecord, u8: Uint8Array): number {
    return record.ipVersion === 4 ? 4 | (u8[record.l3 + 9] << 3) : 6;
  }

  #hash(u8: Uint8Array, record: FrameRecord): number {
    const last = record.ipVersion === 4 ? 0 : 12;
    let hash = Math.imul(this.#identification ^ readU32(u8, record.ipSource + last), 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15) ^ readU32(u8, record.ipDestination + last), 0x85ebca6b);
    return (hash ^ (hash >>> 13)) | 1;
  }

  #find(u8: Uint8Array, record: FrameRecord): ReassembledFrame | null {
    const hash = this.#hash(u8, record);
    const hashes = this.#hashes;
    const count = this.#datagrams.length;
    const length = record.ipVersion === 4 ? 8 : 32;
    for (let place = 0; place < count; place++) {
      if (hashes[place] !== hash) continue;
      const datagram = this.#datagrams[place];
      if (
        (datagram.state === DatagramState.GATHERING || datagram.state === DatagramState.REFUSED) &&
        datagram.identification === this.#identification &&
        datagram.kind === this.#kind(record, u8) &&
        sameBytes(datagram.addresses, 0, u8, record.ipSource, length)
      ) {
        return datagram;
      }
    }
    return null;
  }

  #begin(u8: Uint8Array, record: FrameRecord): ReassembledFrame {
    const datagram = this.#freeDatagram();
    datagram.begin();
    datagram.kind = this.#kind(record, u8);
    datagram.identification = this.#identification;
    const length = record.ipVersion === 4 ? 8 : 32;
    for (let i = 0; i < length; i++) datagram.addresses[i] = u8[record.ipSource + i];
    this.#hashes[datagram.place] = this.#hash(u8, record);
    const timeout = record.ipVersion === 4 ? this.#timeout4 : this.#timeout6;
    datagram.deadline = this.#clock.now() + timeout;
    this.#timer ??= this.#clock.setTimer(this.#expire, Math.min(this.#timeout4, this.#timeout6), true);
    return datagram;
  }

  #freeDatagram(): ReassembledFrame {
    if (this.#open >= this.#maxDatagrams)
      this.#evict(this.#oldest(DatagramState.REFUSED) ?? this.#oldest(DatagramState.GATHERING)!);
    this.#open++;
    const datagrams = this.#datagrams;
    for (const datagram of datagrams) if (datagram.state === DatagramState.FREE) return datagram;
    const datagram = new ReassembledFrame(datagrams.length);
    if (datagrams.length === this.#hashes.length) {
      const hashes = new Int32Array(2 * datagrams.length);
      hashes.set(this.#hashes);
      this.#hashes = hashes;
    }
    datagrams.push(datagram);
    return datagram;
  }

  #oldest(state: number, except: ReassembledFrame | null = null): ReassembledFrame | null {
    let oldest: ReassembledFrame | null = null;
    for (const datagram of this.#datagrams) {
      if (datagram.state !== state || datagram === except) continue;
      if (oldest === null || datagram.deadline < oldest.deadline) oldest = datagram;
    }
    return oldest;
  }

  /**
   * Drops other datagrams until the buffer can grow. False if that does not help and the datagram itself is dropped.
   */
  #makeRoomFor(datagram: ReassembledFrame, end: number): boolean {
    const growth = datagram.growthFor(end);
    while (growth > 0 && (this.#bytes + growth > this.#maxBytes || !hasRoomFor(growth))) {
      const oldest = this.#oldest(DatagramState.GATHERING, datagram);
      if (oldest === null) {
        this.#evict(datagram);
        return false;
      }
      this.#evict(oldest);
    }
    return true;
  }

  #evict(datagram: ReassembledFrame): void {
    if (datagram.state === DatagramState.GATHERING) this.#counts.noRoom += datagram.fragments;
    this.#free(datagram);
  }

  /** Keeps only the key, for the fragments still to arrive. */
  #refuse(datagram: ReassembledFrame): void {
    this.#bytes -= datagram.drop();
    datagram.state = DatagramState.REFUSED;
  }

  #complete(datagram: ReassembledFrame): ReassembledFrame | null {
    if (datagram.tooLong) {
      this.#counts.malformed += datagram.fragments;
      this.#free(datagram);
      return null;
    }
    this.#counts.used += datagram.fragments;
    this.#counts.reassembled++;
    datagram.finish();
    this.#hashes[datagram.place] = 0;
    this.#open--;
    return datagram;
  }

  #free(datagram: ReassembledFrame): void {
    if (datagram.state !== DatagramState.COMPLETE) this.#open--;
    this.#bytes -= datagram.drop();
    datagram.state = DatagramState.FREE;
    this.#hashes[datagram.place] = 0;
  }

  readonly #expire = (): void => {
    this.#timer = null;
    const now = this.#clock.now();
    let next = Infinity;
    for (const datagram of this.#datagrams) {
      const isGathering = datagram.state === DatagramState.GATHERING;
      if (!isGathering && datagram.state !== DatagramState.REFUSED) continue;
      if (datagram.deadline > now) {
        next = Math.min(next, datagram.deadline);
        continue;
      }
      if (isGathering) {
        this.#counts.timeouts++;
        this.#counts.timedOut += datagram.fragments;
        if (datagram.hasFirst && this.#timeExceeded !== null) {
          datagram.showFirst();
          this.#timeExceeded(datagram.memory!, datagram.offset, datagram.length);
        }
      }
      this.#free(datagram);
    }
    if (next !== Infinity) this.#timer = this.#clock.setTimer(this.#expire, next - now, true);
  };
}
