import type { FrameMemory } from 'etherconn/link';

/** Enhanced Packet Block of pcapng: type, length, interface, time in two halves, both lengths of the packet. */
const ENHANCED_PACKET = 6;
const HEADER = 28;
/** epb_flags, the end of the options, and the length again. */
const TRAILER = 16;
const EPB_FLAGS = 2 | (4 << 16);
const INBOUND = 1;
const OUTBOUND = 2;

const CARRY = 2 ** 32;

/** Longest block of a frame of `captured` bytes. */
export function blockLength(captured: number): number {
  return HEADER + ((captured + 3) & ~3) + TRAILER;
}

/** A buffer that is filled with blocks of pcapng, one for each frame. Nothing is allocated for a frame. */
export class FrameBlocks {
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** Bytes that are filled. */
  length = 0;
  /** The second whose nanoseconds since the epoch are known, as two halves. */
  #second = -1;
  #high = 0;
  #low = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#words = new Uint32Array(this.bytes.buffer);
  }

  get room(): number {
    return this.bytes.length - this.length;
  }

  /** Blocks that are there already. */
  append(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Writes a frame's block, for which there is room. */
  frame(
    memory: FrameMemory,
    offset: number,
    captured: number,
    original: number,
    seconds: number,
    nanoseconds: number,
    outgoing: boolean,
  ): void {
    if (seconds !== this.#second) this.#enter(seconds);
    const words = this.#words;
    let at = this.length >>> 2;
    const length = blockLength(captured);
    const low = this.#low + nanoseconds;
    words[at++] = ENHANCED_PACKET;
    words[at++] = length;
    words[at++] = 0;
    words[at++] = low >= CARRY ? this.#high + 1 : this.#high;
    words[at++] = low;
    words[at++] = captured;
    words[at++] = original;
    at = this.#copy(memory, offset, captured, at);
    words[at++] = EPB_FLAGS;
    words[at++] = outgoing ? OUTBOUND : INBOUND;
    words[at++] = 0;
    words[at++] = length;
    this.length += length;
  }

  /** Copies by words, however the frame lies; the bytes behind its last one are 0. Returns the next word. */
  #copy({ u8, u16, u32 }: FrameMemory, offset: number, captured: number, start: number): number {
    const words = this.#words;
    let at = start;
    const whole = captured >>> 2;
    const end = at + whole;
    if ((offset & 3) === 0) {
      for (let from = offset >>> 2; at < end; ) words[at++] = u32[from++]!;
    } else if ((offset & 3) === 2) {
      for (let from = offset >>> 1; at < end; from += 2) words[at++] = u16[from]! | (u16[from + 1]! << 16);
    } else {
      for (let from = offset; at < end; from += 4)
        words[at++] = u8[from]! | (u8[from + 1]! << 8) | (u8[from + 2]! << 16) | (u8[from + 3]! << 24);
    }
    const rest = captured & 3;
    if (rest === 0) return at;
    let word = 0;
    for (let i = 0; i < rest; i++) word |= u8[offset + 4 * whole + i]! << (8 * i);
    words[at++] = word;
    return at;
  }

  /** Its beginning in nanoseconds, calculated in halves: it has more than 53 bits. */
  #enter(seconds: number): void {
    const upper = Math.floor(seconds / 0x10000) * 1e9;
    const sum = (upper % 0x10000) * 0x10000 + (seconds % 0x10000) * 1e9;
    this.#second = seconds;
    this.#high = Math.floor(upper / 0x10000) + Math.floor(sum / CARRY);
    this.#low = sum % CARRY;
  }
}
