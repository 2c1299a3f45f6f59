import { copyFrame } from '../../link/frame-memory.ts';
import type { FrameMemory } from '../../link/link.ts';
import { sameBytes, writeU16 } from '../../wire/bytes.ts';
import { fillIpv4Checksum, IPV4_FLAGS_OFFSET, IPV4_LENGTH_MAX, IPV4_TOTAL_LENGTH } from '../../wire/ipv4.ts';
import { IPV6_FRAGMENT_LENGTH, IPV6_HEADER_LENGTH, IPV6_PAYLOAD_LENGTH } from '../../wire/ipv6.ts';
import { bufferSizeFor, giveBuffer, HEADROOM, takeBuffer } from './reassembly-buffers.ts';

/** What putting a fragment in its place has come to. */
export const Placed = { KEPT: 0, DUPLICATE: 1, OVERLAP: 2 } as const;

export const DatagramState = { FREE: 0, GATHERING: 1, COMPLETE: 2, REFUSED: 3 } as const;

const FIRST_RANGES = 16;

/**
 * One datagram that is being put together, and the frame it becomes; used again for others. Its fragmentable part
 * grows in `memory` from HEADROOM on, and the headers of the first fragment stand right before it.
 */
export class ReassembledFrame {
  /** The buffer that the frame is in, until it is released. */
  memory: FrameMemory | null = null;
  /** Offset of the frame (its Ethernet header), congruent 2 modulo 4. */
  offset = 0;
  /** Bytes of the frame. */
  length = 0;

  // What follows is between this class and Reassembly.

  /** Place in its table. */
  readonly place: number;
  state: number = DatagramState.FREE;
  /** When it is given up; milliseconds of the clock. */
  deadline = 0;
  /** Fragments in it. */
  fragments = 0;
  /** 4 or 6, with the protocol above: one number of the key. */
  kind = 0;
  identification = 0;
  /** Source and destination, 8 or 32 bytes: the rest of the key. */
  readonly addresses: Uint8Array = new Uint8Array(32);
  /** Whether the first fragment has come. */
  hasFirst = false;

  /** Bytes of the fragmentable part; -1 before the last fragment has come. */
  #total = -1;
  #gathered = 0;
  /** Bytes of the IP header in the first fragment, with IPv6 extension headers and fragment header. */
  #ipHeaders = 0;
  /** In the IPv6 headers: offset of the "next header" that names the fragment header. */
  #nextHeader = 0;
  // The fragments' places in the fragmentable part, in order: no two overlap.
  #starts: Int32Array = new Int32Array(FIRST_RANGES);
  #ends: Int32Array = new Int32Array(FIRST_RANGES);

  constructor(place: number) {
    this.place = place;
  }

  begin(): void {
    this.state = DatagramState.GATHERING;
    this.fragments = 0;
    this.hasFirst = false;
    this.#total = -1;
    this.#gathered = 0;
  }

  /** Bytes by which the buffer grows with a fragment that ends at `end`. */
  growthFor(end: number): number {
    const size = this.memory?.u8.length ?? 0;
    return HEADROOM + end <= size ? 0 : bufferSizeFor(end) - size;
  }

  /**
   * Puts the bytes at `from` in their place, `[start, end)` of the fragmentable part. Nothing is kept of a fragment
   * that does not fit with the others.
   */
  put(source: FrameMemory, from: number, start: number, end: number, isLast: boolean): number {
    const at = this.#find(start);
    if (at < this.fragments && this.#starts[at] < end) {
      const isSame =
        this.#starts[at] === start &&
        this.#ends[at] === end &&
        (this.#total === end) === isLast &&
        sameBytes(this.memory!.u8, HEADROOM + start, source.u8, from, end - start);
      return isSame ? Placed.DUPLICATE : Placed.OVERLAP;
    }
    if (at > 0 && this.#ends[at - 1] > start) return Placed.OVERLAP;
    // A datagram has one end, and nothing behind it.
    if (this.#total >= 0 ? isLast || end > this.#total : isLast && at < this.fragments) return Placed.OVERLAP;
    this.#makeRoom(end);
    copyFrame(this.memory!, HEADROOM + start, source, from, end - start);
    this.#insert(at, start, end);
    this.#gathered += end - start;
    if (isLast) this.#total = end;
    return Placed.KEPT;
  }

  /**
   * Keeps the headers of the first fragment: `[start, dataStart)` of `source`, at most HEADROOM bytes. `l3` is the IP
   * header, `nextHeader` the offset from there of the field that names the fragment header (0 for IPv4).
   */
  putHeaders(source: FrameMemory, start: number, l3: number, dataStart: number, nextHeader: number): void {
    this.hasFirst = true;
    this.offset = HEADROOM - (dataStart - start);
    this.#ipHeaders = dataStart - l3;
    this.#nextHeader = nextHeader;
    copyFrame(this.memory!, this.offset, source, start, dataStart - start);
  }

  get whole(): boolean {
    return this.hasFirst && this.#gathered === this.#total;
  }

  /** Whether the whole datagram is longer than the IP header's length field can say. */
  get tooLong(): boolean {
    return this.kind % 8 === 4
      ? this.#ipHeaders + this.#total > IPV4_LENGTH_MAX
      : this.#ipHeaders - IPV6_FRAGMENT_LENGTH - IPV6_HEADER_LENGTH + this.#total > 0xffff;
  }

  /** Makes the frame out of headers and parts, as it would have come in one piece. */
  finish(): void {
    this.state = DatagramState.COMPLETE;
    const { u8 } = this.memory!;
    let l3 = HEADROOM - this.#ipHeaders;
    if (this.kind % 8 === 4) {
      writeU16(u8, l3 + IPV4_TOTAL_LENGTH, this.#ipHeaders + this.#total);
      writeU16(u8, l3 + IPV4_FLAGS_OFFSET, 0);
      fillIpv4Checksum(u8, l3);
    } else {
      // The fragment header goes: what was before it moves up to the data, and names what it named.
      u8[l3 + this.#nextHeader] = u8[HEADROOM - IPV6_FRAGMENT_LENGTH];
      u8.copyWithin(this.offset + IPV6_FRAGMENT_LENGTH, this.offset, HEADROOM - IPV6_FRAGMENT_LENGTH);
      this.offset += IPV6_FRAGMENT_LENGTH;
      l3 += IPV6_FRAGMENT_LENGTH;
      writeU16(u8, l3 + IPV6_PAYLOAD_LENGTH, HEADROOM + this.#total - l3 - IPV6_HEADER_LENGTH);
    }
    this.length = HEADROOM + this.#total - this.offset;
  }

  /** Makes the range `[offset, offset + length)` the first fragment as it came. Only when it has come. */
  showFirst(): void {
    this.length = HEADROOM + this.#ends[0] - this.offset;
  }

  /** Gives the buffer back; returns how many bytes it had. */
  drop(): number {
    const memory = this.memory;
    if (memory === null) return 0;
    this.memory = null;
    giveBuffer(memory);
    return memory.u8.length;
  }

  /** Index of the first range that does not begin before `start`. */
  #find(start: number): number {
    let low = 0;
    let high = this.fragments;
    // Most fragments come in order.
    if (high === 0 || this.#starts[high - 1] < start) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle] < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(at: number, start: number, end: number): void {
    const count = this.fragments++;
    if (count === this.#starts.length) {
      this.#starts = doubled(this.#starts);
      this.#ends = doubled(this.#ends);
    }
    if (at < count) {
      this.#starts.copyWithin(at + 1, at, count);
      this.#ends.copyWithin(at + 1, at, count);
    }
    this.#starts[at] = start;
    this.#ends[at] = end;
  }

  #makeRoom(end: number): void {
    const old = this.memory;
    if (old !== null && HEADROOM + end <= old.u8.length) return;
    this.memory = takeBuffer(bufferSizeFor(end));
    if (old === null) return;
    copyFrame(this.memory, 0, old, 0, old.u8.length);
    giveBuffer(old);
  }
}

function doubled(values: Int32Array): Int32Array {
  const twice = new Int32Array(values.length * 2);
  twice.set(values);
  return twice;
}
