import type { Clock } from 'etherconn';
import { type FrameMemory, type Link, type LinkTx, WrappedLink } from 'etherconn/link';

/** Until when frames may leave. */
export class Gate {
  until: number = Number.POSITIVE_INFINITY;
  /** Frames that were refused. */
  refused = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isOpen(): boolean {
    return this.#clock.now() < this.until;
  }
}

/**
 * A link that nothing leaves when the time is over, however long this process did not run: the clock is looked at before
 * the first frame of each flush. So a process that was stopped in the middle of a turn sends the rest of one batch at most.
 */
export class GateLink extends WrappedLink {
  readonly #tx: LinkTx;

  constructor(inner: Link, gate: Gate) {
    super(inner);
    this.#tx = new GateTx(inner.tx, gate);
  }

  override get tx(): LinkTx {
    return this.#tx;
  }
}

class GateTx implements LinkTx {
  readonly memory: FrameMemory;
  readonly reserveMany?: (offsets: Int32Array, count: number, length: number) => number;
  readonly commitMany?: (offsets: Int32Array, lengths: Int32Array, count: number) => void;
  readonly #inner: LinkTx;
  readonly #gate: Gate;
  /** The clock was looked at since the last flush. */
  #open = false;

  constructor(inner: LinkTx, gate: Gate) {
    this.#inner = inner;
    this.#gate = gate;
    this.memory = inner.memory;
    if (inner.reserveMany === undefined || inner.commitMany === undefined) return;
    this.reserveMany = (offsets, count, length) => {
      if (this.#isOpen()) return inner.reserveMany!(offsets, count, length);
      this.#gate.refused += count;
      return 0;
    };
    this.commitMany = (offsets, lengths, count) => inner.commitMany!(offsets, lengths, count);
  }

  get onRoom(): (() => void) | null {
    return this.#inner.onRoom;
  }

  set onRoom(callback: (() => void) | null) {
    this.#inner.onRoom = callback;
  }

  reserve(length: number): number {
    if (this.#isOpen()) return this.#inner.reserve(length);
    this.#gate.refused++;
    return -1;
  }

  commit(offset: number, length: number): void {
    this.#inner.commit(offset, length);
  }

  cancel(offset: number): void {
    this.#inner.cancel(offset);
  }

  flush(): number {
    this.#open = false;
    return this.#inner.flush();
  }

  #isOpen(): boolean {
    if (!this.#open) this.#open = this.#gate.isOpen;
    return this.#open;
  }
}
