import { type Clock, systemClock } from '../../clock.ts';
import { type Addon, loadAddon } from '../../native/addon.ts';
import { setImmediate } from '../../real-time.ts';
import { formatMac, macHigh, macLow } from '../../wire/mac.ts';
import { checkInterfaceName, mayHavePartialChecksums } from '../kernel/interface.ts';
import { LinkLife } from '../kernel/link-life.ts';
import { BUDGET, Polling } from '../kernel/polling.ts';
import { type ServiceSteering, Services } from '../kernel/services.ts';
import type { LinkInfo, LinkReceiver, LinkWants, Station } from '../link.ts';
import type { ServiceLink } from '../service.ts';
import { Admission } from './admission.ts';
import type { AttachMode } from './attach-error.ts';
import { auditChunks } from './audit.ts';
import { checkKernel } from './kernel.ts';
import { type CheckedXdpLinkOptions, checkXdpLinkOptions, type XdpLinkOptions } from './options.ts';
import { type OwnService, OwnServices } from './own-services.ts';
import type { SteeringProgram } from './program.ts';
import { RxQueue } from './rx.ts';
import { askVlanOffload, setUp, type XdpParts } from './setup.ts';
import { chunkCount } from './shape.ts';
import type { SharedProgram } from './shared-program.ts';
import { addUpStats, NO_COUNTS, readKernelCounts, type XdpLinkStats } from './stats.ts';
import { XdpTx } from './tx.ts';

export type { XdpLinkStats } from './stats.ts';

const REDUCED =
  'fewer chunks than the usual 8192 for each queue: the limit of locked memory (RLIMIT_MEMLOCK) allows no more; raise it ' +
  "('ulimit -l', LimitMEMLOCK= of systemd) or give CAP_IPC_LOCK";

/**
 * What the link got for one queue. The sizes of rings are the requested ones: the kernel creates a ring of that
 * size or refuses, and its sockets do not report it (`ss --xdp -e` does, on kernels with CONFIG_XDP_SOCKETS_DIAG).
 */
export interface XdpQueueInfo {
  readonly queue: number;
  /** As reported by the kernel (getsockopt XDP_OPTIONS). */
  readonly zeroCopy: boolean;
  readonly rxRing: number;
  /** 0 if the queue does not send. */
  readonly txRing: number;
  readonly fillRing: number;
  readonly completionRing: number;
}

/**
 * Opens a link to a network interface over AF_XDP sockets, one for each queue. The link receives only frames for
 * stations passed to {@link Link.steer}. All others continue to the kernel, unless `steering: 'all'` is set.
 * Broadcast and multicast frames reach both; their order relative to unicast frames is not kept.
 *
 * Rejects with an OptionError for an invalid name or option, before anything is opened unless the check depends on
 * the interface. Rejects with an EtherconnError if the addon cannot be loaded (`ERR_ETHERCONN_ADDON`), the kernel
 * is older than 5.10 (`ERR_ETHERCONN_KERNEL`), the MTU is too large (`ERR_ETHERCONN_MTU`), the interface has more
 * than 64 queues and `queues` names none (`ERR_ETHERCONN_QUEUES`), or a queue is in use
 * (`ERR_ETHERCONN_QUEUE_BUSY`). Rejects with a SystemError that says what is missing if the kernel refuses.
 */
export async function openXdpLink(interfaceName: string, options: XdpLinkOptions = {}): Promise<XdpLink> {
  const name = checkInterfaceName(interfaceName);
  const checked = checkXdpLinkOptions(options);
  checkKernel();
  const addon = loadAddon();
  const parts = await setUp(addon, name, checked);
  try {
    return XdpLink.of(addon, name, checked, parts);
  } catch (error) {
    throw parts.holdings.abandon(error);
  }
}

/** A link over AF_XDP; see {@link openXdpLink}. */
export class XdpLink implements ServiceLink, ServiceSteering {
  readonly kind = 'xdp';
  readonly interfaceName: string;
  readonly mtu: number;
  /** MTU + 14 + 4: one tag of any kind is sure to pass, see shape.ts. */
  readonly maxFrameLength: number;
  readonly clock: Clock = systemClock;
  readonly tx: XdpTx;
  readonly partialChecksums: boolean;
  readonly services: Services;
  /** Called from the event loop when the MAC address of the interface has changed. Both arguments are 6 bytes. */
  onAddressChange: ((before: Uint8Array, now: Uint8Array) => void) | null = null;

  readonly #options: CheckedXdpLinkOptions;
  readonly #parts: XdpParts;
  readonly #rx: readonly RxQueue[];
  readonly #polling: Polling;
  readonly #admission: Admission;
  readonly #ownServices: OwnServices;
  #address: Uint8Array;
  /** Bit n for queue n. */
  readonly #queueMask: bigint;
  readonly #life: LinkLife;
  #sideWakeups = 0;
  #kernelCounts = NO_COUNTS;

  /** @internal Use {@link openXdpLink}. */
  static of(addon: Addon, interfaceName: string, options: CheckedXdpLinkOptions, parts: XdpParts): XdpLink {
    return new XdpLink(addon, interfaceName, options, parts);
  }

  private constructor(addon: Addon, interfaceName: string, options: CheckedXdpLinkOptions, parts: XdpParts) {
    this.#options = options;
    this.#parts = parts;
    this.interfaceName = interfaceName;
    const { side, shape, sockets, txSocket, umem, zeroCopy } = parts;
    const { mtu, address, type, driver } = side.interface;
    this.mtu = mtu;
    this.#address = address;
    this.maxFrameLength = shape.maxSentLength;
    this.partialChecksums = mayHavePartialChecksums(type, driver);
    this.#admission = new Admission(interfaceName, address, options, () =>
      askVlanOffload(addon, options.netns, side.interface.index),
    );
    this.#queueMask = shape.queues.reduce((mask, queue) => mask | (1n << BigInt(queue)), 0n);
    this.#ownServices = new OwnServices(parts.program, this.#queueMask, address);
    const place = { interfaceName, netns: options.netns, clock: this.clock };
    this.services = new Services(place, this, parts.program.shared);
    // Whatever else is steered: not even conns beside a service, nor a station whose address becomes the interface's.
    if (!this.#admission.ownAllowed) parts.program.withhold(macHigh(address), macLow(address));

    const sender = sockets[shape.queues.indexOf(shape.sendQueue)];
    this.tx = new XdpTx(
      umem,
      txSocket?.ring ?? sender.rings.tx!,
      sender.rings.completion,
      { first: shape.queues.length * shape.ringSize, count: shape.ringSize },
      shape.maxSentLength,
      {
        copyMode: !zeroCopy[shape.queues.indexOf(shape.sendQueue)],
        needWakeup: options.needWakeup,
        kick: txSocket === undefined ? () => sender.kick() : () => txSocket.kick(),
        refused: () => this.#life.check(),
      },
    );
    const rxSetup = {
      umem,
      maxFrameLength: shape.maxFrameLength,
      multiBuffer: shape.multiBuffer || parts.merged,
      merged: parts.merged,
    };
    this.#rx = sockets.map((socket, index) => {
      const first = index * shape.ringSize;
      const wake = () => socket.wake();
      const { rx, fill } = socket.rings;
      return new RxQueue(shape.queues[index], rxSetup, rx, fill, first, shape.ringSize, wake);
    });
    // Chunks first, then frames: a socket in the map without a chunk would only drop.
    for (const [index, socket] of sockets.entries()) parts.program.setSocket(shape.queues[index], socket.fd);
    this.#polling = new Polling(
      addon,
      sockets.map((socket) => socket.native),
      { mode: options.polling, moderation: options.moderation, timer: parts.timer },
      {
        drain: (index) => this.#drainQueue(index),
        ready: (index) => this.#rx[index].ready,
        failed: () => this.#life.check(),
        sent: () => this.tx.txFrames,
      },
    );
    this.#life = new LinkLife(interfaceName, side.monitor, {
      start: (receiver) => {
        this.#polling.start();
        side.start(receiver, (events) => this.#wakeSide(events));
      },
      seen: () => this.#followAddress(),
      turned: (up) => this.tx.setUp(up),
      drain: () => this.#drainAll(),
      stop: [
        () => {
          for (const rx of this.#rx) rx.stopped = true;
        },
        () => this.tx.flush(),
        () => this.tx.stop(),
        () => side.stop(),
        () => this.#polling.close(),
        () => this.services.close(),
      ],
      release: [
        () => {
          this.#kernelCounts = readKernelCounts(parts);
        },
        () => parts.holdings.release(),
      ],
    });
  }

  get closed(): boolean {
    return this.#life.closed;
  }

  /** The last reported MAC address of the interface. A change creates a new array. */
  get hardwareAddress(): Uint8Array {
    return this.#address;
  }

  /** @internal The in-kernel program, for services on the interface's own address. */
  get steeringProgram(): SteeringProgram {
    return this.#parts.program;
  }

  /** What another thread of this process needs to add its sockets to the same program: its option `program`. */
  get program(): SharedProgram {
    this.services.share();
    return this.#parts.program.share();
  }

  /** Bit n for queue n of those this link receives from. */
  get queueMask(): bigint {
    return this.#queueMask;
  }

  start(receiver: LinkReceiver): void {
    this.#life.start(receiver);
  }

  /**
   * Reserves room for stations until the next `steer`, which adds them as the same objects. Throws an
   * EtherconnError and changes nothing: `ERR_ETHERCONN_TAKEOVER` for a station with the interface's own MAC
   * address, which belongs to the kernel unless the link was opened with `takeover: true` or `steering: 'all'`;
   * `ERR_ETHERCONN_VLAN_OFFLOAD` for a station with a VLAN if the interface removes tags; `ERR_ETHERCONN_LIMIT` if
   * there are `maxEndpoints` already.
   */
  admit(stations: readonly Station[]): void {
    if (this.closed) return;
    for (const station of stations) this.#admission.check(station);
    this.#parts.program.admit(stations, this.#queueMask);
  }

  /**
   * The link receives nothing until this is called, except with `steering: 'all'`. Throws the errors of {@link
   * admit}.
   */
  steer(added: readonly Station[], removed: readonly Station[], wants: LinkWants): void {
    if (this.closed) return;
    const { program } = this.#parts;
    // What was admitted has been checked: what forbids it now (the last service has gone) is no failure.
    for (const station of added) if (!program.hasAdmitted(station)) this.#admission.check(station);
    program.update(added, removed, this.#queueMask);
    this.#parts.side.want(wants);
  }

  /**
   * Datagrams for a UDP service on the interface's own MAC address come here, also when that is changed; meanwhile
   * stations with this address are admitted, and get these datagrams only. Throws an EtherconnError
   * (`ERR_ETHERCONN_LIMIT`) for more than 1,024 on one interface.
   */
  addService(service: OwnService): void {
    this.#ownServices.add(service);
    this.#admission.hasServices = true;
  }

  /** Whether datagrams for a service on the own MAC address go to this link, or one that shares the program. */
  hasService(service: OwnService): boolean {
    return !this.closed && this.#ownServices.has(service);
  }

  removeService(service: OwnService): void {
    // The program goes with the link.
    if (!this.closed) this.#ownServices.remove(service);
    this.#admission.hasServices = this.#ownServices.size > 0;
  }

  receivedAt(): bigint | null {
    return this.#parts.side.receivedAt();
  }

  /** After a close, the counters at that time. Throws a SystemError if the kernel does not report them. */
  stats(): XdpLinkStats {
    if (!this.#life.released) this.#kernelCounts = readKernelCounts(this.#parts);
    const { side } = this.#parts;
    return addUpStats(this.#kernelCounts, side, this.#rx, this.tx, this.#polling, this.#sideWakeups);
  }

  info(): LinkInfo {
    const { side, shape, sockets, zeroCopy, view, fallback } = this.#parts;
    const queues: XdpQueueInfo[] = sockets.map(({ sizes }, index) => ({
      queue: shape.queues[index],
      zeroCopy: zeroCopy[index],
      rxRing: sizes.rx,
      txRing: shape.queues[index] === shape.sendQueue ? shape.ringSize : 0,
      fillRing: sizes.fill,
      completionRing: sizes.completion,
    }));
    return {
      kind: this.kind,
      interfaceName: this.interfaceName,
      hardwareAddress: formatMac(this.hardwareAddress),
      mtu: this.mtu,
      driver: side.interface.driver,
      netns: this.#options.netns,
      up: this.#life.up,
      mode: describeMode(view.mode, zeroCopy),
      attached: view.attached,
      programId: view.id,
      fallback,
      queues,
      sendQueue: shape.sendQueue,
      chunkSize: shape.chunkSize,
      headroom: shape.headroom,
      chunks: 2 * shape.ringSize,
      umemBytes: chunkCount(shape) * shape.chunkSize,
      reduced: shape.reduced ? REDUCED : undefined,
      multiBuffer: shape.multiBuffer,
      mergedFrames: this.#parts.merged,
      needWakeup: this.#options.needWakeup,
      polling: this.#options.polling,
      moderation: this.#parts.timer === undefined ? 0 : this.#options.moderation,
      steering: this.#options.steering,
      side: side.describe(),
      promiscuous: this.#options.promiscuous,
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
   * Sends committed frames if there is room, then releases everything. The program comes first, so that the kernel
   * gets the whole interface back at once. Inside a receive callback, the memory stays until the batch has ended.
   */
  close(): Promise<void> {
    return this.#life.close();
  }

  /**
   * For debugging: throws an Error if a chunk is not in exactly one place. Not allowed inside a receive callback or
   * after close.
   */
  audit(): void {
    const { umem, sockets, shape } = this.#parts;
    auditChunks(
      umem,
      sockets.map(({ rings }) => ({ ...rings, ringSize: shape.ringSize })),
      this.tx.accounts(),
    );
  }

  #setReferenced(referenced: boolean): void {
    this.tx.retry.setReferenced(referenced);
    this.#parts.side.setReferenced(referenced);
    this.#polling.setReferenced(referenced);
  }

  /** Delivers from one queue. Returns how much there was. */
  #drainQueue(index: number): number {
    if (this.closed) return 0;
    const rx = this.#rx[index];
    this.#life.batchBegins();
    try {
      return rx.drain(this.#life.receiver!, BUDGET);
    } finally {
      this.#afterBatch();
    }
  }

  #wakeSide(events: number): void {
    this.#sideWakeups++;
    if (events < 0) {
      // The kernel reports the interface's going down (ENETDOWN) this way.
      this.#parts.side.resume();
      this.#life.check();
      if (this.closed) return;
    }
    this.#life.batchBegins();
    try {
      this.#parts.side.drain();
    } finally {
      this.#afterBatch();
    }
  }

  #afterBatch(): void {
    this.#life.batchEnds();
    if (this.closed) return;
    this.tx.retry.wake();
    if (this.#options.audit && !this.closed) this.audit();
  }

  #followAddress(): void {
    const before = this.#address;
    const now = this.#parts.side.askAddress();
    if (now === undefined || Buffer.compare(now, before) === 0) return;
    this.#address = now;
    this.#admission.address = now;
    if (!this.#admission.ownAllowed) this.#parts.program.withhold(macHigh(now), macLow(now));
    this.#ownServices.move(now);
    setImmediate(() => {
      if (!this.closed) this.onAddressChange?.(before, now);
    });
  }

  /** Until the rings are empty. */
  #drainAll(): void {
    for (const [index, rx] of this.#rx.entries()) {
      while (rx.ready && this.#drainQueue(index) > 0) {
        // The next batch.
      }
    }
  }
}

function describeMode(program: AttachMode | undefined, zeroCopy: readonly boolean[]): string {
  if (program === 'generic') return 'generic';
  return zeroCopy.every((is) => is) ? 'zerocopy' : (program ?? 'copy');
}
