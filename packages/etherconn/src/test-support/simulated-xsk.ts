import { XDP_PKT_CONTD, XDP_RING_NEED_WAKEUP } from '../link/xdp/if-xdp.ts';
import { CompletionRing, FillRing, type RingMemory, RxRing, TxRing } from '../link/xdp/ring.ts';
import type { Umem } from '../link/xdp/umem.ts';

/**
 * The kernel's side of an AF_XDP socket, without a kernel: rings in ordinary memory, and a socket in copy mode that
 * takes from them and puts into them when told to. For tests of what is on our side of the rings.
 */

const HEADER_WORDS = 4;
const PRODUCER = 0;
const CONSUMER = 1;
const FLAGS = 2;

/** A ring in ordinary memory; both its indices begin at `start`. */
export function simulatedRing(size: number, words: number, start = 0): RingMemory {
  const u32 = new Uint32Array(HEADER_WORDS + size * words);
  u32[PRODUCER] = start;
  u32[CONSUMER] = start;
  return { u32, producer: PRODUCER, consumer: CONSUMER, flags: FLAGS, entries: HEADER_WORDS, size };
}

/** A descriptor as it is in the RX and TX rings. */
export interface Descriptor {
  readonly address: number;
  readonly length: number;
  readonly options: number;
}

export class SimulatedXsk {
  readonly rx: RxRing;
  readonly tx: TxRing;
  readonly fill: FillRing;
  readonly completion: CompletionRing;
  /** Frames that were sent. */
  readonly sent: Uint8Array[] = [];
  /** Frames that a kick takes at most. */
  budget = 32;
  /** Frames that can still be taken at all; then kicks fail. */
  room: number = Number.POSITIVE_INFINITY;
  /** What a kick returns that has no room. */
  errno = -11;
  /** Frames that the interface drops when it is their turn. */
  drops = 0;
  /** Chunks are completed by the kick that sends them, as veth does; else by `complete`. */
  completesAtOnce = true;
  kicks = 0;
  wakes = 0;
  rxRingFull = 0;
  fillRingEmpty = 0;
  readonly #umem: Umem;
  readonly #headroom: number;
  readonly #memory: { rx: RingMemory; tx: RingMemory; fill: RingMemory; completion: RingMemory };
  readonly #uncompleted: number[] = [];
  /** Descriptors taken whose taking is not shown yet. */
  #hidden = 0;

  constructor(umem: Umem, size: number, options: { start?: number; headroom?: number } = {}) {
    const { start = 0, headroom = 258 } = options;
    this.#umem = umem;
    this.#headroom = headroom;
    this.#memory = {
      rx: simulatedRing(size, 4, start),
      tx: simulatedRing(size, 4, start),
      fill: simulatedRing(size, 2, start),
      completion: simulatedRing(size, 2, start),
    };
    this.rx = new RxRing(this.#memory.rx);
    this.tx = new TxRing(this.#memory.tx);
    this.fill = new FillRing(this.#memory.fill);
    this.completion = new CompletionRing(this.#memory.completion);
  }

  /** Sets or clears XDP_RING_NEED_WAKEUP. */
  setNeedsWakeup(ring: 'tx' | 'fill', needs: boolean): void {
    this.#memory[ring].u32[FLAGS] = needs ? XDP_RING_NEED_WAKEUP : 0;
  }

  /** A frame arrives, in parts of the given lengths (default: one). False when it is dropped. */
  receive(frame: Uint8Array, parts: readonly number[] = [frame.length]): boolean {
    const { rx, fill } = this.#memory;
    if (this.#used(rx) + parts.length > rx.size) {
      this.rxRingFull++;
      return false;
    }
    if (this.#used(fill) < parts.length) {
      this.fillRingEmpty++;
      return false;
    }
    let at = 0;
    for (const [index, length] of parts.entries()) {
      const chunk = this.#pop(fill, 2)[0];
      const address = chunk + this.#headroom;
      this.#umem.memory.u8.set(frame.subarray(at, at + length), address);
      at += length;
      this.putReceived({ address, length, options: index < parts.length - 1 ? XDP_PKT_CONTD : 0 });
    }
    return true;
  }

  /** Puts any descriptor into the RX ring. */
  putReceived({ address, length, options }: Descriptor): void {
    this.#push(this.#memory.rx, [address, 0, length, options]);
  }

  /** Puts any address into the completion ring. */
  putCompleted(address: number, high = 0): void {
    this.#push(this.#memory.completion, [address, high]);
  }

  /** sendto: takes frames from the TX ring. */
  kick(): number {
    this.kicks++;
    const { tx } = this.#memory;
    // Looking for more shows what was taken before.
    this.#show();
    let taken = 0;
    while (this.#used(tx) - this.#hidden > 0) {
      if (taken === this.budget) return this.#finish(taken, -11);
      if (this.room === 0) return this.#finish(taken, this.errno);
      const parts: Uint8Array[] = [];
      let options = XDP_PKT_CONTD;
      while ((options & XDP_PKT_CONTD) !== 0) {
        const at = this.#entry(tx, 4, this.#hidden);
        const address = tx.u32[at];
        const length = tx.u32[at + 2];
        options = tx.u32[at + 3];
        parts.push(this.#umem.memory.u8.slice(address, address + length));
        if (this.completesAtOnce) this.putCompleted(address);
        else this.#uncompleted.push(address);
        this.#hidden++;
      }
      this.room--;
      if (this.drops > 0) {
        this.drops--;
        return this.#finish(taken, -16);
      }
      taken++;
      this.sent.push(Buffer.concat(parts));
    }
    return this.#finish(taken, 0);
  }

  /** Completes some of the frames' chunks that were sent. */
  complete(count: number = Number.POSITIVE_INFINITY): void {
    for (const address of this.#uncompleted.splice(0, count)) this.putCompleted(address);
  }

  /** A call that has sent nothing does not show what it took. */
  #finish(taken: number, result: number): number {
    if (taken > 0) this.#show();
    return result;
  }

  #show(): void {
    this.#memory.tx.u32[CONSUMER] += this.#hidden;
    this.#hidden = 0;
  }

  #used(ring: RingMemory): number {
    return (ring.u32[PRODUCER] - ring.u32[CONSUMER]) >>> 0;
  }

  #entry(ring: RingMemory, words: number, ahead: number): number {
    return ring.entries + ((ring.u32[CONSUMER] + ahead) & (ring.size - 1)) * words;
  }

  #pop(ring: RingMemory, words: number): number[] {
    const at = this.#entry(ring, words, 0);
    ring.u32[CONSUMER]++;
    return [...ring.u32.subarray(at, at + words)];
  }

  #push(ring: RingMemory, entry: readonly number[]): void {
    if (this.#used(ring) >= ring.size) throw new Error('the simulated kernel has overrun a ring');
    const at = ring.entries + (ring.u32[PRODUCER] & (ring.size - 1)) * entry.length;
    ring.u32.set(entry, at);
    ring.u32[PRODUCER]++;
  }
}
