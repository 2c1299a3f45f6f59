import { EAGAIN, EBUSY, ENOBUFS, ENOMEM } from '../kernel/errno.ts';
import { Attempt, RoomNews, RoomRetry } from '../kernel/room.ts';
import type { FrameMemory, LinkTx } from '../link.ts';
import { XDP_PKT_CONTD } from './if-xdp.ts';
import type { CompletionRing, TxRing } from './ring.ts';
import { ChunkState, type Umem } from './umem.ts';

const MIN_FRAME = 14;
/** A frame starts 2 bytes into its chunk, so that an IP header behind an untagged Ethernet header is aligned. */
export const SLOT_START = 2;

/** What sending needs to know of its socket and interface. */
export interface TxSocket {
  /** The kernel copies frames inside of the kick, as against hardware that fetches them later. */
  readonly copyMode: boolean;
  /** The socket was bound with XDP_USE_NEED_WAKEUP. */
  readonly needWakeup: boolean;
  /** Has the kernel look at the TX ring; 0 or a negative errno. */
  kick(): number;
  /** The kernel will not send with this negative errno: the interface may be down, or gone. */
  refused(errno: number): void;
}

/** The chunks that a {@link XdpTx} starts with. */
export interface TxChunks {
  readonly first: number;
  readonly count: number;
}

/** What a {@link XdpTx} believes of its chunks. */
export interface TxAccounts {
  readonly ring: TxRing;
  /** Offsets. */
  readonly freeSlots: Uint32Array;
  readonly slots: number;
  readonly chunksPerSlot: number;
  /** Slots between commit and completion. */
  readonly inFlight: number;
  /** Descriptors in the ring that the kernel has not taken. */
  readonly waiting: number;
}

/**
 * Sending by one socket. A committed frame is written into the TX ring at once, and published by `flush`. Chunks come
 * back through the completion ring. A slot is one chunk, or several adjacent ones where frames can be longer.
 *
 * Room in the rings needs no check: both have as many entries as there are chunks to send from.
 */
export class XdpTx implements LinkTx {
  readonly memory: FrameMemory;
  onRoom: (() => void) | null = null;
  /** @internal */
  readonly retry: RoomRetry;
  readonly #news = new RoomNews(
    () => this.#freeCount > 0,
    () => this.onRoom?.(),
  );
  txFrames = 0;
  txBytes = 0;
  txErrors = 0;
  txNoRoom = 0;
  /** Addresses in the completion ring that we have not sent. */
  invalidCompletions = 0;

  readonly #umem: Umem;
  readonly #state: Uint8Array;
  readonly #shift: number;
  readonly #chunkMask: number;
  readonly #ring: TxRing;
  readonly #completion: CompletionRing;
  readonly #maxFrameLength: number;
  readonly #socket: TxSocket;
  readonly #firstChunk: number;
  readonly #chunksPerSlot: number;
  /** Slots of several chunks: descriptors that are not completed yet, by the number of the slot. */
  readonly #parts: Uint8Array;
  /** A stack of the offsets of free slots. */
  readonly #free: Uint32Array;
  #freeCount: number;
  /** Slots between commit and completion. */
  #inFlight = 0;
  /** Frames and bytes that are written and not published. */
  #frames = 0;
  #bytes = 0;
  /** Published descriptors that the kernel has not taken, as far as we know. */
  #waiting = 0;
  #up = true;
  #stopped = false;

  /** @internal */
  constructor(
    umem: Umem,
    ring: TxRing,
    completion: CompletionRing,
    chunks: TxChunks,
    maxFrameLength: number,
    socket: TxSocket,
  ) {
    this.memory = umem.memory;
    this.#umem = umem;
    this.#state = umem.state;
    this.#shift = umem.shift;
    this.#chunkMask = umem.chunkSize - 1;
    this.#ring = ring;
    this.#completion = completion;
    this.#maxFrameLength = maxFrameLength;
    this.#socket = socket;
    this.#firstChunk = chunks.first;
    const perSlot = Math.ceil((maxFrameLength + SLOT_START) / umem.chunkSize);
    this.#chunksPerSlot = perSlot;
    const slots = Math.floor(chunks.count / perSlot);
    this.#parts = new Uint8Array(slots);
    this.#free = new Uint32Array(slots);
    for (let slot = slots - 1, i = 0; slot >= 0; slot--, i++) {
      const chunk = chunks.first + slot * perSlot;
      this.#free[i] = chunk * umem.chunkSize + SLOT_START;
      this.#state[chunk] = ChunkState.FREE;
      for (let part = 1; part < perSlot; part++) this.#state[chunk + part] = ChunkState.PART;
    }
    for (let chunk = chunks.first + slots * perSlot; chunk < chunks.first + chunks.count; chunk++) {
      this.#state[chunk] = ChunkState.SPARE;
    }
    this.#freeCount = slots;
    this.retry = new RoomRetry(() => this.#attempt());
  }

  reserve(length: number): number {
    this.#checkLongest(length);
    if (this.#freeCount === 0 && (this.#stopped || this.#reclaim() === 0)) {
      this.#wantRoom();
      return -1;
    }
    const offset = this.#free[--this.#freeCount];
    this.#state[offset >>> this.#shift] = ChunkState.RESERVED;
    return offset;
  }

  commit(offset: number, length: number): void {
    if (this.#stopped) return;
    this.#checkReserved(offset, 'commit');
    if (!(length >= MIN_FRAME && length <= this.#maxFrameLength)) this.#refuseLength(length);
    this.#state[offset >>> this.#shift] = ChunkState.SENDING;
    this.#write(offset, length);
  }

  reserveMany(offsets: Int32Array, count: number, length: number): number {
    this.#checkLongest(length);
    if (this.#freeCount < count && !this.#stopped) this.#reclaim();
    const taken = Math.min(count, this.#freeCount);
    if (taken === 0) {
      this.#wantRoom();
      return 0;
    }
    const free = this.#free;
    const state = this.#state;
    const shift = this.#shift;
    const top = this.#freeCount - 1;
    for (let i = 0; i < taken; i++) {
      const offset = free[top - i];
      state[offset >>> shift] = ChunkState.RESERVED;
      offsets[i] = offset;
    }
    this.#freeCount -= taken;
    return taken;
  }

  commitMany(offsets: Int32Array, lengths: Int32Array, count: number): void {
    if (this.#chunksPerSlot > 1 || this.#stopped) {
      for (let i = 0; i < count; i++) this.commit(offsets[i], lengths[i]);
      return;
    }
    const ring = this.#ring;
    const state = this.#state;
    const shift = this.#shift;
    const most = this.#maxFrameLength;
    let bytes = 0;
    let done = 0;
    try {
      for (; done < count; done++) {
        const offset = offsets[done];
        const length = lengths[done];
        this.#checkReserved(offset, 'commit');
        if (!(length >= MIN_FRAME && length <= most)) this.#refuseLength(length);
        state[offset >>> shift] = ChunkState.SENDING;
        ring.write(offset, length, 0);
        bytes += length;
      }
    } finally {
      this.#inFlight += done;
      this.#frames += done;
      this.#bytes += bytes;
    }
  }

  cancel(offset: number): void {
    if (this.#stopped) return;
    this.#checkReserved(offset, 'cancel');
    this.#state[offset >>> this.#shift] = ChunkState.FREE;
    this.#free[this.#freeCount++] = offset;
    this.#news.announce();
  }

  flush(): number {
    if (this.#stopped) return 0;
    if (!this.#up) {
      this.#withdraw();
      this.#news.announce();
      return 0;
    }
    this.#reclaim();
    const taken = this.#frames;
    if (taken > 0) {
      this.#waiting += this.#ring.unpublished;
      this.#ring.publish();
      this.txFrames += taken;
      this.txBytes += this.#bytes;
      this.#frames = 0;
      this.#bytes = 0;
    }
    if (this.#waiting > 0) {
      this.#drive();
      this.#reclaim();
    }
    if (this.#waiting > 0 || (this.#news.wanted && this.#inFlight > 0)) this.retry.arm();
    this.#news.announce();
    return taken;
  }

  /** The interface is down: what is committed is given up. Or up again: what waits can go. */
  setUp(up: boolean): void {
    this.#up = up;
    if (this.#stopped) return;
    if (up) this.retry.arm();
    else this.#withdraw();
    this.#news.announce();
  }

  /** Nothing is sent any more. What the kernel has not taken counts as an error. */
  stop(): void {
    if (this.#stopped) return;
    this.#withdraw();
    for (let back = 1; back <= this.#waiting; back++) this.#unsent(back);
    this.#stopped = true;
    this.#freeCount = 0;
    this.retry.stop();
    this.#news.stop();
  }

  /** @internal For the audit. */
  accounts(): TxAccounts {
    return {
      ring: this.#ring,
      freeSlots: this.#free.subarray(0, this.#freeCount),
      slots: this.#parts.length,
      chunksPerSlot: this.#chunksPerSlot,
      inFlight: this.#inFlight,
      // The kernel shows later what it has taken and dropped, and takes what it is not asked to where it needs no kick.
      waiting: Math.min(this.#waiting, this.#ring.waiting) + this.#ring.unpublished,
    };
  }

  #checkLongest(length: number): void {
    if (length <= this.#maxFrameLength) return;
    throw new RangeError(`frame of ${length} bytes: this link sends at most ${this.#maxFrameLength}`);
  }

  /** A writer has found no room. */
  #wantRoom(): void {
    if (this.#stopped) return;
    this.txNoRoom++;
    this.#news.wanted = true;
    if (this.#inFlight > this.#frames) this.retry.arm();
  }

  #refuseLength(length: number): never {
    throw new RangeError(`commit of ${length} bytes: a frame has ${MIN_FRAME} to ${this.#maxFrameLength}`);
  }

  #checkReserved(offset: number, operation: string): void {
    const reserved =
      (offset & this.#chunkMask) === SLOT_START &&
      this.#state[offset >>> this.#shift] === ChunkState.RESERVED;
    if (!reserved) throw new RangeError(`${operation} of ${offset}: not a reserved slot`);
  }

  /** Describes a frame in the TX ring, chunk by chunk. */
  #write(offset: number, length: number): void {
    this.#inFlight++;
    this.#frames++;
    this.#bytes += length;
    const chunkSize = this.#chunkMask + 1;
    let room = chunkSize - (offset & this.#chunkMask);
    if (this.#chunksPerSlot === 1) {
      this.#ring.write(offset, length, 0);
      return;
    }
    const slot = this.#slotOf(offset >>> this.#shift);
    let at = offset;
    let left = length;
    while (left > room) {
      this.#ring.write(at, room, XDP_PKT_CONTD);
      this.#parts[slot]++;
      at += room;
      left -= room;
      room = chunkSize;
    }
    this.#ring.write(at, left, 0);
    this.#parts[slot]++;
  }

  #slotOf(chunk: number): number {
    return Math.floor((chunk - this.#firstChunk) / this.#chunksPerSlot);
  }

  /** Makes the kernel send. Returns whether it has taken anything. */
  #drive(): boolean {
    const socket = this.#socket;
    const before = this.#waiting;
    if (!socket.copyMode) {
      if (!socket.needWakeup || this.#ring.needsWakeup) this.#heed(socket.kick());
      this.#waiting = this.#ring.waiting;
      return this.#waiting < before;
    }
    // A call takes at most 32 frames (the socket's transmit budget), and ends with the first that is dropped.
    while (this.#waiting > 0) {
      const result = socket.kick();
      const visible = this.#ring.waiting;
      if (visible < this.#waiting) this.#waiting = visible;
      // The kernel does not show at once that it took a frame when it dropped the first one of a call.
      else if (result === -EBUSY) this.#waiting -= this.#descriptorsOfNext();
      else {
        this.#heed(result);
        break;
      }
      if (result === -EBUSY) this.#dropped();
      else this.#heed(result);
    }
    return this.#waiting < before;
  }

  #heed(result: number): void {
    const again = result >= 0 || result === -EAGAIN || result === -EBUSY || result === -ENOBUFS;
    if (!again && result !== -ENOMEM) this.#socket.refused(result);
  }

  /** Descriptors of the frame that the kernel takes next. */
  #descriptorsOfNext(): number {
    let back = this.#waiting + this.#ring.unpublished;
    let count = 1;
    while ((this.#ring.optionsAt(back) & XDP_PKT_CONTD) !== 0) {
      back--;
      count++;
    }
    return count;
  }

  /** The interface has refused the frame that the kernel took last. Its chunks are completed nonetheless. */
  #dropped(): void {
    let back = this.#waiting + this.#ring.unpublished + 1;
    this.txErrors++;
    this.txFrames--;
    do {
      this.txBytes -= this.#ring.lengthAt(back);
      back++;
    } while ((this.#ring.optionsAt(back) & XDP_PKT_CONTD) !== 0);
  }

  /** A published descriptor that will not be sent. */
  #unsent(back: number): void {
    this.txBytes -= this.#ring.lengthAt(back);
    if ((this.#ring.optionsAt(back) & XDP_PKT_CONTD) === 0) {
      this.txFrames--;
      this.txErrors++;
    }
  }

  /** Takes back what is written and not published. */
  #withdraw(): void {
    while (this.#ring.unpublished > 0) {
      const address = this.#ring.addressAt(1);
      this.#ring.unwrite();
      this.#complete(address >>> this.#shift);
    }
    this.txErrors += this.#frames;
    this.#frames = 0;
    this.#bytes = 0;
  }

  /** Takes chunks out of the completion ring. Returns how many slots are free by that. */
  #reclaim(): number {
    const completion = this.#completion;
    const count = completion.available;
    if (count === 0) return 0;
    const before = this.#freeCount;
    let index = 0;
    if (this.#chunksPerSlot === 1) index = this.#reclaimSlots(count);
    for (; index < count; index++) this.#complete(completion.addressAt(index) >>> this.#shift);
    completion.release(count);
    return this.#freeCount - before;
  }

  /** The usual ones, of a chunk each, in one go. Returns how many, before the first that is no frame of ours. */
  #reclaimSlots(count: number): number {
    const completion = this.#completion;
    const state = this.#state;
    const shift = this.#shift;
    const free = this.#free;
    let top = this.#freeCount;
    let index = 0;
    for (; index < count; index++) {
      const chunk = completion.addressAt(index) >>> shift;
      if (state[chunk] !== ChunkState.SENDING) break;
      state[chunk] = ChunkState.FREE;
      free[top++] = (chunk << shift) + SLOT_START;
    }
    this.#inFlight -= index;
    this.#freeCount = top;
    return index;
  }

  #complete(chunk: number): void {
    if (this.#chunksPerSlot > 1) {
      const slot = this.#slotOf(chunk);
      const first = this.#firstChunk + slot * this.#chunksPerSlot;
      if (!(this.#parts[slot] > 0)) this.invalidCompletions++;
      else if (--this.#parts[slot] === 0) this.#giveBack(first);
    } else if (this.#state[chunk] === ChunkState.SENDING) {
      this.#giveBack(chunk);
    } else {
      this.invalidCompletions++;
    }
  }

  #giveBack(chunk: number): void {
    this.#state[chunk] = ChunkState.FREE;
    this.#inFlight--;
    if (!this.#stopped) this.#free[this.#freeCount++] = chunk * this.#umem.chunkSize + SLOT_START;
  }

  /** For {@link RoomRetry}, so from the event loop. */
  #attempt(): number {
    const reclaimed = this.#reclaim();
    const moved = this.#waiting > 0 && this.#up && this.#drive();
    this.#news.tell();
    // Down: setUp comes before there is anything to try.
    if (this.#stopped || !this.#up) return Attempt.DONE;
    if (this.#waiting === 0 && !(this.#news.wanted && this.#inFlight > this.#frames)) return Attempt.DONE;
    return moved || reclaimed > 0 ? Attempt.PROGRESS : Attempt.BLOCKED;
  }
}
