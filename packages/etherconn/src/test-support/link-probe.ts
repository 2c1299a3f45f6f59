import type { FrameMemory, Link, LinkReceiver } from '../link/link.ts';

/** IEEE 802 local experimental EtherType 1: what conformance frames carry, so that others are told apart. */
export const TEST_ETHERTYPE = 0x88b5;
/** Shortest frame that has room for the sequence number. */
export const NUMBERED_LENGTH = 18;

/** Stations that the conformance tests speak for, on side a and side b. Not the interfaces' own addresses. */
export const STATION_A: Uint8Array = Uint8Array.of(0x02, 0xec, 0, 0, 0, 0x0a);
export const STATION_B: Uint8Array = Uint8Array.of(0x02, 0xec, 0, 0, 0, 0x0b);
export const BROADCAST: Uint8Array = new Uint8Array(6).fill(0xff);

/**
 * A test frame: addresses, EtherType, the sequence number as 32 bits where it fits, then bytes that depend on
 * the number and the position.
 */
export function testFrame(
  target: Uint8Array,
  source: Uint8Array,
  sequence: number,
  length: number,
): Uint8Array {
  const frame = new Uint8Array(length);
  frame.set(target, 0);
  frame.set(source, 6);
  frame[12] = TEST_ETHERTYPE >> 8;
  frame[13] = TEST_ETHERTYPE & 255;
  if (length >= NUMBERED_LENGTH) new DataView(frame.buffer).setUint32(14, sequence);
  for (let at = NUMBERED_LENGTH; at < length; at++) frame[at] = (sequence * 7 + at * 13 + (at >> 8)) & 255;
  return frame;
}

/** Sequence number of a test frame; -1 when it is too short for one. */
export function sequenceOf(frame: Uint8Array): number {
  return frame.length < NUMBERED_LENGTH ? -1 : new DataView(frame.buffer, frame.byteOffset).getUint32(14);
}

/** Reserves, writes and commits a frame; false when there is no room. Does not flush. */
export function sendFrame(link: Link, frame: Uint8Array): boolean {
  const offset = link.tx.reserve(frame.length);
  if (offset < 0) return false;
  link.tx.memory.u8.set(frame, offset);
  link.tx.commit(offset, frame.length);
  return true;
}

/**
 * A receiver that checks the order of the calls it gets, and keeps copies of the test frames. Other frames on the
 * wire (a kernel's neighbor discovery) are only counted.
 */
export class LinkProbe implements LinkReceiver {
  /** Copies of the test frames received. */
  readonly frames: Uint8Array[] = [];
  /** Frames that are not test frames. */
  strangers = 0;
  batches = 0;
  readonly states: boolean[] = [];
  readonly errors: Error[] = [];
  /** Violations of the contract. */
  readonly faults: string[] = [];
  /** Called for each test frame, inside of `frame`. */
  onFrame: ((memory: FrameMemory, offset: number, length: number) => void) | null = null;
  /** Called inside of `end`. */
  onEnd: (() => void) | null = null;
  /** Whether frames are kept; counting is enough for floods. */
  keep = true;
  /** Test frames received, kept or not. */
  count = 0;
  /** Set while code runs that calls the link: deliveries must not come from inside of it. */
  calling = false;
  readonly #link: Link;
  #memory: FrameMemory | null = null;

  constructor(link: Link) {
    this.#link = link;
  }

  begin(memory: FrameMemory): void {
    if (this.calling) this.faults.push('begin from inside a call to the link');
    if (this.#memory !== null) this.faults.push('begin inside a batch');
    if (this.#link.closed) this.faults.push('begin after close');
    this.#memory = memory;
    this.batches++;
  }

  frame(offset: number, length: number, flags: number): void {
    const memory = this.#memory;
    if (memory === null) {
      this.faults.push('frame outside of a batch');
      return;
    }
    if (this.#link.closed) this.faults.push('frame after close');
    if (length < 14) this.faults.push(`a runt of ${length} bytes was delivered`);
    if (offset < 0 || offset + length > memory.u8.length) this.faults.push('frame outside of its memory');
    if (!Number.isInteger(flags)) this.faults.push('flags are not an integer');
    const type = (memory.u8[offset + 12]! << 8) | memory.u8[offset + 13]!;
    if (type !== TEST_ETHERTYPE) {
      this.strangers++;
      return;
    }
    this.count++;
    if (this.keep) this.frames.push(memory.u8.slice(offset, offset + length));
    this.onFrame?.(memory, offset, length);
  }

  end(): void {
    if (this.#memory === null) this.faults.push('end without begin');
    this.onEnd?.();
    this.#memory = null;
  }

  error(error: Error): void {
    if (!this.#link.closed) this.faults.push('error from a link that has not closed itself');
    this.errors.push(error);
  }

  state(up: boolean): void {
    this.states.push(up);
  }

  /** Sequence numbers of the frames kept. */
  get sequences(): number[] {
    return this.frames.map(sequenceOf);
  }

  /** Whether a batch has begun and not ended. */
  get inBatch(): boolean {
    return this.#memory !== null;
  }
}
