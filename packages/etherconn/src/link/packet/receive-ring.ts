import { networkOrder16 } from '../../wire/byte-order.ts';
import { isTcpFrame } from '../kernel/merged-frame.ts';
import type { FrameMemory, LinkReceiver } from '../link.ts';
import { FrameFlag } from '../link.ts';
import {
  PACKET_OUTGOING,
  TP_STATUS_CSUM_VALID,
  TP_STATUS_CSUMNOTREADY,
  TP_STATUS_VLAN_TPID_VALID,
  TP_STATUS_VLAN_VALID,
} from './if-packet.ts';

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
  /** Header of the frame that the receiver is being given; -1 otherwise. */
  #delivering = -1;

  /** Of what is longer than `longest` only TCP is delivered whole. */
  constructor(memory: FrameMemory, header: FrameHeader, longest: number) {
    this.memory = memory;
    this.#header = header;
    this.#longest = longest;
  }

  /** Whether a frame waits. */
  abstract get ready(): boolean;

  /**
   * Delivers up to `budget` frames as one batch, then gives their slots back to the kernel. Returns how many.
   * When the receiver throws, the ring is in order and its error passes through.
   */
  abstract drain(receiver: LinkReceiver, budget: number): number;

  /** Delivers the frame whose header is at `at`. */
  protected deliver(receiver: LinkReceiver, at: number): void {
    const { u16, u32 } = this.memory;
    const header = this.#header;
    const captured = u32[(at + header.capturedLength) >>> 2];
    this.deliverFrom(receiver, at, this.memory, at + u16[(at + header.mac) >>> 1], captured);
  }

  /** Whole length of the frame whose header is at `at`. */
  protected wholeLength(at: number): number {
    return this.memory.u32[(at + this.#header.length) >>> 2];
  }

  /** Delivers the frame whose header is at `at`, and of which `captured` bytes are at `start` of `memory`. */
  protected deliverFrom(
    receiver: LinkReceiver,
    at: number,
    memory: FrameMemory,
    start: number,
    captured: number,
  ): void {
    const { u8, u32 } = this.memory;
    const header = this.#header;
    // The kernel is asked not to show what this machine sends; those before Linux 4.20 do not understand.
    if (u8[at + header.packetType] === PACKET_OUTGOING) return;
    const status = u32[(at + header.status) >>> 2];
    let length = captured;
    if (length < MIN_FRAME) {
      this.rxRunts++;
      return;
    }
    let flags = 0;
    if (length > this.#longest && !isTcpFrame(memory.u8, start, length)) length = this.#longest;
    if (length < u32[(at + header.length) >>> 2]) {
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

  /** See `Link.receivedAt`. */
  receivedAt(): bigint | null {
    const at = this.#delivering;
    if (at < 0) return null;
    const { u32 } = this.memory;
    const { seconds, nanoseconds } = this.#header;
    return BigInt(u32[(at + seconds) >>> 2]) * 1_000_000_000n + BigInt(u32[(at + nanoseconds) >>> 2]);
  }
}
