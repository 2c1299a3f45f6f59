import type { Clock } from '../../clock.ts';
import { checkObject, checkOneOf } from '../../options.ts';
import { formatMac } from '../../wire/mac.ts';
import { checkStart } from '../check-link.ts';
import {
  checkImpairments,
  Impairer,
  type ImpairmentStats,
  type Impairments,
} from '../impairments/impairments.ts';
import { Prng } from '../impairments/prng.ts';
import type { FrameMemory, LinkInfo, LinkReceiver, LinkStats } from '../link.ts';
import { FrameQueue } from './frame-queue.ts';
import type { Direction, MemoryLink } from './memory-link.ts';
import { MemoryTx } from './memory-tx.ts';

/** What a port needs of its network. */
export interface Switch {
  readonly clock: Clock;
  readonly seed: number;
  /** The port has flushed `count` frames. */
  submitted(port: Port, count: number): void;
  /** The port has something to deliver, or a state or room to announce. */
  attend(port: Port): void;
  /** The stations behind the port are to be forgotten. */
  forget(port: Port): void;
  /** The port goes away; what it has flushed is switched before. */
  detach(port: Port): void;
  /** How many more (or fewer) ports keep the process alive. */
  keepAlive(change: number): void;
}

/** Settings of a port, all checked. */
export interface PortSettings {
  /** Counts the ports made in this network. */
  readonly serial: number;
  readonly name: string;
  readonly hardwareAddress: Uint8Array;
  readonly mtu: number;
  readonly txSlots: number;
  readonly rxFrames: number;
  readonly rxBytes: number;
}

/** The port of a memory network: see {@link MemoryLink} for what its owner sees of it. */
export class Port implements MemoryLink {
  readonly kind = 'memory';
  readonly interfaceName: string;
  readonly hardwareAddress: Uint8Array;
  readonly mtu: number;
  readonly maxFrameLength: number;
  readonly clock: Clock;
  readonly partialChecksums = false;
  readonly tx: MemoryTx;
  closed = false;
  up = true;

  // For the network:
  /** Its place among the network's ports. */
  place = 0;
  /** Changes whenever what the switch has learned about this port is void. */
  generation = 0;
  /** The impairments in force, null when there are none. */
  impairIn: Impairer | null = null;
  impairOut: Impairer | null = null;
  /** `impair` was called for 'in': the network's default does not count any more. */
  ownImpairIn = false;
  /** The network's list of ports to attend to has it. */
  listed = false;

  readonly #network: Switch;
  readonly #serial: number;
  readonly #queue: FrameQueue;
  #impairerIn: Impairer | null = null;
  #impairerOut: Impairer | null = null;
  #receiver: LinkReceiver | null = null;
  #started = false;
  /** Whether it keeps the process alive by itself, see {@link MemoryLink}. */
  #referenced = false;
  #states: boolean[] = [];
  #rxFrames = 0;
  #rxBytes = 0;
  #rxDropped = 0;
  #rxOversize = 0;
  #txFrames = 0;
  #txBytes = 0;
  #txErrors = 0;
  #wakeups = 0;

  constructor(network: Switch, settings: PortSettings) {
    this.#network = network;
    this.#serial = settings.serial;
    this.clock = network.clock;
    this.interfaceName = settings.name;
    this.hardwareAddress = settings.hardwareAddress;
    this.mtu = settings.mtu;
    this.maxFrameLength = settings.mtu + 22;
    this.tx = new MemoryTx(this, settings.txSlots);
    this.#queue = new FrameQueue(
      settings.rxFrames,
      Math.max(settings.rxBytes, 2 * (this.maxFrameLength + 8)),
    );
  }

  start(receiver: LinkReceiver): void {
    checkStart(receiver, this.closed, this.#started);
    this.#started = true;
    this.#receiver = receiver;
    if (this.#referenced) this.#network.keepAlive(1);
    if (!this.up) this.#states.push(false);
    if (this.pending) this.#network.attend(this);
  }

  setUp(up: boolean): void {
    if (this.closed || up === this.up) return;
    this.up = up;
    if (!up) this.#network.forget(this);
    if (this.#receiver === null) return;
    this.#states.push(up);
    this.#network.attend(this);
  }

  impair(options: Impairments & { direction?: Direction | 'both' }): void {
    checkObject(options, 'impairments');
    const { direction: where, ...impairments } = options;
    const direction = checkOneOf('direction', where, ['in', 'out', 'both'], 'both');
    checkImpairments(impairments);
    if (direction !== 'in') {
      this.#impairerOut ??= new Impairer(new Prng(this.#network.seed, this.#serial * 2 + 1));
      this.#impairerOut.set(impairments);
      this.impairOut = this.#impairerOut.active ? this.#impairerOut : null;
    }
    if (direction !== 'out') {
      this.setImpairIn(impairments);
      this.ownImpairIn = true;
    }
  }

  /** Sets the faults of what the port receives, by `impair` or by the network's default. */
  setImpairIn(impairments: Impairments): void {
    this.#impairerIn ??= new Impairer(new Prng(this.#network.seed, this.#serial * 2));
    this.#impairerIn.set(impairments);
    this.impairIn = this.#impairerIn.active ? this.#impairerIn : null;
  }

  impairmentStats(direction: Direction): ImpairmentStats {
    const impairer = direction === 'in' ? this.#impairerIn : this.#impairerOut;
    return { ...(impairer ?? new Impairer(new Prng(0))).stats };
  }

  stats(): LinkStats {
    return {
      rxFrames: this.#rxFrames,
      rxBytes: this.#rxBytes,
      rxDropped: this.#rxDropped,
      rxRunts: 0,
      rxOversize: this.#rxOversize,
      txFrames: this.#txFrames,
      txBytes: this.#txBytes,
      txErrors: this.#txErrors,
      txNoRoom: this.tx.noRoom,
      wakeups: this.#wakeups,
      moderated: 0,
    };
  }

  info(): LinkInfo {
    return {
      kind: 'memory',
      interfaceName: this.interfaceName,
      hardwareAddress: formatMac(this.hardwareAddress),
      mtu: this.mtu,
      up: this.up,
    };
  }

  ref(): void {
    this.#setReferenced(true);
  }

  unref(): void {
    this.#setReferenced(false);
  }

  close(): Promise<void> {
    this.finish();
    return Promise.resolve();
  }

  /** Closes it; returns who received its frames until now. */
  finish(): LinkReceiver | null {
    if (this.closed) return null;
    this.#network.detach(this);
    if (this.#started && this.#referenced) this.#network.keepAlive(-1);
    this.closed = true;
    const receiver = this.#receiver;
    this.#receiver = null;
    this.#states = [];
    return receiver;
  }

  // Called by the transmit side.

  submitted(count: number): void {
    this.#network.submitted(this, count);
  }

  roomAgain(): void {
    this.#network.attend(this);
  }

  // Called by the network.

  /** Whether there is something to tell the receiver. */
  get pending(): boolean {
    return this.#receiver !== null && (this.#queue.waiting > 0 || this.#states.length > 0);
  }

  /** Counts the oldest flushed frame as sent; false when the port is down and it is not. */
  sent(length: number): boolean {
    if (!this.up) {
      this.#txErrors++;
      return false;
    }
    this.#txFrames++;
    this.#txBytes += length;
    return true;
  }

  /** The oldest flushed frame has been switched. */
  shift(): void {
    this.tx.shift();
  }

  /** A frame from the switch; `bit` is the number of the bit to flip, or -1. */
  push(memory: FrameMemory, offset: number, length: number, window: Uint8Array | null, bit: number): void {
    if (length > this.maxFrameLength) {
      this.#rxOversize++;
    } else if (!this.#queue.push(memory, offset, length, window)) {
      this.#rxDropped++;
    } else {
      if (bit >= 0) this.#queue.flipLast(bit);
      if (!this.listed && this.#receiver !== null) this.#network.attend(this);
    }
  }

  /** Delivers up to `limit` frames in one batch, and what else there is to say; returns how many frames. */
  deliver(limit: number): number {
    while (this.#states.length > 0) this.#receiver?.state(this.#states.shift()!);
    const receiver = this.#receiver;
    const queue = this.#queue;
    const count = Math.min(queue.waiting, limit);
    if (receiver === null || count === 0) return 0;
    this.#wakeups++;
    // The queue may grow, and so move, while the receiver runs: this batch stays where it is.
    const { memory, offsets, lengths, mask, cursor } = queue;
    queue.take(count);
    try {
      receiver.begin(memory, 0);
      for (let index = 0; index < count && !this.closed; index++) {
        const at = (cursor + index) & mask;
        const length = lengths[at]!;
        this.#rxFrames++;
        this.#rxBytes += length;
        receiver.frame(offsets[at]!, length, 0);
      }
      receiver.end();
    } finally {
      queue.release();
    }
    return count;
  }

  #setReferenced(referenced: boolean): void {
    if (this.#referenced === referenced) return;
    this.#referenced = referenced;
    if (this.#started && !this.closed) this.#network.keepAlive(referenced ? 1 : -1);
  }
}
