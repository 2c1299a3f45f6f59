import { allocateSummableMemory } from '../frame-memory.ts';
import type { FrameMemory, LinkTx } from '../link.ts';

/** What the transmit side needs of its port. */
export interface TxOwner {
  readonly closed: boolean;
  readonly maxFrameLength: number;
  /** `count` more frames are ready to be switched. */
  submitted(count: number): void;
  /** A slot is free again, and somebody asked for one before. */
  roomAgain(): void;
}

/** States of a slot. */
const FREE = 0;
const RESERVED = 1;
const COMMITTED = 2;

/** Below this length a frame is copied by words, above it through a view made once per slot. */
const WINDOW_FROM = 129;
/** The shortest window; each next one has twice the length. */
const FIRST_WINDOW = 256;

/**
 * The transmit side of a memory link: a pool of slots, and the queue of committed frames. A slot is busy from
 * `reserve` until the switch has taken its frame in a later turn of the event loop, as on a real interface: so a
 * sender that is faster than the network finds the pool empty and waits, and nothing is lost.
 */
export class MemoryTx implements LinkTx {
  onRoom: (() => void) | null = null;
  /** Times `reserve` had no room. */
  noRoom = 0;
  /** Frames flushed that the switch has not taken yet. */
  submitted = 0;

  readonly #owner: TxOwner;
  readonly #count: number;
  readonly #stride: number;
  /** Made when somebody first asks: ports that only receive need none. */
  #memory: FrameMemory | null = null;
  #states: Uint8Array;
  /** Free slots, a stack: the slot freed last is the one still in the cache. */
  #free: Int32Array;
  #freeCount: number;
  #wanted = false;
  // Committed frames, a ring with the size of a power of two.
  #mask: number;
  #slots: Int32Array;
  #offsets: Int32Array;
  #lengths: Int32Array;
  #head = 0;
  #flushed = 0;
  #tail = 0;
  readonly #windows: (Uint8Array | undefined)[] = [];
  readonly #windowClasses: number;

  constructor(owner: TxOwner, slots: number) {
    this.#owner = owner;
    this.#count = slots;
    this.#stride = (owner.maxFrameLength + 2 + 63) & ~63;
    this.#states = new Uint8Array(slots);
    this.#free = new Int32Array(slots);
    for (let slot = 0; slot < slots; slot++) this.#free[slot] = slots - 1 - slot;
    this.#freeCount = slots;
    const size = 2 ** Math.ceil(Math.log2(slots));
    this.#mask = size - 1;
    this.#slots = new Int32Array(size);
    this.#offsets = new Int32Array(size);
    this.#lengths = new Int32Array(size);
    this.#windowClasses = 1 + Math.max(0, Math.ceil(Math.log2(this.#stride / FIRST_WINDOW)));
  }

  get memory(): FrameMemory {
    this.#memory ??= allocateSummableMemory(this.#count * this.#stride);
    return this.#memory;
  }

  reserve(length: number): number {
    if (!(length <= this.#owner.maxFrameLength)) {
      throw new RangeError(
        `a frame of ${length} bytes does not fit, the most is ${this.#owner.maxFrameLength}`,
      );
    }
    const slot = this.#takeSlot();
    if (slot < 0) return -1;
    this.#states[slot] = RESERVED;
    return slot * this.#stride + 2;
  }

  commit(offset: number, length: number): void {
    if (this.#owner.closed) return;
    const slot = this.#reserved(offset);
    if (!(length >= 14 && length <= this.#owner.maxFrameLength)) {
      throw new RangeError(`a frame must have 14 to ${this.#owner.maxFrameLength} bytes, not ${length}`);
    }
    this.#append(slot, offset, length);
  }

  cancel(offset: number): void {
    if (this.#owner.closed) return;
    this.#release(this.#reserved(offset));
  }

  flush(): number {
    const count = (this.#tail - this.#flushed) | 0;
    if (count === 0 || this.#owner.closed) return 0;
    this.#flushed = this.#tail;
    this.submitted += count;
    this.#owner.submitted(count);
    return count;
  }

  // The switch reads the oldest flushed frame through the following, then calls shift().

  /** Where the oldest frame lies. */
  get headOffset(): number {
    return this.#offsets[this.#head & this.#mask]!;
  }

  get headLength(): number {
    return this.#lengths[this.#head & this.#mask]!;
  }

  /** A view that starts at the oldest frame and has at least its length, where that is worth having. */
  get headWindow(): Uint8Array | null {
    const index = this.#head & this.#mask;
    const length = this.#lengths[index]!;
    if (length < WINDOW_FROM) return null;
    const windowClass = 24 - Math.clz32(length - 1);
    const key = this.#slots[index]! * this.#windowClasses + windowClass;
    return this.#windows[key] ?? this.#makeWindow(key, this.#offsets[index]!, windowClass);
  }

  /** The oldest frame has been taken: its slot is free. */
  shift(): void {
    const index = this.#head & this.#mask;
    this.#head = (this.#head + 1) | 0;
    this.submitted--;
    this.#release(this.#slots[index]!);
  }

  /** Calls `onRoom` if a reserve has failed and there is room now. */
  announceRoom(): void {
    if (!this.#wanted || this.#freeCount === 0) return;
    this.#wanted = false;
    this.onRoom?.();
  }

  #takeSlot(): number {
    if (this.#owner.closed) return -1;
    if (this.#freeCount === 0) {
      this.noRoom++;
      this.#wanted = true;
      return -1;
    }
    return this.#free[--this.#freeCount]!;
  }

  /** Slot of an offset that `reserve` gave out. */
  #reserved(offset: number): number {
    const slot = (offset - 2) / this.#stride;
    // A slot that is given back twice would be handed to two writers: better loud than corrupt.
    if (this.#states[slot] !== RESERVED) throw new RangeError(`offset ${offset} is not a reserved slot`);
    return slot;
  }

  #append(slot: number, offset: number, length: number): void {
    this.#states[slot] = COMMITTED;
    const index = this.#tail & this.#mask;
    this.#slots[index] = slot;
    this.#offsets[index] = offset;
    this.#lengths[index] = length;
    this.#tail = (this.#tail + 1) | 0;
  }

  #release(slot: number): void {
    this.#states[slot] = FREE;
    this.#free[this.#freeCount++] = slot;
    if (this.#wanted) this.#owner.roomAgain();
  }

  #makeWindow(key: number, offset: number, windowClass: number): Uint8Array {
    const u8 = this.memory.u8;
    const length = Math.min(FIRST_WINDOW << windowClass, this.#stride - 2);
    const window = new Uint8Array(u8.buffer, offset, length);
    this.#windows[key] = window;
    return window;
  }
}
