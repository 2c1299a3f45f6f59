import type { Clock } from '../clock.ts';
import type { SimdSum } from '../wire/memory-sum.ts';

/**
 * The frame contract: on the hot path, a frame is a place in some memory, named by numbers. It costs no object and
 * no native call.
 *
 * A {@link Link} moves complete Ethernet frames (without FCS) between this process and one interface. It does not
 * know the owners of endpoints, IP or ports. It may have several memories (a UMEM, the ring of an AF_PACKET socket,
 * scratch for jumbo frames). Each batch names the memory of its frames, and each frame is contiguous.
 */

/**
 * Views over one buffer, created once for each area. Views over memory shared with the kernel are detached (length
 * 0) after the link is closed.
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
  /** The kernel reports a partial transport checksum (the offload has not happened yet). */
  CHECKSUM_PARTIAL: 1,
  /** The kernel or the hardware has verified the transport checksum. */
  CHECKSUM_VALID: 2,
  /** The frame was longer than `length`: its end is missing. */
  TRUNCATED: 4,
} as const;

/**
 * The receiver of a link. The link calls `begin`, any number of `frame`, and `end`, always from the event loop and
 * never from inside a call to the link, so sending cannot re-enter receiving. All frames of a batch stay valid
 * until `end` returns; a receiver copies the bytes that it keeps. It may send and close the link inside any of
 * these calls. After a close, no `frame` follows, but `end` does.
 */
export interface LinkReceiver {
  begin(memory: FrameMemory, queue: number): void;
  /**
   * A frame at `[offset, offset + length)` of the batch's memory; `flags` as in {@link FrameFlag}. Frames of TCP may have up
   * to 64 KiB, whatever the MTU: see `kernel/merged-frame.ts`.
   */
  frame(offset: number, length: number, flags: number): void;
  end(): void;
  /** The link has failed (interface deleted, socket dead) and closed itself. Called at most once. */
  error(error: Error): void;
  /** The interface went down (false) or came up (true). The link stays usable. */
  state(up: boolean): void;
  /**
   * The kernel has refused `frames` committed frames for good although the interface is up, for example because its
   * MTU was lowered. Called at most once a second.
   */
  refused?(error: Error, frames: number): void;
}

/**
 * The sending side. Every reserved slot is either committed or canceled. Committed frames leave in order. Offsets
 * are congruent 2 modulo 4 (so that an IP header behind an untagged Ethernet header is 4-byte aligned) and the two
 * bytes before a slot may be overwritten by the writer, so a frame can be written as whole 32-bit words.
 */
export interface LinkTx {
  readonly memory: FrameMemory;
  /**
   * Returns the offset of a slot for a frame of up to `length` bytes, or -1 if there is no room now; `onRoom` then
   * follows once there may be. Returns -1 after close. Throws a RangeError if `length` exceeds the link's
   * `maxFrameLength`.
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
  /** Returns a slot unused. Slots may be canceled in any order. */
  cancel(offset: number): void;
  /**
   * Passes the committed frames to the interface. Returns how many it accepted. The others stay committed, in
   * order, and the link sends them as soon as it can.
   */
  flush(): number;
  /** Called from the event loop when a `reserve` may succeed after one has failed. */
  onRoom: (() => void) | null;
}

/**
 * A station whose unicast frames are wanted. Links that can filter in the kernel (the XDP program, a socket filter)
 * use it to avoid other frames; a link may always deliver more.
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

/** What a link delivers in addition to the unicast frames of the stations. */
export interface LinkWants {
  /** All frames on the wire, because there is a default or mirror receiver. */
  readonly all: boolean;
  /** Broadcast and multicast frames. */
  readonly group: boolean;
}

/** Cumulative counters since open. Packets and bytes count frames without FCS. */
export interface LinkStats {
  rxFrames: number;
  rxBytes: number;
  /** Frames that the kernel, or the queue of the memory network, dropped because the process was too slow. */
  rxDropped: number;
  /** Frames shorter than an Ethernet header (14 bytes); dropped. */
  rxRunts: number;
  /** Frames longer than the link can receive; dropped or delivered truncated, depending on the link. */
  rxOversize: number;
  txFrames: number;
  txBytes: number;
  /** Committed frames that the kernel refused for good (interface down, invalid frame). */
  txErrors: number;
  /** Number of times `reserve` had no room. */
  txNoRoom: number;
  /** Number of times the event loop woke the link. */
  wakeups: number;
  /** Number of these caused by the timer for dense traffic; see the option `moderation` of kernel links. */
  moderated: number;
}

/** What the link got, for people. Links add their own fields. */
export interface LinkInfo {
  readonly kind: 'memory' | 'packet' | 'xdp';
  readonly interfaceName: string;
  /** The interface's own MAC address, as text. */
  readonly hardwareAddress: string;
  readonly mtu: number;
  readonly [detail: string]: unknown;
}

/** A link as relays use it: it receives frames in batches, and sends frames that are written into its memory. */
export interface Link {
  readonly kind: 'memory' | 'packet' | 'xdp';
  readonly interfaceName: string;
  /** The interface's own MAC address, 6 bytes. */
  readonly hardwareAddress: Uint8Array;
  /** Longest Ethernet payload, as reported by the interface. */
  readonly mtu: number;
  /** Longest frame that any link header allows: MTU + 14, plus the VLAN tags that are sure to pass. */
  readonly maxFrameLength: number;
  /**
   * The same for frames with this type field after their addresses: an EtherType, or the TPID of the outermost tag.
   * Undefined on links that do not distinguish them.
   */
  maxFrameLengthOf?(type: number): number;
  readonly clock: Clock;
  readonly tx: LinkTx;
  /**
   * Whether to expect transport checksums that equal the folded pseudo-header sum. veth and other software
   * interfaces leave checksums to hardware that does not exist.
   */
  readonly partialChecksums: boolean;
  readonly closed: boolean;

  /** Starts delivery, including frames that arrived since the link was opened. Called once. */
  start(receiver: LinkReceiver): void;
  /**
   * Checks whether the link can filter for these stations, before they are registered, so that the registration
   * itself fails. Throws an EtherconnError if it cannot (the interface's own MAC address without takeover, VLAN
   * tags that the interface removes, no capacity left). {@link steer} gets the admitted stations next. Undefined on
   * links that accept every station.
   */
  admit?(stations: readonly Station[]): void;
  /**
   * Gets the stations added and removed since the last call. Added stations receive when it returns. An exception
   * is a failure of the link and stops the relay. Undefined on links that do not filter.
   */
  steer?(added: readonly Station[], removed: readonly Station[], wants: LinkWants): void;
  /**
   * Only inside a call of the receiver's `frame`: the time at which the kernel received that frame, in nanoseconds
   * since the Unix epoch, or null if unknown. Undefined on links that never know. Only captures use it.
   */
  receivedAt?(): bigint | null;
  stats(): LinkStats;
  info(): LinkInfo;
  /** Makes the link keep the process alive, which is the default for kernel links. */
  ref(): void;
  /** Stops the link from keeping the process alive. */
  unref(): void;
  /**
   * Releases everything: socket, memory, promiscuity and timers, before it returns. The promise resolves when
   * nothing is pending. Harmless when repeated.
   */
  close(): Promise<void>;
}
