import { type Clock, systemClock } from '../clock.ts';
import { allocateFrameMemory } from '../link/frame-memory.ts';
import type {
  FrameMemory,
  Link,
  LinkInfo,
  LinkReceiver,
  LinkStats,
  LinkTx,
  LinkWants,
  Station,
} from '../link/link.ts';

/** What a relay has asked its link to filter for. */
export interface SteerCall {
  readonly added: readonly Station[];
  readonly removed: readonly Station[];
  readonly wants: LinkWants;
}

export interface FakeLinkOptions {
  /** Frames that can be under way; default 64. */
  readonly slots?: number;
  readonly mtu?: number;
  readonly maxFrameLength?: number;
  readonly partialChecksums?: boolean;
  readonly clock?: Clock;
}

/**
 * A link that tests play the interface of: frames are received when {@link FakeLink.deliver} says so, and those sent
 * keep their slots until {@link FakeLink.release}. It records what it is asked to do.
 */
export class FakeLink implements Link {
  readonly kind = 'memory';
  readonly interfaceName = 'fake0';
  readonly hardwareAddress: Uint8Array = Uint8Array.of(2, 0, 0, 0, 0xfa, 0xce);
  readonly mtu: number;
  readonly maxFrameLength: number;
  readonly clock: Clock;
  readonly partialChecksums: boolean;
  readonly tx: FakeTx;
  /** 'steer', 'commit' and 'flush', in the order of the calls. */
  readonly calls: string[] = [];
  readonly steered: SteerCall[] = [];
  /** Frames that were flushed. */
  readonly sent: Buffer[] = [];
  referenced = true;
  closed = false;
  #receiver: LinkReceiver | null = null;
  readonly #rx: FrameMemory = allocateFrameMemory(1 << 20);

  constructor(options: FakeLinkOptions = {}) {
    this.mtu = options.mtu ?? 1500;
    this.maxFrameLength = options.maxFrameLength ?? this.mtu + 22;
    this.partialChecksums = options.partialChecksums ?? false;
    this.clock = options.clock ?? systemClock;
    this.tx = new FakeTx(this, options.slots ?? 64);
  }

  get receiver(): LinkReceiver {
    if (this.#receiver === null) throw new Error('the link has not been started');
    return this.#receiver;
  }

  /** Delivers frames as one batch, all with the same flags, each `past` bytes past a word; slots begin 2 bytes past one. */
  deliver(frames: readonly Uint8Array[], flags = 0, past = 2): void {
    const { receiver } = this;
    receiver.begin(this.#rx, 0);
    let at = past;
    for (const frame of frames) {
      if (this.closed) break;
      this.#rx.u8.set(frame, at);
      receiver.frame(at, frame.length, flags);
      at = ((at + frame.length + 3) & ~3) + past;
    }
    receiver.end();
  }

  /** The interface has sent the oldest `count` frames; tells who waits for room. */
  release(count: number): void {
    this.tx.release(count);
  }

  /** The interface has gone. */
  fail(error: Error): void {
    void this.close();
    this.receiver.error(error);
  }

  start(receiver: LinkReceiver): void {
    this.#receiver = receiver;
  }

  steer(added: readonly Station[], removed: readonly Station[], wants: LinkWants): void {
    this.calls.push('steer');
    this.steered.push({ added, removed, wants });
  }

  stats(): LinkStats {
    return {
      rxFrames: 0,
      rxBytes: 0,
      rxDropped: 0,
      rxRunts: 0,
      rxOversize: 0,
      txFrames: this.sent.length,
      txBytes: 0,
      txErrors: 0,
      txNoRoom: 0,
      wakeups: 0,
      moderated: 0,
    };
  }

  info(): LinkInfo {
    return {
      kind: 'memory',
      interfaceName: this.interfaceName,
      hardwareAddress: '02:00:00:00:fa:ce',
      mtu: this.mtu,
    };
  }

  ref(): void {
    this.referenced = true;
  }

  unref(): void {
    this.referenced = false;
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

class FakeTx implements LinkTx {
  readonly memory: FrameMemory;
  onRoom: (() => void) | null = null;
  readonly #link: FakeLink;
  readonly #stride: number;
  readonly #free: number[] = [];
  #committed: [offset: number, length: number][] = [];
  #underWay: number[] = [];
  #wanted = false;

  constructor(link: FakeLink, slots: number) {
    this.#link = link;
    this.#stride = (link.maxFrameLength + 2 + 3) & ~3;
    this.memory = allocateFrameMemory(this.#stride * slots);
    for (let slot = slots - 1; slot >= 0; slot--) this.#free.push(slot * this.#stride + 2);
  }

  reserve(length: number): number {
    if (!(length <= this.#link.maxFrameLength)) throw new RangeError(`${length} bytes do not fit`);
    const offset = this.#link.closed ? undefined : this.#free.pop();
    if (offset === undefined) this.#wanted = true;
    return offset ?? -1;
  }

  commit(offset: number, length: number): void {
    this.#link.calls.push('commit');
    this.#committed.push([offset, length]);
  }

  cancel(offset: number): void {
    this.#free.push(offset);
  }

  flush(): number {
    this.#link.calls.push('flush');
    const taken = this.#committed;
    this.#committed = [];
    for (const [offset, length] of taken) {
      this.#link.sent.push(Buffer.from(this.memory.u8.slice(offset, offset + length)));
      this.#underWay.push(offset);
    }
    return taken.length;
  }

  release(count: number): void {
    this.#free.push(...this.#underWay.splice(0, count));
    if (!this.#wanted) return;
    this.#wanted = false;
    this.onRoom?.();
  }
}
