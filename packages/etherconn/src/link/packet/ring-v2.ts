import type { FrameMemory, LinkReceiver } from '../link.ts';
import type { ApartFrames } from './apart-frames.ts';
import { framesPerBlock, longestInSlot, type RingGeometry, TP_STATUS_USER } from './if-packet.ts';
import { type FrameHeader, ReceiveRing } from './receive-ring.ts';

/** struct tpacket2_hdr, with the struct sockaddr_ll that follows it (linux/if_packet.h). */
const HEADER: FrameHeader = {
  status: 0,
  length: 4,
  capturedLength: 8,
  mac: 12,
  vlanTci: 24,
  vlanTpid: 26,
  packetType: 42,
  seconds: 16,
  nanoseconds: 20,
};

/** TPACKET_V2: every frame changes hands by itself, so it is seen at once. The default. */
export class RingV2 extends ReceiveRing {
  readonly #base: number;
  readonly #geometry: RingGeometry;
  readonly #framesPerBlock: number;
  readonly #slots: number;
  readonly #offsets: Uint32Array;
  #next = 0;

  constructor(memory: FrameMemory, base: number, geometry: RingGeometry, apart: ApartFrames) {
    super(memory, HEADER, longestInSlot(geometry), apart);
    this.#base = base;
    this.#geometry = geometry;
    this.#framesPerBlock = framesPerBlock(geometry);
    this.#slots = this.#framesPerBlock * geometry.blockCount;
    this.#offsets = Uint32Array.from({ length: this.#slots }, (_, slot) => this.#offsetOf(slot));
  }

  /** Frames do not cross blocks, so a block may end with a gap. */
  #offsetOf(slot: number): number {
    const block = Math.floor(slot / this.#framesPerBlock);
    return (
      this.#base + block * this.#geometry.blockSize + (slot % this.#framesPerBlock) * this.#geometry.frameSize
    );
  }

  override get ready(): boolean {
    return (
      !this.stopped && (Atomics.load(this.memory.u32, this.#offsets[this.#next] >>> 2) & TP_STATUS_USER) !== 0
    );
  }

  override drain(receiver: LinkReceiver, budget: number): number {
    if (!this.ready) return 0;
    const u32 = this.memory.u32;
    const first = this.#next;
    const most = Math.min(budget, this.#slots);
    let count = 0;
    const isApart = this.begin(receiver, this.#offsets[first]);
    try {
      // ready: the kernel has written the slot before it wrote the status, and Atomics.load keeps that order.
      while (count < most && this.ready) {
        const at = this.#offsets[this.#next];
        if (!this.belongs(at, isApart)) break;
        count++;
        this.#next = this.#next + 1 === this.#slots ? 0 : this.#next + 1;
        if (isApart) this.deliverApart(receiver, at);
        else this.deliver(receiver, at);
      }
    } finally {
      try {
        receiver.end();
      } finally {
        for (let i = 0, slot = first; i < count; i++) {
          Atomics.store(u32, this.#offsets[slot] >>> 2, 0); // TP_STATUS_KERNEL
          slot = slot + 1 === this.#slots ? 0 : slot + 1;
        }
      }
    }
    return count;
  }
}
