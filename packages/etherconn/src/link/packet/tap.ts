import { type Addon, loadAddon } from '../../native/addon.ts';
import { keepOnThread } from '../../native/keep-on-thread.ts';
import { viewsOver } from '../frame-memory.ts';
import { Holdings } from '../kernel/holdings.ts';
import { checkInterfaceName, isLoopback } from '../kernel/interface.ts';
import { LinkLife } from '../kernel/link-life.ts';
import { MicroTimer } from '../kernel/micro-timer.ts';
import { BUDGET, DEFAULT_MODERATION, Polling } from '../kernel/polling.ts';
import type { LinkReceiver } from '../link.ts';
import type { RingGeometry } from './if-packet.ts';
import { ringGeometry } from './ring-geometry.ts';
import { RingV3 } from './ring-v3.ts';
import { PacketSocket } from './socket.ts';
import { type CheckedPacketTapOptions, checkPacketTapOptions, type PacketTapOptions } from './tap-options.ts';

/** Frames in the ring, and the bytes that they take at most. */
const DEFAULT_RING = 16_384;
const DEFAULT_BYTES = 32 << 20;

/** Counters of a {@link PacketTap} since it was opened. */
export interface PacketTapStats {
  /** Frames and bytes delivered. */
  readonly frames: number;
  readonly bytes: number;
  /** Frames that passed the filter and found the ring full. */
  readonly dropped: number;
}

/**
 * Opens a tap on a network interface over an AF_PACKET socket: it sees every frame that the interface receives and that
 * this machine sends, and changes nothing.
 *
 * Throws an OptionError for an invalid name or option; an EtherconnError if the native addon cannot be loaded
 * (`ERR_ETHERCONN_ADDON`) or the interface is not Ethernet (`ERR_ETHERCONN_INTERFACE`); and a SystemError if the
 * kernel refuses: EPERM without CAP_NET_RAW, ENODEV if there is no such interface, EINVAL for a wrong filter.
 */
export function openPacketTap(interfaceName: string, options: PacketTapOptions = {}): PacketTap {
  const name = checkInterfaceName(interfaceName);
  const checked = checkPacketTapOptions(options);
  return PacketTap.of(loadAddon(), name, checked);
}

/**
 * A tap; see {@link openPacketTap}. It delivers frames as a Link does: `begin`, `frame` for each, and `end`. What it knows
 * of a frame beside its bytes can be read during the call of `frame`.
 */
export class PacketTap implements AsyncDisposable {
  readonly interfaceName: string;
  /** Longest Ethernet payload, as reported by the interface. Frames may be longer: the kernel merges segments. */
  readonly mtu: number;
  readonly promiscuous: boolean;
  readonly #socket: PacketSocket;
  readonly #ring: RingV3;
  readonly #polling: Polling;
  readonly #holdings = new Holdings();
  readonly #life: LinkLife;

  /** @internal Use {@link openPacketTap}. */
  static of(addon: Addon, interfaceName: string, options: CheckedPacketTapOptions): PacketTap {
    return new PacketTap(addon, interfaceName, options);
  }

  private constructor(addon: Addon, interfaceName: string, options: CheckedPacketTapOptions) {
    this.interfaceName = interfaceName;
    this.promiscuous = options.promiscuous;
    const holdings = this.#holdings;
    const close = (object: { close(): void }): void => object.close();
    try {
      this.#socket = holdings.keep(new PacketSocket(addon, interfaceName, options.netns), close);
      const { mtu, type } = this.#socket.interface;
      this.mtu = mtu;
      // A loopback interface receives what it sends: that would be seen twice.
      const direction = isLoopback(type) && options.direction === 'both' ? 'in' : options.direction;
      const geometry = geometryOf(mtu, options.receiveRing);
      const mapping = this.#socket.mapReceiveRing(3, geometry);
      keepOnThread(mapping.buffer);
      this.#ring = new RingV3(viewsOver(mapping.buffer), mapping.byteOffset, geometry, null, direction);
      if (options.filter !== undefined) this.#socket.attachFilter(options.filter);
      this.#socket.bind(options.promiscuous, direction !== 'in');
      const timer = holdings.keep(new MicroTimer(addon), close);
      const manner = { mode: 'interrupt', moderation: DEFAULT_MODERATION, timer } as const;
      this.#polling = new Polling(addon, [this.#socket.native], manner, {
        drain: () => this.#drain(),
        ready: () => this.#ring.ready,
        failed: () => this.#recover(),
        sent: () => 0,
      });
      this.#life = new LinkLife(interfaceName, this.#socket.monitor, {
        start: () => this.#polling.start(),
        turned: () => {},
        drain: () => {
          while (this.#ring.ready) this.#drain();
        },
        stop: [
          () => {
            this.#ring.stopped = true;
          },
          () => this.#polling.close(),
        ],
        release: [() => this.#socket.readStatistics(), () => this.#holdings.release()],
      });
    } catch (error) {
      throw holdings.abandon(error);
    }
  }

  get closed(): boolean {
    return this.#life.closed;
  }

  /** Starts delivery, including frames that arrived since the tap was opened. Called once. */
  start(receiver: LinkReceiver): void {
    this.#life.start(receiver);
  }

  /** During `frame`: whether this machine has sent it. */
  get outgoing(): boolean {
    return this.#ring.outgoing;
  }

  /** During `frame`: its length on the wire; more than was delivered when the filter asked for less. */
  get originalLength(): number {
    return this.#ring.originalLength;
  }

  /** During `frame`: seconds since the Unix epoch at which the kernel saw it. */
  get seconds(): number {
    return this.#ring.seconds;
  }

  /** During `frame`: nanoseconds of that second. */
  get nanoseconds(): number {
    return this.#ring.nanoseconds;
  }

  stats(): PacketTapStats {
    if (!this.#life.released) this.#socket.readStatistics();
    return { frames: this.#ring.rxFrames, bytes: this.#ring.rxBytes, dropped: this.#socket.dropped };
  }

  /** Delivers what waits, and releases everything. Harmless when repeated. */
  close(): Promise<void> {
    if (!this.closed && this.#life.receiver !== undefined) while (this.#ring.ready) this.#drain();
    return this.#life.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #drain(): number {
    this.#life.batchBegins();
    try {
      return this.#ring.drain(this.#life.receiver!, BUDGET);
    } finally {
      this.#life.batchEnds();
    }
  }

  /** The socket has an error, and polling has stopped: the interface may have gone down. */
  #recover(): void {
    this.#socket.takeError();
    this.#polling.resume();
    this.#life.check();
    if (!this.closed) this.#drain();
  }
}

function geometryOf(mtu: number, receiveRing: number | undefined): RingGeometry {
  return receiveRing === undefined
    ? ringGeometry(3, mtu, DEFAULT_RING, DEFAULT_BYTES)
    : ringGeometry(3, mtu, receiveRing);
}
