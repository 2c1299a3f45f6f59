import type { Addon, InterfaceQuery, NativePoll } from '../../native/addon.ts';
import { keepOnThread } from '../../native/keep-on-thread.ts';
import { during } from '../../native/system-error.ts';
import { viewsOver } from '../frame-memory.ts';
import type { InterfaceMonitor } from '../kernel/interface-monitor.ts';
import type { LinkReceiver, LinkWants } from '../link.ts';
import { ApartFrames } from '../packet/apart-frames.ts';
import { type FilterRule, filterProgram } from '../packet/filter.ts';
import { PACKET_ADD_MEMBERSHIP, promiscuousMembership, SOL_PACKET } from '../packet/if-packet.ts';
import { ringGeometry } from '../packet/ring-geometry.ts';
import { RingV2 } from '../packet/ring-v2.ts';
import { PacketSocket } from '../packet/socket.ts';

/** Frames delivered per wake-up. */
const BUDGET = 256;
/** Frames that the ring holds. */
const FRAMES = 1024;

const WATCHING = 'watching the socket for group frames';

/**
 * The AF_PACKET socket beside the AF_XDP ones. The in-kernel program passes broadcast and multicast frames on to the
 * kernel, which cannot be done for us as well; our copies come from here. Frames that are redirected to an AF_XDP
 * socket reach no packet socket, so nothing comes twice. The socket holds promiscuity too, and knows the interface.
 *
 * It costs nothing, not even memory, until somebody wants such frames.
 */
export class SideSocket {
  readonly #addon: Addon;
  readonly #socket: PacketSocket;
  readonly #apart: ApartFrames;
  #ring: RingV2 | undefined;
  #poll: NativePoll | undefined;
  #rule = '';
  #receiver: LinkReceiver | undefined;
  #woken: (events: number) => void = () => {};
  #referenced = true;
  #draining = false;

  /** Throws a SystemError that says what to do. */
  constructor(addon: Addon, interfaceName: string, netns: string | undefined) {
    this.#addon = addon;
    this.#socket = new PacketSocket(addon, interfaceName, netns);
    this.#apart = new ApartFrames((bytes, offset) => this.#socket.receiveCopy(bytes, offset));
  }

  get interface(): InterfaceQuery {
    return this.#socket.interface;
  }

  /** The interface's MAC address as it is now, which may have been changed since; undefined when it is gone. */
  askAddress(): Uint8Array | undefined {
    const address = new Uint8Array(6);
    const result = this.#addon.interfaceAddress(this.#socket.native, this.interface.index, address);
    return result === 0 ? address : undefined;
  }

  get monitor(): InterfaceMonitor {
    return this.#socket.monitor;
  }

  /** See `Link.receivedAt`: rings of AF_XDP do not say. */
  receivedAt(): bigint | null {
    return this.#draining ? this.#ring!.receivedAt() : null;
  }

  get rxFrames(): number {
    return this.#ring?.rxFrames ?? 0;
  }

  get rxBytes(): number {
    return this.#ring?.rxBytes ?? 0;
  }

  get rxRunts(): number {
    return this.#ring?.rxRunts ?? 0;
  }

  get rxOversize(): number {
    return this.#ring?.rxOversize ?? 0;
  }

  /** Frames the kernel dropped because the ring was full, as of the last {@link readStatistics}. */
  get dropped(): number {
    return this.#socket.dropped;
  }

  readStatistics(): void {
    if (this.#ring !== undefined) this.#socket.readStatistics();
  }

  /** Receives frames for all addresses from now on, until this is closed or the process ends. */
  holdPromiscuity(): void {
    const membership = promiscuousMembership(this.interface.index);
    during('making the interface promiscuous', () =>
      this.#addon.socketSetOption(this.#socket.native, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership),
    );
  }

  /** `woken` is called (from the event loop) when frames wait, or with a negative number when the socket has an error. */
  start(receiver: LinkReceiver, woken: (events: number) => void): void {
    this.#receiver = receiver;
    this.#woken = woken;
    this.#startPolling();
  }

  /** Which of the frames that the program passes on are wanted here, too. */
  want({ all, group }: LinkWants): void {
    const rule = all ? 'all' : group ? 'group' : 'none';
    if (rule === this.#rule || (rule === 'none' && this.#ring === undefined)) return;
    const filter: FilterRule = { all, group, addresses: new Set() };
    this.#socket.attachFilter(filterProgram(filter));
    this.#rule = rule;
    if (this.#ring !== undefined) return;
    const geometry = ringGeometry(2, this.interface.mtu, FRAMES);
    const { buffer, byteOffset } = this.#socket.mapReceiveRing(2, geometry);
    keepOnThread(buffer);
    this.#ring = new RingV2(viewsOver(buffer), byteOffset, geometry, this.#apart);
    this.#socket.bind(false);
    if (this.#receiver !== undefined) this.#startPolling();
  }

  /** For people: what comes from here. */
  describe(): string {
    return this.#rule === '' ? 'none' : this.#rule;
  }

  /** Delivers a batch; returns the number of frames. */
  drain(): number {
    if (this.#ring === undefined || this.#receiver === undefined) return 0;
    this.#draining = true;
    try {
      return this.#ring.drain(this.#receiver, BUDGET);
    } finally {
      this.#draining = false;
    }
  }

  /** After an error: goes on. */
  resume(): void {
    this.#socket.takeError();
    const poll = this.#poll;
    if (poll !== undefined) during(WATCHING, () => this.#addon.pollStart(poll));
  }

  setReferenced(referenced: boolean): void {
    this.#referenced = referenced;
    if (this.#poll !== undefined) this.#addon.pollRef(this.#poll, referenced);
  }

  /** No further frame is delivered; the memory stays. */
  stop(): void {
    if (this.#ring !== undefined) this.#ring.stopped = true;
    if (this.#poll !== undefined) this.#addon.pollClose(this.#poll);
    this.#poll = undefined;
  }

  /** Detaches and unmaps the ring, ends promiscuity, closes. Harmless when repeated. */
  close(): void {
    this.stop();
    this.#apart.close();
    this.#socket.close();
  }

  #startPolling(): void {
    if (this.#ring === undefined || this.#poll !== undefined) return;
    during(WATCHING, () => {
      this.#poll = this.#addon.pollOpen(this.#socket.native, (events) => this.#woken(events));
      this.#addon.pollRef(this.#poll, this.#referenced);
      this.#addon.pollStart(this.#poll);
    });
  }
}
