import { type Clock, systemClock } from '../../clock.ts';
import { OptionError } from '../../errors.ts';
import { type Addon, loadAddon } from '../../native/addon.ts';
import { keepOnThread } from '../../native/keep-on-thread.ts';
import { systemError } from '../../native/system-error.ts';
import { ETHERNET_HEADER_LENGTH } from '../../wire/ethernet.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { formatMac } from '../../wire/mac.ts';
import { VLAN_TAG_LENGTH } from '../../wire/vlan.ts';
import { allocateSummableMemory, detachFrameMemory, viewsOver } from '../frame-memory.ts';
import { EAGAIN, EMSGSIZE, ENETDOWN, ENOBUFS, ENODEV, ENOMEM, ENXIO } from '../kernel/errno.ts';
import { Holdings } from '../kernel/holdings.ts';
import { checkInterfaceName, mayHavePartialChecksums } from '../kernel/interface.ts';
import { InterfaceState } from '../kernel/interface-monitor.ts';
import { LinkLife } from '../kernel/link-life.ts';
import { MicroTimer } from '../kernel/micro-timer.ts';
import { BUDGET, Polling } from '../kernel/polling.ts';
import { type ServiceSteering, Services } from '../kernel/services.ts';
import type { LinkInfo, LinkReceiver, LinkStats, LinkWants, Station } from '../link.ts';
import type { ServiceLink } from '../service.ts';
import { ApartFrames } from './apart-frames.ts';
import { framesPerBlock, type RingGeometry } from './if-packet.ts';
import { type CheckedPacketLinkOptions, checkPacketLinkOptions, type PacketLinkOptions } from './options.ts';
import type { ReceiveRing } from './receive-ring.ts';
import { Refusals } from './refusals.ts';
import { CACHE_LINE, fitting, ringGeometry } from './ring-geometry.ts';
import { RingV2 } from './ring-v2.ts';
import { RingV3 } from './ring-v3.ts';
import { PacketSocket } from './socket.ts';
import { Steering } from './steering.ts';
import { PacketTx, Refusal } from './transmit.ts';

const DEFAULT_RECEIVE_RING = 4096;
const DEFAULT_RECEIVE_BYTES = 32 << 20;
const DEFAULT_SEND_RING = 1024;
const DEFAULT_SEND_BYTES = 16 << 20;
const MAX_BYTES = 1 << 30;

/** What comes for a service is copied here and goes to the kernel, where the reserved port takes nothing. */
const KERNEL_HEARS_TOO: ServiceSteering = {
  hasService: () => false,
  addService() {},
  removeService() {},
};

/**
 * Opens a link to a network interface over an AF_PACKET socket. It works on every Ethernet-like interface, in
 * containers, and without root inside a user namespace.
 *
 * Throws an OptionError for an invalid name or option; an EtherconnError if the native addon cannot be loaded
 * (`ERR_ETHERCONN_ADDON`) or the interface is not Ethernet (`ERR_ETHERCONN_INTERFACE`); and a SystemError if the
 * kernel refuses: EPERM without CAP_NET_RAW, ENODEV if there is no such interface.
 */
export function openPacketLink(interfaceName: string, options: PacketLinkOptions = {}): PacketLink {
  const name = checkInterfaceName(interfaceName);
  const checked = checkPacketLinkOptions(options);
  return PacketLink.of(loadAddon(), name, checked);
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
  readonly #life: LinkLife;

  /** @internal Use {@link openPacketLink}. */
  static of(addon: Addon, interfaceName: string, options: CheckedPacketLinkOptions): PacketLink {
    return new PacketLink(addon, interfaceName, options);
  }

  private constructor(addon: Addon, interfaceName: string, options: CheckedPacketLinkOptions) {
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
      this.maxFrameLength = mtu + ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH;
      this.partialChecksums = mayHavePartialChecksums(type, driver);

      const version = options.receive === 'latency' ? 2 : 3;
      this.#geometry =
        options.receiveRing === undefined
          ? ringGeometry(version, mtu, DEFAULT_RECEIVE_RING, DEFAULT_RECEIVE_BYTES)
          : ringGeometry(version, mtu, options.receiveRing);
      checkBytes('receiveRing', this.#geometry.blockSize * this.#geometry.blockCount, mtu);
      const mapping = this.#socket.mapReceiveRing(version, this.#geometry);
      // Handing the mapped memory to another thread would outlive the unmapping at close.
      keepOnThread(mapping.buffer);
      const memory = viewsOver(mapping.buffer);
      const Ring = version === 2 ? RingV2 : RingV3;
      const apart = holdings.keep(
        new ApartFrames((bytes, offset) => this.#socket.receiveCopy(bytes, offset)),
        close,
      );
      this.#ring = new Ring(memory, mapping.byteOffset, this.#geometry, apart);

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
      this.#life = new LinkLife(interfaceName, this.#socket.monitor, {
        start: () => this.#polling.start(),
        turned: () => this.tx.retry.wake(),
        drain: () => {
          while (this.#ring.ready) this.#drain();
        },
        stop: [
          () => {
            this.#ring.stopped = true;
          },
          () => this.tx.flush(),
          () => this.#steering.stop(),
          () => this.#refusals.stop(),
          () => this.tx.stop(),
          () => this.#polling.close(),
          () => this.services.close(),
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

  /** Only the outermost tag counts, and only when it is 802.1Q's (packet_extra_vlan_len_allowed of the kernel). */
  maxFrameLengthOf(type: number): number {
    return type === EtherType.VLAN ? this.maxFrameLength : this.maxFrameLength - VLAN_TAG_LENGTH;
  }

  start(receiver: LinkReceiver): void {
    this.#life.start(receiver);
  }

  steer(added: readonly Station[], removed: readonly Station[], wants: LinkWants): void {
    if (!this.closed) this.#steering.update(added, removed, wants);
  }

  receivedAt(): bigint | null {
    return this.#ring.receivedAt();
  }

  stats(): LinkStats {
    if (!this.#life.released) this.#socket.readStatistics();
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
      up: this.#life.up,
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
   * Sends committed frames if there is room, then releases everything. Inside a receive callback, the memory stays
   * until the batch has ended.
   */
  close(): Promise<void> {
    return this.#life.close();
  }

  #setReferenced(referenced: boolean): void {
    this.tx.retry.setReferenced(referenced);
    this.#polling.setReferenced(referenced);
  }

  /** The socket has an error, and polling has stopped. */
  #recover(): void {
    // The kernel reports the interface's going down (ENETDOWN) this way, before and beside rtnetlink.
    this.#socket.takeError();
    this.#polling.resume();
    this.#life.check();
    if (!this.closed) this.#drainAndSend();
  }

  #drainAndSend(): number {
    const count = this.#drain();
    if (!this.closed) this.tx.retry.wake();
    return count;
  }

  #drain(): number {
    this.#life.batchBegins();
    try {
      return this.#ring.drain(this.#life.receiver!, BUDGET);
    } finally {
      this.#life.batchEnds();
    }
  }

  #tellRefused(errno: number, frames: number): void {
    const why = errno === -EMSGSIZE ? "longer than the interface's MTU allows by now" : 'not to be sent';
    const what = `'${this.interfaceName}' has refused ${frames === 1 ? 'a frame' : `${frames} frames`}: ${why}`;
    this.#life.receiver?.refused?.(systemError(errno, 'sendmmsg', what), frames);
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

/** Offsets must stay 32-bit integers; no ring in use comes near. */
function checkBytes(option: string, bytes: number, mtu: number): void {
  if (bytes > MAX_BYTES) throw new OptionError(option, `is over 1 GiB at an MTU of ${mtu}; ask for fewer`);
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
