import type { LinkInfo } from '../link/link.ts';
import { openXdpLink, type XdpLink, type XdpLinkStats, type XdpQueueInfo } from '../link/xdp/link.ts';
import { XDP_LINK_OPTIONS, type XdpLinkOptions } from '../link/xdp/options.ts';
import type { SharedProgram } from '../link/xdp/shared-program.ts';
import { checkKnown } from '../options.ts';
import { formatMac } from '../wire/mac.ts';
import { KernelRelay, overLink } from './kernel-relay.ts';
import type { RelayStats } from './packet-relay.ts';
import { RELAY_OPTIONS, type RelayOptions, splitOptions } from './relay-options.ts';

/** How an XDPRelay passes frames to the kernel: the values of `sendingMode`. */
export type XDPSendingMode = 'single' | 'batch';
/** Passes each frame when it is written. The default. */
export const XDPSendingModeSingle: XDPSendingMode = 'single';
/** Passes several frames at a time, for more throughput. */
export const XDPSendingModeBatch: XDPSendingMode = 'batch';

/** Options of {@link XDPRelay.open}: those of the AF_XDP link and those of the relay. */
export interface XDPRelayOptions extends RelayOptions, XdpLinkOptions {}

/** What an XDPRelay got from the kernel. */
export interface XdpInfo extends LinkInfo {
  readonly kind: 'xdp';
  /**
   * 'zerocopy': the driver uses the packet memory itself. 'native': the driver copies. 'generic': the kernel
   * copies. 'copy': with `xskMapFd` or `xskMapPath`, if the kernel reports no program on the interface or several.
   */
  readonly mode: 'zerocopy' | 'native' | 'generic' | 'copy';
  /** Where the program is attached, even if another relay attached it; 'foreign' with `xskMapFd` and `xskMapPath`. */
  readonly attached: 'native' | 'generic' | 'foreign';
  /**
   * Id of the program on the interface, as `ip link` and bpftool show it, read back from the kernel when the relay
   * was opened. Undefined if the kernel reported none or, with `xskMapFd` and `xskMapPath`, several.
   */
  readonly programId: number | undefined;
  /** Why no faster mode is in use; undefined if no attempt has failed. */
  readonly fallback: string | undefined;
  readonly queues: readonly XdpQueueInfo[];
  /** The queue that sends. */
  readonly sendQueue: number;
  /** Bytes. */
  readonly chunkSize: number;
  /** Bytes before each received frame, in addition to the kernel's 256. */
  readonly headroom: number;
  /** Per queue. */
  readonly chunks: number;
  readonly umemBytes: number;
  /** Why `chunks` is less than the default, and what to do about it; undefined if it is not. */
  readonly reduced: string | undefined;
  /** Whether a frame may occupy several chunks. */
  readonly multiBuffer: boolean;
}

/** Counters of an XDPRelay. `link` has those of the kernel and of the steering program. */
export interface XdpStats extends RelayStats {
  link: XdpLinkStats;
}

/**
 * A relay over AF_XDP sockets, one for each queue of the interface. It receives only frames for registered
 * endpoints; all other frames of the interface stay with the kernel. Needs Linux 5.10, CAP_NET_RAW, CAP_NET_ADMIN
 * and CAP_BPF.
 */
export class XDPRelay extends KernelRelay {
  readonly #xdp: XdpLink;

  private constructor(xdp: XdpLink, options: RelayOptions) {
    super(xdp, options);
    this.#xdp = xdp;
    xdp.onAddressChange = (before, now) => {
      const address = { before: formatMac(before), now: formatMac(now) };
      options.logger?.warn(
        { interface: xdp.interfaceName, address },
        'the interface has another MAC address',
      );
      this.emitAddress(now);
    };
  }

  /**
   * Opens a relay on an interface. Rejects with an OptionError before anything is opened, otherwise with a
   * SystemError or EtherconnError that says what is missing. docs/xdp.md lists these errors.
   */
  static async open(interfaceName: string, options: XDPRelayOptions = {}): Promise<XDPRelay> {
    checkKnown(options, [...XDP_LINK_OPTIONS, ...RELAY_OPTIONS]);
    const [relayOptions, linkOptions] = splitOptions(options);
    const link = await openXdpLink(interfaceName, linkOptions);
    return overLink(link, () => new XDPRelay(link, relayOptions));
  }

  /** The number of AF_XDP sockets: one for each queue. Go: NumSocket. */
  numSocket(): number {
    return this.info().queues.length;
  }

  /**
   * The program, for the option `program` of a relay in another thread, on other queues of this interface. Throws
   * RelayStoppedError.
   */
  get program(): SharedProgram {
    this.checkOpen('program');
    return this.#xdp.program;
  }

  override info(): XdpInfo {
    return super.info() as XdpInfo;
  }

  override stats(): XdpStats {
    return { ...super.stats(), link: this.#xdp.stats() };
  }

  /** Like 'XDPRelay eth0 (native, queues 0, 1, 2, 3)'. */
  override toString(): string {
    const { mode, queues } = this.info();
    return `XDPRelay ${this.interfaceName()} (${mode}, queues ${queues.map(({ queue }) => queue).join(', ')})`;
  }
}
