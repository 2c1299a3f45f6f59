import { Attempt, RoomNews, RoomRetry } from '../kernel/room.ts';
import type { FrameMemory, LinkTx } from '../link.ts';

/** What to do about a frame that the kernel has refused. */
export const Refusal = {
  /** Try again later. */
  AGAIN: 0,
  /** Give this frame up, go on with the next. */
  FRAME: 1,
  /** Give up all that is committed: the interface is down or gone. */
  ALL: 2,
} as const;

/** How frames leave: see `packetSend` in native/addon.ts. */
export type Send = (memory: Uint8Array, descriptors: Uint32Array, head: number, count: number) => number;

const MIN_FRAME = 14;
/** A frame starts 2 bytes into its slot, so that an IP header behind an untagged Ethernet header is aligned. */
const SLOT_START = 2;

/**
 * Sending from memory of our own. The kernel copies each frame when it takes it, so a slot is free again as soon as
 * the frame is sent; slots only fill up while the kernel has no room.
 */
export class PacketTx implements LinkTx {
  readonly memory: FrameMemory;
  onRoom: (() => void) | null = null;
  txFrames = 0;
  txBytes = 0;
  txErrors = 0;
  txNoRoom = 0;

  readonly #maxFrameLength: number;
  readonly #slots: number;
  readonly #send: Send;
  readonly #refused: (errno: number) => number;
  /** @internal */
  readonly retry: RoomRetry;
  readonly #news = new RoomNews(
    () => this.#freeCount > 0,
    () => this.onRoom?.(),
  );
  /** A stack of the offsets of free slots. */
  readonly #free: Uint32Array;
  #freeCount: number;
  /** Committed frames in order: a ring of pairs (offset, length). */
  readonly #committed: Uint32Array;
  readonly #mask: number;
  #head = 0;
  #count = 0;
  #stopped = false;

  /**
   * @internal `stride` bytes per slot, a multiple of 4 and at least `maxFrameLength` + 2; `refused` is given the negative
   * errno of the first frame and says what to do with it ({@link Refusal}).
   */
  constructor(
    memory: FrameMemory,
    slots: number,
    stride: number,
    maxFrameLength: number,
    send: Send,
    refused: (errno: number) => number,
  ) {
    this.memory = memory;
    this.#slots = slots;
    this.#maxFrameLength = maxFrameLength;
    this.#send = send;
    this.#refused = refused;
    this.#free = Uint32Array.from({ length: slots }, (_, i) => (slots - 1 - i) * stride + SLOT_START);
    this.#freeCount = slots;
    const capacity = 2 ** Math.ceil(Math.log2(slots));
    this.#committed = new Uint32Array(capacity * 2);
    this.#mask = capacity - 1;
    this.retry = new RoomRetry(() => this.#attempt());
  }

  /** Frames that are committed and not yet sent. */
  get pending(): number {
    return this.#count;
  }

  reserve(length: number): number {
    if (length > this.#maxFrameLength) {
      throw new RangeError(`frame of ${length} bytes: this link sends at most ${this.#maxFrameLength}`);
    }
    if (this.#freeCount === 0) {
      if (!this.#stopped) {
        this.txNoRoom++;
        this.#news.wanted = true;
      }
      return -1;
    }
    return this.#free[--this.#freeCount];
  }

  commit(offset: number, length: number): void {
    if (this.#stopped) return;
    if (length < MIN_FRAME || length > this.#maxFrameLength || this.#count + this.#freeCount >= this.#slots) {
      throw new RangeError(`commit of ${length} bytes at ${offset}: not a reserved slot, or not a frame`);
    }
    const at = ((this.#head + this.#count) & this.#mask) * 2;
    this.#committed[at] = offset;
    this.#committed[at + 1] = length;
    this.#count++;
  }

  cancel(offset: number): void {
    if (this.#stopped) return;
    if (this.#count + this.#freeCount >= this.#slots)
      throw new RangeError(`cancel of ${offset}: not a reserved slot`);
    this.#free[this.#freeCount++] = offset;
    this.#news.announce();
  }

  flush(): number {
    const sent = this.#push();
    if (this.#count > 0) this.retry.arm();
    this.#news.announce();
    return sent;
  }

  /** Nothing is sent any more; committed frames are forgotten, slots cannot be reserved. */
  stop(): void {
    this.#stopped = true;
    this.#freeCount = 0;
    this.#count = 0;
    this.retry.stop();
    this.#news.stop();
  }

  #push(): number {
    let sent = 0;
    while (this.#count > 0) {
      const result = this.#send(this.memory.u8, this.#committed, this.#head, this.#count);
      if (result > 0) {
        for (let i = 0; i < result; i++) this.txBytes += this.#release();
        this.txFrames += result;
        sent += result;
        continue;
      }
      const refusal = this.#refused(result);
      // Asking may have found the interface gone, and closed us.
      if (refusal === Refusal.AGAIN || this.#stopped) break;
      const dropped = refusal === Refusal.FRAME ? 1 : this.#count;
      for (let i = 0; i < dropped; i++) this.#release();
      this.txErrors += dropped;
    }
    return sent;
  }

  /** Frees the slot of the first committed frame; returns the frame's length. */
  #release(): number {
    const at = (this.#head & this.#mask) * 2;
    this.#head = (this.#head + 1) & this.#mask;
    this.#count--;
    this.#free[this.#freeCount++] = this.#committed[at];
    return this.#committed[at + 1];
  }

  /** For {@link RoomRetry}, so from the event loop. */
  #attempt(): number {
    const before = this.#count;
    this.#push();
    const progress = this.#count < before;
    this.#news.tell();
    if (this.#count === 0) return Attempt.DONE;
    return progress ? Attempt.PROGRESS : Attempt.BLOCKED;
  }
}
