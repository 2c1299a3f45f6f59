import { networkOrder16 } from '../../wire/byte-order.ts';
import { isTcpFrame, MERGED_FRAME_MAX } from '../kernel/merged-frame.ts';
import type { FrameMemory, LinkReceiver } from '../link.ts';
import { FrameFlag } from '../link.ts';
import type { ApartFrames } from './apart-frames.ts';
import {
  PACKET_OUTGOING,
  TP_STATUS_COPY,
  TP_STATUS_CSUM_VALID,
  TP_STATUS_CSUMNOTREADY,
  TP_STATUS_VLAN_TPID_VALID,
  TP_STATUS_VLAN_VALID,
} from './if-packet.ts';

import { isMergedDatagrams, splitDatagrams } from './merged-datagrams.ts';

/** Bytes of an Ethernet header; what is shorter is no frame. */
const MIN_FRAME = 14;
const TPID_8021Q = 0x8100;

/** Where the two ring formats keep what this link reads, in bytes from a frame's header. */
export interface FrameHeader {
  readonly status: number;
  readonly length: number;
  readonly capturedLength: number;
  /** Offset of the frame from the header, 16 bits. */
  readonly mac: number;
  readonly vlanTci: number;
  readonly vlanTpid: number;
  /** sll_pkttype of the struct sockaddr_ll behind the header. */
  readonly packetType: number;
  /** When the kernel received the frame: seconds since the Unix epoch, and nanoseconds, 32 bits each. */
  readonly seconds: number;
  readonly nanoseconds: number;
}

/**
 * A mapped receive ring, and the frames of it handed to a receiver. The two formats of AF_PACKET differ in who
 * owns what when (frames, or blocks of frames); what stands before a frame they have in common.
 */
export abstract class ReceiveRing {
  readonly memory: FrameMemory;
  rxFrames = 0;
  rxBytes = 0;
  rxRunts = 0;
  rxOversize = 0;
  /** Set when the link is closed, also from inside a receiver: no further frame is delivered. */
  stopped = false;
  readonly #header: FrameHeader;
  readonly #longest: number;
  readonly #apart: ApartFrames | null;
  readonly #direction: 'in' | 'out' | 'both';
  /** Header of the frame that the receiver is being given; -1 otherwise. */
  #delivering = -1;

  /**
   * Of what is longer than `longest` only TCP is delivered whole; and of all, only what goes in that direction. Without
   * `apart`, every frame is delivered as it is in the ring.
   */
  constructor(
    memory: FrameMemory,
    header: FrameHeader,
    longest: number,
    apart: ApartFrames | null,
    direction: 'in' | 'out' | 'both' = 'in',
  ) {
    this.memory = memory;
    this.#apart = apart;
    this.#header = header;
    this.#longest = longest;
    this.#direction = direction;
  }

  /** Whether a frame waits. */
  abstract get ready(): boolean;

  /**
   * Delivers up to `budget` frames as one batch, then gives their slots back to the kernel. Returns how many.
   * When the receiver throws, the ring is in order and its error passes through.
   */
  abstract drain(receiver: LinkReceiver, budget: number): number;

  /**
   * Whether the frame whose header is at `at` is delivered from a memory of its own, so that a batch has either such frames
   * or others.
   */
  protected isApart(at: number): boolean {
    if (this.#apart === null) return false;
    const { u8, u16, u32 } = this.memory;
    return (
      (u32[(at + this.#header.status) >>> 2] & TP_STATUS_COPY) !== 0 ||
      isMergedDatagrams(u8, at + u16[(at + this.#header.mac) >>> 1])
    );
  }

  /** Begins a batch. Returns whether it is of frames apart, as that at `at` is. */
  protected begin(receiver: LinkReceiver, at: number): boolean {
    const isApart = this.isApart(at);
    receiver.begin(isApart ? this.#apart!.begin() : this.memory, 0);
    return isApart;
  }

  /** Whether the batch has room for the frame whose header is at `at`. */
  protected belongs(at: number, isApart: boolean): boolean {
    return this.isApart(at) === isApart && (!isApart || this.#apart!.hasRoom);
  }

  /** Delivers the frame apart whose header is at `at`. */
  protected deliverApart(receiver: LinkReceiver, at: number): void {
    const { u16, u32 } = this.memory;
    const header = this.#header;
    const apart = this.#apart!;
    let { memory } = this;
    let start = at + u16[(at + header.mac) >>> 1];
    let length = u32[(at + header.capturedLength) >>> 2];
    const whole = u32[(at + header.length) >>> 2];
    if ((u32[(at + header.status) >>> 2] & TP_STATUS_COPY) !== 0) {
      memory = apart.memory!;
      start = apart.receive(whole);
      length = Math.min(whole, MERGED_FRAME_MAX);
    }
    if (start >= 0 && !isMergedDatagrams(memory.u8, start)) {
      this.#pass(receiver, at, memory, start, length, whole);
      return;
    }
    const to = apart.memory!;
    const end =
      start < 0 || length < whole
        ? -1
        : splitDatagrams(memory.u8, start, length, to.u8, apart.used, (offset, each) =>
            this.#pass(receiver, at, to, offset, each, each),
          );
    if (end < 0) this.rxOversize++;
    else apart.used = end;
  }

  /** Delivers the frame whose header is at `at`. */
  protected deliver(receiver: LinkReceiver, at: number): void {
    const { u16, u32 } = this.memory;
    const header = this.#header;
    const start = at + u16[(at + header.mac) >>> 1];
    const captured = u32[(at + header.capturedLength) >>> 2];
    this.#pass(receiver, at, this.memory, start, captured, u32[(at + header.length) >>> 2]);
  }

  /** Delivers a frame of the header at `at`, of whose `whole` bytes `captured` are at `start` of `memory`. */
  #pass(
    receiver: LinkReceiver,
    at: number,
    memory: FrameMemory,
    start: number,
    captured: number,
    whole: number,
  ): void {
    if (this.stopped) return;
    const { u8, u32 } = this.memory;
    const header = this.#header;
    // A link asks the kernel not to show what this machine sends; those before Linux 4.20 do not understand.
    if (this.#direction !== 'both') {
      if ((u8[at + header.packetType] === PACKET_OUTGOING) !== (this.#direction === 'out')) return;
    }
    const status = u32[(at + header.status) >>> 2];
    let length = captured;
    if (length < MIN_FRAME) {
      this.rxRunts++;
      return;
    }
    let flags = 0;
    if (length > this.#longest && !isTcpFrame(memory.u8, start, length)) length = this.#longest;
    if (length < whole) {
      flags = FrameFlag.TRUNCATED;
      this.rxOversize++;
    }
    if ((status & TP_STATUS_CSUMNOTREADY) !== 0) flags |= FrameFlag.CHECKSUM_PARTIAL;
    if ((status & TP_STATUS_CSUM_VALID) !== 0) flags |= FrameFlag.CHECKSUM_VALID;
    let offset = start;
    if ((status & TP_STATUS_VLAN_VALID) !== 0) {
      // The kernel takes the outer tag out of every frame: the addresses move 4 bytes down, the tag goes behind.
      const { u16 } = memory;
      const to = (offset - 4) >>> 1;
      u16[to] = u16[to + 2];
      u16[to + 1] = u16[to + 3];
      u16[to + 2] = u16[to + 4];
      u16[to + 3] = u16[to + 5];
      u16[to + 4] = u16[to + 6];
      u16[to + 5] = u16[to + 7];
      const tpid =
        (status & TP_STATUS_VLAN_TPID_VALID) !== 0
          ? this.memory.u16[(at + header.vlanTpid) >>> 1]
          : TPID_8021Q;
      u16[to + 6] = networkOrder16(tpid);
      u16[to + 7] = networkOrder16(this.memory.u16[(at + header.vlanTci) >>> 1]);
      offset -= 4;
      length += 4;
    }
    this.rxFrames++;
    this.rxBytes += length;
    this.#delivering = at;
    receiver.frame(offset, length, flags);
    this.#delivering = -1;
  }

  /** During `frame`: whether this machine has sent it. */
  get outgoing(): boolean {
    return this.memory.u8[this.#delivering + this.#header.packetType] === PACKET_OUTGOING;
  }

  /** During `frame`: its length on the wire, with the tag that was taken out. */
  get originalLength(): number {
    const at = this.#delivering;
    const tag = (this.memory.u32[(at + this.#header.status) >>> 2] & TP_STATUS_VLAN_VALID) !== 0 ? 4 : 0;
    return this.memory.u32[(at + this.#header.length) >>> 2] + tag;
  }

  /** During `frame`: when the kernel saw it, in seconds since the Unix epoch, and nanoseconds. */
  get seconds(): number {
    return this.memory.u32[(this.#delivering + this.#header.seconds) >>> 2];
  }

  get nanoseconds(): number {
    return this.memory.u32[(this.#delivering + this.#header.nanoseconds) >>> 2];
  }

  /** See `Link.receivedAt`. */
  receivedAt(): bigint | null {
    const at = this.#delivering;
    if (at < 0) return null;
    const { u32 } = this.memory;
    const { seconds, nanoseconds } = this.#header;
    return BigInt(u32[(at + seconds) >>> 2]) * 1_000_000_000n + BigInt(u32[(at + nanoseconds) >>> 2]);
  }
}
