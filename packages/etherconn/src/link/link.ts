import type { Clock } from '../clock.ts';
import type { SimdSum } from '../wire/memory-sum.ts';

/**
 * The frame contract: a frame on the hot path is a place in some memory, named by numbers. No object is
 * made for it, and no native call.
 *
 * A {@link Link} moves whole Ethernet frames (without FCS) between this process and one interface. It knows
 * nothing of endpoints' owners, IP or ports. It may have several memories (a UMEM, the ring of an
 * AF_PACKET socket, scratch for jumbo frames), and says with each batch which one the frames are in; a
 * receiver always sees one contiguous frame.
 */

/**
 * Views over one buffer, made once per area. Views over memory that is shared with the kernel read as detached
 * (length 0) after the link is closed.
 */
export interface FrameMemory {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly view: DataView;
  /** Sums ranges of this memory for checksums, see wire/memory-sum.ts; undefined in memory that has no quick way. */
  readonly simdSum?: SimdSum | undefined;
}

/** Bits of the `flags` that come with a received frame. */
export const FrameFlag = {
  /** The kernel says that the transport checksum is still partial (offload not carried out yet). */
  CHECKSUM_PARTIAL: 1,
  /** The kernel or the hardware has verified the transport checksum. */
  CHECKSUM_VALID: 2,
  /** The frame was longer than `length`: its end is missing. */
  TRUNCATED: 4,
} as const;

/**
 * Where a link delivers. Calls come as `begin`, any number of `frame`, `end`; always from the event loop,
 * never from inside a call of the receiver's owner to the link (so sending cannot re-enter receiving).
 * All frames of a batch stay valid until `end` returns; who keeps bytes copies them. The receiver may
 * send, and may close the link, from inside any of these calls; after a close no further `frame` comes, but
 * `end` does.
 */
export interface LinkReceiver {
  begin(memory: FrameMemory, queue: number): void;
  /** A frame at `[offset, offset + length)` of the batch's memory; `flags` as in {@link FrameFlag}. */
  frame(offset: number, length: number, flags: number): void;
  end(): void;
  /** The link is finished (interface deleted, socket dead). Called at most once; the link has closed itself. */
  error(error: Error): void;
  /** The interface went down (false) or came up (true). The link stays usable. */
  state(up: boolean): void;
  /**
   * That many committed frames have been refused for good although the interface is up: they are longer than its MTU
   * allows by now, say. Not more often than once a second.
   */
  refused?(error: Error, frames: number): void;
}

/**
 * The sending side. Every reserved slot is either committed or cancelled; none leaks.
 * Committed frames leave in order. Offsets are congruent 2 modulo 4 (so that an IP header behind an untagged
 * Ethernet header is 4-byte aligned) and the two bytes before a slot may be overwritten by the writer, so a
 * frame can be written as whole 32-bit words.
 */
export interface LinkTx {
  readonly memory: FrameMemory;
  /**
   * Offset of a slot for a frame of up to `length` bytes, or -1 when there is no room now: then
   * `onRoom` is called once there may be. Throws a RangeError when length is over the link's
   * `maxFrameLength`. After close: -1.
   */
  reserve(length: number): number;
  /** The slot holds a frame of `length` bytes (14 up to the reserved length) and may be sent. */
  commit(offset: number, length: number): void;
  /**
   * {@link reserve} and {@link commit} for many frames in one go; undefined on links that have no quicker way. Reserves up
   * to `count` slots for frames of up to `length` bytes each, writes their offsets and returns their number; 0 as -1 there.
   */
  reserveMany?(offsets: Int32Array, count: number, length: number): number;
  /** Commits the slots `offsets[0, count)` in this order, with frames of `lengths[0, count)` bytes. */
  commitMany?(offsets: Int32Array, lengths: Int32Array, count: number): void;
  /** The slot is given back unused. Slots may be cancelled in any order. */
  cancel(offset: number): void;
  /**
   * Hands the committed frames to the interface; returns how many it took. What it did not take stays
   * committed, in order: the link goes on by itself as soon as it can.
   */
  flush(): number;
  /** Called (from the event loop) when a `reserve` that failed may succeed now. */
  onRoom: (() => void) | null;
}

/**
 * A station that somebody behind the link wants unicast frames for. Links that can filter in the kernel
 * (the XDP program, a socket filter) use it; it never changes what is correct to deliver, only what is spared.
 */
export interface Station {
  /** First 4 bytes of the MAC address as an unsigned 32-bit number. */
  readonly macHigh: number;
  /** Last 2 bytes of the MAC address. */
  readonly macLow: number;
  /** VLANs as of `vlanKey()` in wire/vlan.ts. */
  readonly vlanKey: number;
  readonly etherTypes: readonly number[];
}

/** What a link passes up beside the stations' unicast frames. */
export interface LinkWants {
  /** Everything on the wire: a default or mirror receiver is there. */
  readonly all: boolean;
  /** Broadcast and multicast frames. */
  readonly group: boolean;
}

/** Cumulative counters since open. Packets and bytes count frames without FCS. */
export interface LinkStats {
  rxFrames: number;
  rxBytes: number;
  /** Frames that the kernel (or the memory network's queue) dropped because we were too slow. */
  rxDropped: number;
  /** Frames shorter than an Ethernet header (14 bytes); dropped. */
  rxRunts: number;
  /** Frames longer than the link can receive; dropped or delivered truncated, as the link says. */
  rxOversize: number;
  txFrames: number;
  txBytes: number;
  /** Committed frames that the kernel refused for good (interface down, invalid). */
  txErrors: number;
  /** Times `reserve` had no room. */
  txNoRoom: number;
  /** Times the event loop woke the link up. */
  wakeups: number;
  /** Those of them that were the timer's, because traffic was dense; see the option `moderation` of kernel links. */
  moderated: number;
}

/** What was really got, for people. Links add their own fields. */
export interface LinkInfo {
  readonly kind: 'memory' | 'packet' | 'xdp';
  readonly interfaceName: string;
  /** Interface's own MAC address, text. */
  readonly hardwareAddress: string;
  readonly mtu: number;
  readonly [detail: string]: unknown;
}

export interface Link {
  readonly kind: 'memory' | 'packet' | 'xdp';
  readonly interfaceName: string;
  /** The interface's own MAC address, 6 bytes. */
  readonly hardwareAddress: Uint8Array;
  /** Largest Ethernet payload, as the interface says. */
  readonly mtu: number;
  /** Longest frame that can be sent, whatever it begins with: MTU + 14, and as many VLAN tags as are sure to pass. */
  readonly maxFrameLength: number;
  /**
   * The same of frames with this type field behind their addresses: an EtherType, or the TPID of the outermost tag.
   * Undefined on links to which all are alike.
   */
  maxFrameLengthOf?(type: number): number;
  readonly clock: Clock;
  readonly tx: LinkTx;
  /**
   * Whether a transport checksum that equals the folded pseudo-header sum is to be expected from the
   * peer (veth and other software interfaces leave checksums to be completed by hardware that is not there).
   */
  readonly partialChecksums: boolean;
  readonly closed: boolean;

  /** Starts delivery. Called once. Frames that arrived since open are delivered. */
  start(receiver: LinkReceiver): void;
  /**
   * Whether these stations could be steered: asked before they are registered, so that a registration fails where it is
   * made. Throws an EtherconnError when they could not (the interface's own MAC address without takeover, VLAN tags
   * that the interface takes away, no capacity left). What has been admitted is handed to {@link steer} next.
   * Undefined on links that take any station.
   */
  admit?(stations: readonly Station[]): void;
  /**
   * Stations added and removed since the last call, which receive when it returns; undefined on links that do not
   * filter. What it throws is a failure of the link: the relay stops.
   */
  steer?(added: readonly Station[], removed: readonly Station[], wants: LinkWants): void;
  /**
   * Only inside a call of the receiver's `frame`: when the kernel received that frame, nanoseconds since the Unix epoch;
   * null when it has not said. Undefined on links that never know. For captures: nobody else pays for it.
   */
  receivedAt?(): bigint | null;
  stats(): LinkStats;
  info(): LinkInfo;
  /** Keeps the process alive (the default on links of the kernel) … */
  ref(): void;
  /** … or not. */
  unref(): void;
  /**
   * Gives everything back: socket, memory, promiscuity, timers. What has to be released is released before
   * it returns; the promise resolves when nothing is pending any more. Calling it again is harmless.
   */
  close(): Promise<void>;
}
