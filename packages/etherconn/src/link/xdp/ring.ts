import { XDP_PKT_CONTD, XDP_RING_NEED_WAKEUP } from './if-xdp.ts';

/**
 * The four rings that we share with the kernel, each with one producer and one consumer. Both indices run on freely
 * and wrap at 2^32; an entry is at its index modulo the size, which is a power of two.
 *
 * Entries are read and written plainly, indices and flags by Atomics: these order what was written before (acquire
 * and release are what arm64 needs, and a full barrier between publishing and reading the flags is what even x86-64
 * needs). They are used once per batch.
 */

/** A ring in mapped memory. Positions are indices into `u32`. */
export interface RingMemory {
  readonly u32: Uint32Array;
  readonly producer: number;
  readonly consumer: number;
  readonly flags: number;
  /** First entry. */
  readonly entries: number;
  /** Number of entries; a power of two. */
  readonly size: number;
}

/** Words of a descriptor (struct xdp_desc: address low, high, length, options) and of an address. */
const DESCRIPTOR_WORDS = 4;
const ADDRESS_WORDS = 2;

/**
 * The same words as signed ones: what is read is a small integer to the engine then, where an unsigned one may become a
 * heap object. No address of ours is 2^31 or more.
 */
function signedWords({ u32 }: RingMemory): Int32Array {
  return new Int32Array(u32.buffer, u32.byteOffset, u32.length);
}

/** The side of a ring on which we produce: TX and fill. */
abstract class ProducerRing {
  readonly size: number;
  protected readonly words: Int32Array;
  protected readonly entries: number;
  protected readonly mask: number;
  readonly #producer: number;
  readonly #consumer: number;
  readonly #flags: number;
  /** Index of the next entry to be written. */
  protected head: number;
  /** What the kernel has been told. */
  #published: number;

  constructor(memory: RingMemory) {
    this.words = signedWords(memory);
    this.entries = memory.entries;
    this.size = memory.size;
    this.mask = memory.size - 1;
    this.#producer = memory.producer;
    this.#consumer = memory.consumer;
    this.#flags = memory.flags;
    this.#published = this.words[memory.producer];
    this.head = this.#published;
  }

  /** Entries written and not published yet. */
  get unpublished(): number {
    return (this.head - this.#published) | 0;
  }

  /** Shows the kernel what was written. */
  publish(): void {
    this.#published = this.head;
    Atomics.store(this.words, this.#producer, this.head);
  }

  /** Published entries that the kernel has not taken yet. */
  get waiting(): number {
    return (this.#published - Atomics.load(this.words, this.#consumer)) | 0;
  }

  /** Whether the kernel wants to be called before it looks at the ring. Read it after publishing. */
  get needsWakeup(): boolean {
    return (Atomics.load(this.words, this.#flags) & XDP_RING_NEED_WAKEUP) !== 0;
  }
}

/** The TX ring. Room is its owner's business: there are never more chunks under way than entries. */
export class TxRing extends ProducerRing {
  write(address: number, length: number, options: number): void {
    const at = this.entries + (this.head & this.mask) * DESCRIPTOR_WORDS;
    const words = this.words;
    words[at] = address;
    words[at + 1] = 0;
    words[at + 2] = length;
    words[at + 3] = options;
    this.head = (this.head + 1) | 0;
  }

  /** Takes the last entry back, which must not be published; its address and length can still be read. */
  unwrite(): void {
    this.head = (this.head - 1) | 0;
  }

  /** The entry `back` before the next one to be written; 1 is the last. */
  addressAt(back: number): number {
    return this.words[this.entries + ((this.head - back) & this.mask) * DESCRIPTOR_WORDS];
  }

  lengthAt(back: number): number {
    return this.words[this.entries + ((this.head - back) & this.mask) * DESCRIPTOR_WORDS + 2];
  }

  optionsAt(back: number): number {
    return this.words[this.entries + ((this.head - back) & this.mask) * DESCRIPTOR_WORDS + 3];
  }
}

/** The fill ring: chunks for the kernel to receive into. As many entries as there are chunks for it. */
export class FillRing extends ProducerRing {
  write(address: number): void {
    const at = this.entries + (this.head & this.mask) * ADDRESS_WORDS;
    this.words[at] = address;
    this.words[at + 1] = 0;
    this.head = (this.head + 1) | 0;
  }

  /** The entry `back` before the next one to be written; 1 is the last. */
  addressAt(back: number): number {
    return this.words[this.entries + ((this.head - back) & this.mask) * ADDRESS_WORDS];
  }
}

/** The side of a ring on which we consume: RX and completion. */
abstract class ConsumerRing {
  readonly size: number;
  protected readonly words: Int32Array;
  protected readonly entries: number;
  protected readonly mask: number;
  readonly #producer: number;
  readonly #consumer: number;
  /** Index of the next entry to be read. */
  protected tail: number;

  constructor(memory: RingMemory) {
    this.words = signedWords(memory);
    this.entries = memory.entries;
    this.size = memory.size;
    this.mask = memory.size - 1;
    this.#producer = memory.producer;
    this.#consumer = memory.consumer;
    this.tail = this.words[memory.consumer];
  }

  /** Entries that can be read. They are numbered from 0 until they are released. */
  get available(): number {
    return (Atomics.load(this.words, this.#producer) - this.tail) | 0;
  }

  /** Gives the first `count` entries back to the kernel. */
  release(count: number): void {
    this.tail = (this.tail + count) | 0;
    Atomics.store(this.words, this.#consumer, this.tail);
  }
}

/** The RX ring. */
export class RxRing extends ConsumerRing {
  /**
   * Copies the addresses and lengths of the entries from `first` to before `end`, as of {@link addressAt} and
   * {@link lengthAt}. Returns whether any of them says that its frame goes on in the next one.
   */
  read(first: number, end: number, addresses: Int32Array, lengths: Int32Array): boolean {
    const { words, entries, mask, tail } = this;
    let options = 0;
    for (let index = first; index < end; index++) {
      const at = entries + ((tail + index) & mask) * DESCRIPTOR_WORDS;
      addresses[index] = words[at + 1] === 0 ? words[at] : -1;
      lengths[index] = words[at + 2];
      options |= words[at + 3];
    }
    return (options & XDP_PKT_CONTD) !== 0;
  }

  /** Address of an entry; negative where it is 2^31 or more, which no valid one is. */
  addressAt(index: number): number {
    const at = this.entries + ((this.tail + index) & this.mask) * DESCRIPTOR_WORDS;
    return this.words[at + 1] === 0 ? this.words[at] : -1;
  }

  lengthAt(index: number): number {
    return this.words[this.entries + ((this.tail + index) & this.mask) * DESCRIPTOR_WORDS + 2];
  }

  optionsAt(index: number): number {
    return this.words[this.entries + ((this.tail + index) & this.mask) * DESCRIPTOR_WORDS + 3];
  }
}

/** The completion ring: chunks that the kernel has sent. */
export class CompletionRing extends ConsumerRing {
  addressAt(index: number): number {
    const at = this.entries + ((this.tail + index) & this.mask) * ADDRESS_WORDS;
    return this.words[at + 1] === 0 ? this.words[at] : -1;
  }
}
