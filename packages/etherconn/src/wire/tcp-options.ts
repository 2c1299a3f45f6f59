import { readI32, readU16, writeU16, writeU32 } from './bytes.ts';
import { TCP_OPTIONS, tcpHeaderLength } from './tcp.ts';

/** Options of a TCP header: RFC 9293 §3.2, RFC 7323 (window scale, timestamps), RFC 2018 (selective acknowledgment). */

const Kind = {
  END: 0,
  NOP: 1,
  MSS: 2,
  WINDOW_SCALE: 3,
  SACK_PERMITTED: 4,
  SACK: 5,
  TIMESTAMPS: 8,
} as const;

/** RFC 7323 §2.3: a larger shift counts as this one. */
const WINDOW_SHIFT_MAX = 14;
/** As many as fit into 40 bytes. */
const SACK_BLOCKS_MAX = 4;

/** Bytes of the timestamps option with its filling. */
export const TCP_TIMESTAMPS_LENGTH = 12;

/** What the options of a segment say. One object serves for segment after segment. */
export class TcpOptions {
  /** Maximum segment size, or 0 without the option. */
  mss = 0;
  /** Shift of the window field, or -1 without the option. */
  windowShift = -1;
  sackPermitted = false;
  hasTimestamps = false;
  /** Of the sender's clock; a signed 32-bit integer. */
  timestamp = 0;
  /** Of the receiver's clock, as the sender last saw it; a signed 32-bit integer. */
  timestampEcho = 0;
  /** Number of blocks in {@link sack}. */
  sackBlocks = 0;
  /** First sequence number, and the one after the last, of each block that the sender has. */
  readonly sack: Int32Array = new Int32Array(2 * SACK_BLOCKS_MAX);

  clear(): void {
    this.mss = 0;
    this.windowShift = -1;
    this.sackPermitted = false;
    this.hasTimestamps = false;
    this.timestamp = 0;
    this.timestampEcho = 0;
    this.sackBlocks = 0;
  }
}

/**
 * Reads the options of the header at `offset`, which must be whole. Unknown options are skipped, and so are known ones
 * of a wrong length. Returns false if an option's length leads out of the header; what stands before it counts.
 */
export function parseTcpOptions(u8: Uint8Array, offset: number, options: TcpOptions): boolean {
  options.clear();
  const end = offset + tcpHeaderLength(u8, offset);
  let at = offset + TCP_OPTIONS;
  while (at < end) {
    const kind = u8[at];
    if (kind === Kind.END) return true;
    if (kind === Kind.NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? u8[at + 1] : 0;
    if (length < 2 || at + length > end) return false;
    parseOption(u8, at, kind, length, options);
    at += length;
  }
  return true;
}

function parseOption(u8: Uint8Array, at: number, kind: number, length: number, options: TcpOptions): void {
  if (kind === Kind.TIMESTAMPS && length === 10) {
    options.hasTimestamps = true;
    options.timestamp = readI32(u8, at + 2);
    options.timestampEcho = readI32(u8, at + 6);
  } else if (kind === Kind.MSS && length === 4) {
    options.mss = readU16(u8, at + 2);
  } else if (kind === Kind.WINDOW_SCALE && length === 3) {
    options.windowShift = Math.min(u8[at + 2], WINDOW_SHIFT_MAX);
  } else if (kind === Kind.SACK_PERMITTED && length === 2) {
    options.sackPermitted = true;
  } else if (kind === Kind.SACK && length > 2 && (length - 2) % 8 === 0) {
    options.sackBlocks = Math.min((length - 2) >> 3, SACK_BLOCKS_MAX);
    for (let i = 0; i < 2 * options.sackBlocks; i++) options.sack[i] = readI32(u8, at + 2 + 4 * i);
  }
}

// Each function writes at `at`, filled to whole words, and returns the offset after it.

export function emitTcpMss(u8: Uint8Array, at: number, mss: number): number {
  u8[at] = Kind.MSS;
  u8[at + 1] = 4;
  writeU16(u8, at + 2, mss);
  return at + 4;
}

export function emitTcpWindowScale(u8: Uint8Array, at: number, shift: number): number {
  u8[at] = Kind.NOP;
  u8[at + 1] = Kind.WINDOW_SCALE;
  u8[at + 2] = 3;
  u8[at + 3] = shift;
  return at + 4;
}

export function emitTcpSackPermitted(u8: Uint8Array, at: number): number {
  writeU16(u8, at, (Kind.NOP << 8) | Kind.NOP);
  writeU16(u8, at + 2, (Kind.SACK_PERMITTED << 8) | 2);
  return at + 4;
}

export function emitTcpTimestamps(u8: Uint8Array, at: number, timestamp: number, echo: number): number {
  writeU16(u8, at, (Kind.NOP << 8) | Kind.NOP);
  writeU16(u8, at + 2, (Kind.TIMESTAMPS << 8) | 10);
  writeU32(u8, at + 4, timestamp);
  writeU32(u8, at + 8, echo);
  return at + TCP_TIMESTAMPS_LENGTH;
}

/** Writes the first `count` blocks of `blocks`, which are as in {@link TcpOptions.sack}; nothing for none. */
export function emitTcpSack(u8: Uint8Array, at: number, blocks: Int32Array, count: number): number {
  if (count === 0) return at;
  writeU16(u8, at, (Kind.NOP << 8) | Kind.NOP);
  writeU16(u8, at + 2, (Kind.SACK << 8) | (2 + 8 * count));
  for (let i = 0; i < 2 * count; i++) writeU32(u8, at + 4 + 4 * i, blocks[i]);
  return at + 4 + 8 * count;
}
