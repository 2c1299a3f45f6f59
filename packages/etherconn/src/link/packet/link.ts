import { type Clock, systemClock } from '../../clock.ts';
import { OptionError } from '../../errors.ts';
import { type Addon, loadAddon } from '../../native/addon.ts';
import { keepOnThread } from '../../native/keep-on-thread.ts';
import { systemError } from '../../native/system-error.ts';
import { setImmediate } from '../../real-time.ts';
import { rethrowLater } from '../../rethrow.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { formatMac } from '../../wire/mac.ts';
import { checkStart } from '../check-link.ts';
import { allocateSummableMemory, detachFrameMemory, viewsOver } from '../frame-memory.ts';
import { doAll } from '../kernel/do-all.ts';
import { EAGAIN, EMSGSIZE, ENETDOWN, ENOBUFS, ENODEV, ENOMEM, ENXIO } from '../kernel/errno.ts';
import { Holdings } from '../kernel/holdings.ts';
import { checkInterfaceName, mayHavePartialChecksums } from '../kernel/interface.ts';
import { InterfaceState } from '../kernel/interface-monitor.ts';
import { MicroTimer } from '../kernel/micro-timer.ts';
import { BUDGET, Polling } from '../kernel/polling.ts';
import { type ServiceSteering, Services } from '../kernel/services.ts';
import type { LinkInfo, LinkReceiver, LinkStats, LinkWants, Station } from '../link.ts';
import type { ServiceLink } from '../service.ts';
import { framesPerBlock, type RingGeometry, SLOT_OVERHEAD } from './if-packet.ts';
import { type CheckedPacketLinkOptions, checkPacketLinkOptions, type PacketLinkOptions } from './options.ts';
import type { ReceiveRing } from './receive-ring.ts';
import { Refusals } from './refusals.ts';
import { RingV2 } from './ring-v2.ts';
import { RingV3 } from './ring-v3.ts';
import { PacketSocket } from './socket.ts';
import { Steering } from './steering.ts';
import { PacketTx, Refusal } from './transmit.ts';

const ETHERNET_HEADER = 14;
const VLAN_TAG = 4;

const DEFAULT_RECEIVE_RING = 4096;
const DEFAULT_RECEIVE_BYTES = 32 << 20;
const DEFAULT_SEND_RING = 1024;
const DEFAULT_SEND_BYTES = 16 << 20;
/** Least number of bytes the kernel is asked for in one piece; a power of two and so a multiple of any page size. */
const MIN_BLOCK = 64 << 10;
const MIN_BLOCKS = 4;
const MAX_BYTES = 1 << 30;
const CACHE_LINE = 64;

/** What comes for a service is copied here and goes to the kernel, where the reserved port takes nothing. */
const KERNEL_HEARS_TOO: ServiceSteering = {
  hasService: () => false,
  addService() {},
  removeService() {},
};

/**
 * Opens a link to a network interface over an AF_PACKET socket: it works on any Ethernet-like interface, in
 * containers, and without root inside a user namespace.
 *
 * Throws an OptionError for a wrong name or option, an EtherconnError (`ERR_ETHERCONN_ADDON`) where the native addon
 * cannot be loaded, (`ERR_ETHERCONN_INTERFACE`) when the interface is no Ethernet, and a SystemError when the kernel
 * refuses: EPERM without CAP_NET_RAW, ENODEV when there is no such interface.
 */
export function openPacketLink(interfaceName: string, options: PacketLinkOptions = {}): PacketLink {
  const name = checkInterfaceName(interfaceName);
  const checked = checkPacketLinkOptions(options);
  return new PacketLink(loadAddon(), name, checked);
}

/** A link over AF_PACKET; see {@link openPacketLink}. */
export class PacketLink implements ServiceLink {
  readonly kind = 'packet';
  readonly interfaceName: string;
  readonly hardwareAddress: Uint8Array;
  readonly mtu: number;
  /** MTU + 14 + 4: the kernel's packet sockets allow for one 802.1Q tag, not for two; see {@link maxFrameLengthOf}. */
  readonly maxFrameLength: number;
  readonly clock: Clock = systemClock;
  readonly tx: PacketTx;
  readonly partialChecksums: boolean;
  readonly services: Services;

  readonly #options: CheckedPacketLinkOptions;
  readonly #socket: PacketSocket;
  readonly #ring: ReceiveRing;
  readonly #geometry: RingGeometry;
  readonly #sendSlots: number;
  readonly #steering: Steering;
  readonly #sendBuffer: number;
  readonly #polling: Polling;
  readonly #holdings = new Holdings();
  readonly #refusals = new Refusals((errno, frames) => this.#tellRefused(errno, frames));
  #receiver: LinkReceiver | undefined;
  #up = true;
  #draining = false;
  #released = false;
  #closing: Promise<void> | undefined;
  #resolveClosing: (() => void) | undefined;

  /** @internal Use {@link openPacketLink}. */
  constructor(addon: Addon, interfaceName: string, options: CheckedPacketLinkOptions) {
    this.#options = options;
    this.interfaceName = interfaceName;
    const holdings = this.#holdings;
    const close = (object: { close(): void }): void => object.close();
    try {
      this.#socket = holdings.keep(new PacketSocket(addon, interfaceName, options.netns, true), close);
      const place = { interfaceName, netns: options.netns, clock: this.clock };
      this.services = new Services(place, KERNEL_HEARS_TOO);
      const { mtu, address, type, driver } = this.#socket.interface;
      this.mtu = mtu;
      this.hardwareAddress = address;
      this.maxFrameLength = mtu + ETHERNET_HEADER + VLAN_TAG;
      this.partialChecksums = mayHavePartialChecksums(type, driver);

      const version = options.receive === 'latency' ? 2 : 3;
      this.#geometry = ringGeometry(mtu, options.receiveRing);
      checkBytes('receiveRing', this.#geometry.blockSize * this.#geometry.blockCount, mtu);
      const mapping = this.#socket.mapReceiveRing(version, this.#geometry);
      // Handing the mapped memory to another thread would outlive the unmapping at close.
      keepOnThread(mapping.buffer);
      const memory = viewsOver(mapping.buffer);
      const Ring = version === 2 ? RingV2 : RingV3;
      this.#ring = new Ring(memory, mapping.byteOffset, this.#geometry);

      const stride = roundUp(this.maxFrameLength + 2, CACHE_LINE);
      this.#sendSlots = options.sendRing ?? fitting(DEFAULT_SEND_RING, DEFAULT_SEND_BYTES, stride);
      checkBytes('sendRing', this.#sendSlots * stride, mtu);
      this.tx = new PacketTx(
        holdings.keep(allocateSummableMemory(this.#sendSlots * stride), detachFrameMemory),
        this.#sendSlots,
        stride,
        this.maxFrameLength,
        (bytes, descriptors, head, count) => this.#socket.send(bytes, descriptors, head, count),
        (errno) => this.#refused(errno),
      );

      this.#steering = new Steering((program) => this.#socket.attachFilter(program));
      this.#socket.bind(options.promiscuous);
      this.#sendBuffer = this.#socket.sendBuffer();
      const { moderation } = options;
      const timer = moderation > 0 ? holdings.keep(new MicroTimer(addon), close) : undefined;
      const manner = { mode: 'interrupt', moderation, timer } as const;
      this.#polling = new Polling(addon, [this.#socket.native], manner, {
        drain: () => this.#drainAndSend(),
        ready: () => this.#ring.ready,
        failed: () => this.#recover(),
        sent: () => this.tx.txFrames,
      });
    } catch (error) {
      throw holdings.abandon(error);
    }
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Only the outermost tag counts, and only when it is 802.1Q's (packet_extra_vlan_len_allowed of the kernel). */
  maxFrameLengthOf(type: number): number {
    return type === EtherType.VLAN ? this.maxFrameLength : this.maxFrameLength - VLAN_TAG;
  }

  start(receiver: LinkReceiver): void {
    checkStart(receiver, this.closed, this.#receiver !== undefined);
    this.#receiver = receiver;
    this.#polling.start();
    this.#socket.monitor.start(() => this.#checkState());
    // The interface may be down, or gone, since before there was somebody to tell.
    setImmediate(() => this.#checkState());
  }

  steer(added: readonly Station[], removed: readonly Station[], wants: LinkWants): void {
    if (!this.closed) this.#steering.update(added, removed, wants);
  }

  receivedAt(): bigint | null {
    return this.#ring.receivedAt();
  }

  stats(): LinkStats {
    if (!this.#released) this.#socket.readStatistics();
    return {
      rxFrames: this.#ring.rxFrames,
      rxBytes: this.#ring.rxBytes,
      rxDropped: this.#socket.dropped,
      rxRunts: this.#ring.rxRunts,
      rxOversize: this.#ring.rxOversize,
      txFrames: this.tx.txFrames,
      txBytes: this.tx.txBytes,
      txErrors: this.tx.txErrors,
      txNoRoom: this.tx.txNoRoom,
      wakeups: this.#polling.wakeups,
      moderated: this.#polling.moderated,
    };
  }

  info(): LinkInfo {
    const geometry = this.#geometry;
    return {
      kind: this.kind,
      interfaceName: this.interfaceName,
      hardwareAddress: formatMac(this.hardwareAddress),
      mtu: this.mtu,
      driver: this.#socket.interface.driver,
      netns: this.#options.netns,
      up: this.#up,
      receive: this.#options.receive,
      moderation: this.#options.moderation,
      receiveRing: framesPerBlock(geometry) * geometry.blockCount,
      receiveRingBytes: geometry.blockSize * geometry.blockCount,
      sendRing: this.#sendSlots,
      sendBuffer: this.#sendBuffer,
      promiscuous: this.#options.promiscuous,
      filter: this.#steering.describe(),
      partialChecksums: this.partialChecksums,
    };
  }

  ref(): void {
    this.#setReferenced(true);
  }

  unref(): void {
    this.#setReferenced(false);
  }

  /**
   * Sends what is committed if there is room, then gives everything back. Inside a receive callback the memory lives
   * on until the batch has ended.
   */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = new Promise((resolve) => {
        this.#resolveClosing = resolve;
      });
      this.#ring.stopped = true;
      try {
        doAll([
          () => this.tx.flush(),
          () => this.#steering.stop(),
          () => this.#refusals.stop(),
          () => this.tx.stop(),
          () => this.#polling.close(),
          () => this.services.close(),
        ]);
      } catch (error) {
        // None of them should; whoever closes is to get his promise all the same.
        rethrowLater(error);
      }
      if (!this.#draining) this.#release();
    }
    return this.#closing;
  }

  #setReferenced(referenced: boolean): void {
    this.tx.retry.setReferenced(referenced);
    this.#polling.setReferenced(referenced);
  }

  #release(): void {
    if (this.#released) return;
    try {
      doAll([() => this.#socket.readStatistics(), () => this.#holdings.release()]);
    } catch {
      // Counters stay as they were read last.
    } finally {
      this.#released = true;
      this.#resolveClosing?.();
    }
  }

  /** The socket has an error, and polling has stopped. */
  #recover(): void {
    // The kernel reports the interface's going down (ENETDOWN) this way, before and beside rtnetlink.
    this.#socket.takeError();
    this.#polling.resume();
    this.#checkState();
    if (!this.closed) this.#drainAndSend();
  }

  #drainAndSend(): number {
    const count = this.#drain(BUDGET);
    if (!this.closed) this.tx.retry.wake();
    return count;
  }

  #drain(budget: number): number {
    this.#draining = true;
    try {
      return this.#ring.drain(this.#receiver!, budget);
    } finally {
      this.#draining = false;
      if (this.closed) this.#release();
    }
  }

  #checkState(): void {
    if (this.closed) return;
    const { monitor } = this.#socket;
    const lost = monitor.lostCarrier();
    const state = monitor.state();
    if (state === InterfaceState.GONE) {
      this.#fail();
      return;
    }
    const up = state === InterfaceState.UP;
    if (up === this.#up && !(up && lost)) return;
    if (up === this.#up) this.#tellState(false);
    this.#tellState(up);
  }

  #tellState(up: boolean): void {
    if (this.closed) return;
    this.#up = up;
    this.#receiver?.state(up);
    // Down: what waits is given up. Up: it may go now.
    if (!this.closed) this.tx.retry.wake();
  }

  /** The interface is gone: what it has delivered still counts, then the link closes itself and says so. */
  #fail(): void {
    try {
      while (this.#ring.ready) this.#drain(BUDGET);
    } finally {
      if (!this.closed) {
        void this.close();
        const what = `interface '${this.interfaceName}' was deleted, or moved to another network namespace`;
        this.#receiver?.error(systemError(-ENODEV, 'poll', what));
      }
    }
  }

  #tellRefused(errno: number, frames: number): void {
    const why = errno === -EMSGSIZE ? "longer than the interface's MTU allows by now" : 'not to be sent';
    const what = `'${this.interfaceName}' has refused ${frames === 1 ? 'a frame' : `${frames} frames`}: ${why}`;
    this.#receiver?.refused?.(systemError(errno, 'sendmmsg', what), frames);
  }

  /** What becomes of a frame that the kernel has refused with a negative errno. */
  #refused(errno: number): number {
    switch (errno) {
      case -EAGAIN: // the send buffer is full
      case -ENOMEM:
        return Refusal.AGAIN;
      case -ENOBUFS: // the interface's queue is full, or it has no carrier and drops everything
      case -ENETDOWN: // now, or since the last call
        return this.#socket.monitor.state() === InterfaceState.UP ? Refusal.AGAIN : Refusal.ALL;
      case -ENXIO: // deleted under us; the monitor tells the receiver
      case -ENODEV:
        return Refusal.ALL;
      default:
        this.#refusals.add(errno);
        return Refusal.FRAME; // EMSGSIZE, EINVAL: this frame
    }
  }
}

function ringGeometry(mtu: number, frames: number | undefined): RingGeometry {
  const frameSize = roundUp(SLOT_OVERHEAD + mtu + ETHERNET_HEADER + 2 * VLAN_TAG, CACHE_LINE);
  const blockSize = Math.max(MIN_BLOCK, 2 ** Math.ceil(Math.log2(frameSize)));
  const perBlock = Math.floor(blockSize / frameSize);
  const wanted = frames ?? fitting(DEFAULT_RECEIVE_RING, DEFAULT_RECEIVE_BYTES, blockSize / perBlock);
  return { blockSize, blockCount: Math.max(MIN_BLOCKS, Math.ceil(wanted / perBlock)), frameSize };
}

/** Offsets must stay 32-bit integers; no ring in use comes near. */
function checkBytes(option: string, bytes: number, mtu: number): void {
  if (bytes > MAX_BYTES) throw new OptionError(option, `is over 1 GiB at an MTU of ${mtu}; ask for fewer`);
}

/** `count` pieces of `size` bytes, fewer when that is more than `bytes`, but never fewer than 64. */
function fitting(count: number, bytes: number, size: number): number {
  return Math.min(count, Math.max(64, Math.floor(bytes / size)));
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
