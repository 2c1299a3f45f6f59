import type { FrameMemory, LinkReceiver } from '../link.ts';
import type { ApartFrames } from './apart-frames.ts';
import { longestInSlot, type RingGeometry, TP_STATUS_USER } from './if-packet.ts';
import { type FrameHeader, ReceiveRing } from './receive-ring.ts';

/** struct tpacket3_hdr, with the struct sockaddr_ll that follows it (linux/if_packet.h). */
const HEADER: FrameHeader = {
  status: 20,
  length: 16,
  capturedLength: 12,
  mac: 24,
  vlanTci: 32,
  vlanTpid: 36,
  packetType: 58,
  seconds: 4,
  nanoseconds: 8,
};

/** tp_next_offset of struct tpacket3_hdr. */
const NEXT_OFFSET = 0;

/** Offsets in struct tpacket_block_desc, whose second part is struct tpacket_hdr_v1. */
const BLOCK_STATUS = 8;
const BLOCK_PACKETS = 12;
const BLOCK_FIRST_PACKET = 16;

/** TPACKET_V3: the kernel hands over blocks of frames, when full or after a timeout. */
export class RingV3 extends ReceiveRing {
  readonly #base: number;
  readonly #geometry: RingGeometry;
  /** The block that is being read, and what is left of it. */
  #block = 0;
  #packetsLeft = 0;
  #packet = 0;
  #entered = false;

  /** With a direction, all of every frame that goes there is delivered as it is; without, what a link takes. */
  constructor(
    memory: FrameMemory,
    base: number,
    geometry: RingGeometry,
    apart: ApartFrames | null,
    direction?: 'in' | 'out' | 'both',
  ) {
    const longest = direction === undefined ? longestInSlot(geometry) : Number.POSITIVE_INFINITY;
    super(memory, HEADER, longest, apart, direction);
    this.#base = base;
    this.#geometry = geometry;
  }

  #blockOffset(block: number): number {
    return this.#base + block * this.#geometry.blockSize;
  }

  override get ready(): boolean {
    if (this.stopped) return false;
    const status = (this.#blockOffset(this.#block) + BLOCK_STATUS) >>> 2;
    return (Atomics.load(this.memory.u32, status) & TP_STATUS_USER) !== 0;
  }

  override drain(receiver: LinkReceiver, budget: number): number {
    if (!this.ready) return 0;
    const u32 = this.memory.u32;
    const firstBlock = this.#block;
    let blocks = 0;
    let count = 0;
    if (!this.#entered) this.#enter();
    const isApart = this.begin(receiver, this.#packet);
    try {
      // A batch never holds more than the ring, so that a block is not read twice before it is given back.
      while (count < budget && blocks < this.#geometry.blockCount && this.ready) {
        if (!this.#entered) this.#enter();
        while (this.#packetsLeft > 0 && count < budget && !this.stopped) {
          const at = this.#packet;
          if (!this.belongs(at, isApart)) break;
          this.#packet += u32[(at + NEXT_OFFSET) >>> 2];
          this.#packetsLeft--;
          count++;
          if (isApart) this.deliverApart(receiver, at);
          else this.deliver(receiver, at);
        }
        if (this.#packetsLeft > 0) break;
        blocks += this.#leave();
      }
    } finally {
      try {
        receiver.end();
      } finally {
        for (let i = 0, block = firstBlock; i < blocks; i++) {
          Atomics.store(u32, (this.#blockOffset(block) + BLOCK_STATUS) >>> 2, 0); // TP_STATUS_KERNEL
          block = block + 1 === this.#geometry.blockCount ? 0 : block + 1;
        }
      }
    }
    return count;
  }

  #enter(): void {
    const u32 = this.memory.u32;
    const block = this.#blockOffset(this.#block);
    this.#packetsLeft = u32[(block + BLOCK_PACKETS) >>> 2];
    this.#packet = block + u32[(block + BLOCK_FIRST_PACKET) >>> 2];
    this.#entered = true;
  }

  #leave(): number {
    this.#entered = false;
    this.#block = this.#block + 1 === this.#geometry.blockCount ? 0 : this.#block + 1;
    return 1;
  }
}
