import { isTcpFrame, MERGED_FRAME_MAX } from '../kernel/merged-frame.ts';
import type { LinkReceiver } from '../link.ts';
import { XDP_PKT_CONTD } from './if-xdp.ts';
import type { FillRing, RxRing } from './ring.ts';
import { ChunkState, type Umem } from './umem.ts';

const MIN_FRAME = 14;
/** Bytes of scratch memory: for the frames of several chunks that one batch can have. What is left comes with the next. */
export const SCRATCH_BYTES: number = 1 << 20;
/** A frame starts 2 bytes into its place in the scratch memory, as it does in chunks. */
const SCRATCH_START = 2;

/** Has the driver look at the fill ring. */
export type Wake = () => void;

/** What is the same for all queues of a link. */
export interface RxSetup {
  readonly umem: Umem;
  readonly maxFrameLength: number;
  /** Frames of several descriptors may come (XDP_USE_SG); the memory has scratch for them. */
  readonly multiBuffer: boolean;
  /** Frames of merged TCP segments may come, whatever the MTU. Needs `multiBuffer`. */
  readonly merged: boolean;
}

/**
 * Receiving from one queue. A chunk goes from the fill ring through the kernel and the RX ring into a batch, and when
 * the batch has ended back into the fill ring. Frames of several chunks are copied together first.
 */
export class RxQueue {
  readonly queue: number;
  rxFrames = 0;
  rxBytes = 0;
  rxRunts = 0;
  rxOversize = 0;
  /** Descriptors that name no chunk the kernel was given. */
  rxInvalid = 0;
  /** Set when the link is closed, also from inside a receiver: no further frame is delivered. */
  stopped = false;

  readonly #setup: RxSetup;
  readonly #state: Uint8Array;
  readonly #shift: number;
  readonly #chunkSize: number;
  readonly #longest: number;
  readonly #rx: RxRing;
  readonly #fill: FillRing;
  readonly #wake: Wake;
  /** Entries of the batch under way, which stay in the RX ring until it has ended. */
  #batch = 0;
  /** Of the batch under way, out of the ring: which the kernel writes to meanwhile, and we read several times. */
  readonly #addresses: Int32Array;
  readonly #lengths: Int32Array;
  #scratchUsed = 0;

  /** `first` and `count` say which chunks this queue receives into; they are all given to the kernel here. */
  constructor(
    queue: number,
    setup: RxSetup,
    rx: RxRing,
    fill: FillRing,
    first: number,
    count: number,
    wake: Wake,
  ) {
    this.queue = queue;
    this.#setup = setup;
    this.#state = setup.umem.state;
    this.#shift = setup.umem.shift;
    this.#chunkSize = setup.umem.chunkSize;
    this.#longest = setup.merged ? MERGED_FRAME_MAX : setup.maxFrameLength;
    this.#rx = rx;
    this.#fill = fill;
    this.#wake = wake;
    this.#addresses = new Int32Array(rx.size);
    this.#lengths = new Int32Array(rx.size);
    for (let chunk = first; chunk < first + count; chunk++) {
      this.#state[chunk] = ChunkState.FILLING;
      fill.write(chunk * this.#chunkSize);
    }
    fill.publish();
    if (fill.needsWakeup) wake();
  }

  /** Whether a frame waits. */
  get ready(): boolean {
    return !this.stopped && this.#rx.available > 0;
  }

  /**
   * Delivers what `budget` descriptors hold as one batch, then gives their chunks back to the kernel. Returns the
   * number of descriptors. When the receiver throws, the rings are in order and its error passes through.
   */
  drain(receiver: LinkReceiver, budget: number): number {
    const available = this.stopped ? 0 : this.#rx.available;
    if (available === 0) return 0;
    const most = Math.min(available, budget);
    this.#scratchUsed = 0;
    this.#batch = 0;
    const several = this.#rx.read(0, most, this.#addresses, this.#lengths) && this.#setup.multiBuffer;
    receiver.begin(this.#setup.umem.memory, this.queue);
    try {
      if (several) {
        // The last frame may end behind the budget.
        this.#rx.read(most, available, this.#addresses, this.#lengths);
        this.#deliverAll(receiver, most, available);
      } else {
        this.#deliverSingles(receiver, most);
      }
    } finally {
      try {
        receiver.end();
      } finally {
        this.#giveBack();
      }
    }
    return this.#batch;
  }

  /** All in one loop, and counters written once: this is what every frame costs. */
  #deliverSingles(receiver: LinkReceiver, most: number): void {
    const addresses = this.#addresses;
    const lengths = this.#lengths;
    const state = this.#state;
    const shift = this.#shift;
    const inChunk = this.#chunkSize - 1;
    const { maxFrameLength } = this.#setup;
    let index = 0;
    let frames = 0;
    let bytes = 0;
    try {
      while (index < most && !this.stopped) {
        const address = addresses[index];
        const length = lengths[index++];
        const chunk = address >>> shift;
        if (state[chunk] !== ChunkState.FILLING) {
          this.rxInvalid++;
          continue;
        }
        state[chunk] = ChunkState.RECEIVED;
        if (length < MIN_FRAME) {
          this.rxRunts++;
        } else if ((address & inChunk) + length > inChunk + 1) {
          this.rxInvalid++;
        } else if (length > maxFrameLength && !this.#isMerged(address, length)) {
          // Datagrams that the sender's kernel has merged (GSO), or the MTU was raised since.
          this.rxOversize++;
        } else {
          frames++;
          bytes += length;
          receiver.frame(address, length, 0);
        }
      }
    } finally {
      this.#batch = index;
      this.rxFrames += frames;
      this.rxBytes += bytes;
    }
  }

  /** Whether a frame that the MTU does not allow is good all the same. */
  #isMerged(offset: number, length: number): boolean {
    return this.#setup.merged && isTcpFrame(this.#setup.umem.memory.u8, offset, length);
  }

  /** Where some frame has several entries. */
  #deliverAll(receiver: LinkReceiver, most: number, available: number): void {
    while (this.#batch < most && !this.stopped) {
      const parts = this.#partsAt(this.#batch, available);
      // Its end is not there yet, or nowhere to copy it together.
      if (parts === 0 || (parts > 1 && this.#scratchUsed + SCRATCH_START + this.#longest > SCRATCH_BYTES))
        return;
      const at = this.#batch;
      this.#batch += parts;
      if (parts === 1) this.#deliver(receiver, at);
      else this.#deliverParts(receiver, at, parts);
    }
  }

  /** Takes the chunk of an entry into the batch. Returns whether it is one, with that much data in it. */
  #take(address: number, length: number): boolean {
    const chunk = address >>> this.#shift;
    if (this.#state[chunk] !== ChunkState.FILLING) {
      this.rxInvalid++;
      return false;
    }
    this.#state[chunk] = ChunkState.RECEIVED;
    if (length >= 0 && (address & (this.#chunkSize - 1)) + length <= this.#chunkSize) return true;
    this.rxInvalid++;
    return false;
  }

  #deliver(receiver: LinkReceiver, index: number): void {
    const address = this.#addresses[index];
    const length = this.#lengths[index];
    if (!this.#take(address, length)) return;
    if (length < MIN_FRAME) {
      this.rxRunts++;
      return;
    }
    if (length > this.#setup.maxFrameLength && !this.#isMerged(address, length)) {
      this.rxOversize++;
      return;
    }
    this.rxFrames++;
    this.rxBytes += length;
    receiver.frame(address, length, 0);
  }

  /** Entries of the frame that begins at `index`; 0 when its end is not there yet. */
  #partsAt(index: number, available: number): number {
    for (let at = index; at < available; at++) {
      if ((this.#rx.optionsAt(at) & XDP_PKT_CONTD) === 0) return at - index + 1;
    }
    return 0;
  }

  /** Copies a frame of several entries together and delivers it. */
  #deliverParts(receiver: LinkReceiver, index: number, parts: number): void {
    const { umem, maxFrameLength } = this.#setup;
    const longest = this.#longest;
    const start = umem.bytes + this.#scratchUsed + SCRATCH_START;
    let length = 0;
    let valid = true;
    for (let at = index; at < index + parts; at++) {
      const address = this.#addresses[at];
      const part = this.#lengths[at];
      if (!this.#take(address, part)) valid = false;
      else if (length + part <= longest) {
        umem.memory.u8.copyWithin(start + length, address, address + part);
      }
      length += part;
    }
    if (!valid) return;
    if (length > longest || (length > maxFrameLength && !this.#isMerged(start, length))) {
      this.rxOversize++;
      return;
    }
    this.#scratchUsed += Math.ceil((SCRATCH_START + length) / 4) * 4;
    this.rxFrames++;
    this.rxBytes += length;
    receiver.frame(start, length, 0);
  }

  #giveBack(): void {
    const addresses = this.#addresses;
    const fill = this.#fill;
    const state = this.#state;
    const shift = this.#shift;
    const count = this.#batch;
    for (let i = 0; i < count; i++) {
      const chunk = addresses[i] >>> shift;
      // Others are in no valid entry.
      if (state[chunk] !== ChunkState.RECEIVED) continue;
      state[chunk] = ChunkState.FILLING;
      fill.write(chunk << shift);
    }
    this.#rx.release(count);
    fill.publish();
    if (fill.needsWakeup) this.#wake();
  }
}
