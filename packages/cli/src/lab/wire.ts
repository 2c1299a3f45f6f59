import {
  copyFrame,
  type FaultLink,
  FrameFlag,
  type FrameMemory,
  faultLink,
  type ImpairmentStats,
  type Impairments,
  type Link,
  type LinkReceiver,
} from 'etherconn/link';
import { FrameRecord, fillTransportChecksum, parseFrame } from 'etherconn/wire';

/** What one direction of a wire has done. */
export interface DirectionStats extends ImpairmentStats {
  /** Frames that were too long for the other side, or came incomplete. */
  oversize: number;
  /** Frames that found no room to be sent, or that the kernel refused. */
  refused: number;
  /** Frames that came faster than the wire took them. */
  missed: number;
}

/** A cable between two links, with faults: what comes from one goes out of the other. */
export class Wire {
  readonly #left: FaultLink;
  readonly #right: FaultLink;
  readonly #toRight: Direction;
  readonly #toLeft: Direction;

  /** @param failed called when an interface is gone, at most once for each side */
  constructor(left: Link, right: Link, impair: Impairments, seed: number, failed: (error: Error) => void) {
    // Two seeds: both directions lose different frames.
    this.#left = faultLink(left, { out: impair, seed });
    this.#right = faultLink(right, { out: impair, seed: seed + 1 });
    this.#toRight = new Direction(this.#left, this.#right, failed);
    this.#toLeft = new Direction(this.#right, this.#left, failed);
    this.#left.start(this.#toRight);
    this.#right.start(this.#toLeft);
  }

  stats(): { toRight: DirectionStats; toLeft: DirectionStats } {
    return { toRight: this.#toRight.stats(), toLeft: this.#toLeft.stats() };
  }

  async close(): Promise<void> {
    await Promise.all([this.#left.close(), this.#right.close()]);
  }
}

class Direction implements LinkReceiver {
  readonly #from: Link;
  readonly #to: FaultLink;
  readonly #failed: (error: Error) => void;
  readonly #record = new FrameRecord();
  #memory: FrameMemory | null = null;
  #oversize = 0;
  #noRoom = 0;

  constructor(from: Link, to: FaultLink, failed: (error: Error) => void) {
    this.#from = from;
    this.#to = to;
    this.#failed = failed;
  }

  begin(memory: FrameMemory): void {
    this.#memory = memory;
  }

  frame(offset: number, length: number, flags: number): void {
    const { tx } = this.#to;
    if ((flags & FrameFlag.TRUNCATED) !== 0 || length > this.#longest(offset)) {
      this.#oversize++;
      return;
    }
    const slot = tx.reserve(length);
    if (slot < 0) {
      this.#noRoom++;
      return;
    }
    copyFrame(tx.memory, slot, this.#memory!, offset, length);
    // The kernel leaves checksums to hardware, which this wire is: the other side cannot know that one is missing.
    if ((flags & FrameFlag.CHECKSUM_PARTIAL) !== 0) {
      parseFrame(tx.memory.u8, slot, length, this.#record);
      fillTransportChecksum(tx.memory.u8, this.#record);
    }
    tx.commit(slot, length);
  }

  end(): void {
    this.#memory = null;
    this.#to.tx.flush();
  }

  error(error: Error): void {
    this.#failed(error);
  }

  state(): void {}

  stats(): DirectionStats {
    return {
      ...this.#to.impairmentStats('out'),
      oversize: this.#oversize + this.#from.stats().rxOversize,
      refused: this.#noRoom + this.#to.stats().txErrors,
      missed: this.#from.stats().rxDropped,
    };
  }

  #longest(offset: number): number {
    const { u8 } = this.#memory!;
    const type = (u8[offset + 12] << 8) | u8[offset + 13];
    return this.#to.maxFrameLengthOf?.(type) ?? this.#to.maxFrameLength;
  }
}
