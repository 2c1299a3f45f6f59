import { EtherconnError } from '../../errors.ts';
import type { Addon, InterfaceQuery, NativeMapping, NativeSocket } from '../../native/addon.ts';
import { during, withAdvice } from '../../native/system-error.ts';
import { Holdings } from '../kernel/holdings.ts';
import { isEthernet } from '../kernel/interface.ts';
import { InterfaceMonitor } from '../kernel/interface-monitor.ts';
import { withNamespace } from '../kernel/namespace.ts';
import { intOption, SO_ERROR, SO_SNDBUF, SOCK_RAW, SOL_SOCKET } from '../kernel/socket-numbers.ts';
import { raiseReceiveBuffer, raiseSendBuffer, tryOption } from '../kernel/socket-options.ts';
import {
  AF_PACKET,
  bindAddress,
  FRAME_RESERVE,
  PACKET_ADD_MEMBERSHIP,
  PACKET_COPY_THRESH,
  PACKET_IGNORE_OUTGOING,
  PACKET_QDISC_BYPASS,
  PACKET_RESERVE,
  PACKET_RX_RING,
  PACKET_STATISTICS,
  PACKET_VERSION,
  PACKET_VNET_HDR,
  promiscuousMembership,
  type RingGeometry,
  ringRequestV2,
  ringRequestV3,
  SOL_PACKET,
  TPACKET_V2,
  TPACKET_V3,
} from './if-packet.ts';

/** Milliseconds after which a V3 block that is not full is handed over; the least the kernel knows. */
const BLOCK_TIMEOUT = 1;

/**
 * An AF_PACKET socket in the namespace of its interface, and that interface. Sending has a socket of its own: each
 * frame that is freed wakes up who waits on the socket that has sent it (sock_wfree), even one who waits to receive.
 */
export class PacketSocket {
  readonly native: NativeSocket;
  readonly #sender: NativeSocket | undefined;
  readonly interface: InterfaceQuery;
  readonly monitor: InterfaceMonitor;
  readonly #addon: Addon;
  readonly #holdings = new Holdings();
  readonly #statistics = new Uint32Array(3);
  /** Frames the kernel dropped since open because the ring was full. */
  dropped = 0;

  /** Neither receives nor sends until {@link bind}; `sends` or not at all. Throws a SystemError that says what to do. */
  constructor(addon: Addon, interfaceName: string, netns: string | undefined, sends = false) {
    this.#addon = addon;
    const advise = (code: string, syscall: string) => advice(code, syscall, interfaceName, netns);
    const opened = withAdvice(`opening '${interfaceName}'`, advise, () =>
      withNamespace(netns, (namespaceFd) =>
        openSockets(addon, interfaceName, namespaceFd, sends, this.#holdings),
      ),
    );
    this.native = opened.socket;
    this.#sender = opened.sender;
    this.interface = opened.query;
    this.monitor = opened.monitor;
  }

  /** Makes the receive ring and maps it. */
  mapReceiveRing(version: 2 | 3, geometry: RingGeometry): NativeMapping {
    const bytes = geometry.blockSize * geometry.blockCount;
    const advise = (code: string) =>
      code === 'ENOMEM' || code === 'EINVAL'
        ? `no memory for a receive ring of ${bytes} bytes; lower receiveRing`
        : undefined;
    return withAdvice('making the receive ring', advise, () => {
      this.#set(SOL_PACKET, PACKET_VERSION, intOption(version === 2 ? TPACKET_V2 : TPACKET_V3));
      this.#set(SOL_PACKET, PACKET_VNET_HDR, intOption(1));
      this.#set(SOL_PACKET, PACKET_RESERVE, intOption(FRAME_RESERVE));
      const request = version === 2 ? ringRequestV2(geometry) : ringRequestV3(geometry, BLOCK_TIMEOUT);
      this.#set(SOL_PACKET, PACKET_RX_RING, request);
      if (version === 2) {
        // Frames that are too long for a slot are queued on the socket, as far as its receive buffer goes.
        this.#set(SOL_PACKET, PACKET_COPY_THRESH, intOption(1));
        raiseReceiveBuffer(this.#addon, this.native);
      }
      return this.#addon.socketMap(this.native, bytes, 0, true);
    });
  }

  /**
   * Receives the copy of a frame that was too long for its slot, behind its virtio_net_hdr. Returns the length of both, or a
   * negative errno.
   */
  receiveCopy(bytes: Uint8Array, offset: number): number {
    return this.#addon.socketReceive(this.native, bytes, offset);
  }

  attachFilter(program: Uint8Array): void {
    during('setting the receive filter', () => this.#addon.socketAttachFilter(this.native, program));
  }

  /**
   * Starts reception, `withOutgoing` also of what this machine sends: the filter and the ring must be there, so that no frame
   * comes unfiltered.
   */
  bind(promiscuous: boolean, withOutgoing = false): void {
    const advise = (code: string) => (code === 'ENODEV' ? 'the interface has been deleted' : undefined);
    withAdvice('starting reception', advise, () => {
      // Linux 4.20 and later; before, the filter drops our own frames and the ring looks again.
      if (!withOutgoing)
        tryOption(this.#addon, this.native, SOL_PACKET, PACKET_IGNORE_OUTGOING, intOption(1));
      if (this.#sender !== undefined) this.#bindSender(this.#sender);
      this.#addon.socketBind(this.native, bindAddress(this.interface.index));
      if (promiscuous)
        this.#set(SOL_PACKET, PACKET_ADD_MEMBERSHIP, promiscuousMembership(this.interface.index));
    });
  }

  /** The send buffer that was really got, in bytes as the kernel counts them; 0 when this does not send. */
  sendBuffer(): number {
    return this.#sender === undefined ? 0 : this.#ask(this.#sender, SO_SNDBUF, 'its send buffer');
  }

  /** Reading resets the kernel's counters, so they are added up here. */
  readStatistics(): void {
    during('reading the statistics of the packet socket', () =>
      this.#addon.socketGetOption(this.native, SOL_PACKET, PACKET_STATISTICS, this.#statistics),
    );
    this.dropped += this.#statistics[1];
  }

  /** The pending error as a positive errno, 0 when there is none; reading clears it. */
  takeError(): number {
    return this.#ask(this.native, SO_ERROR, 'its error');
  }

  send(memory: Uint8Array, descriptors: Uint32Array, head: number, count: number): number {
    return this.#addon.packetSend(this.#sender!, memory, descriptors, head, count);
  }

  /** Unmaps the ring (its views read as detached), ends promiscuity, closes. Harmless when repeated. */
  close(): void {
    this.#holdings.release();
  }

  #ask(socket: NativeSocket, option: number, what: string): number {
    const value = new Uint32Array(1);
    during(`asking the packet socket for ${what}`, () =>
      this.#addon.socketGetOption(socket, SOL_SOCKET, option, value),
    );
    return value[0];
  }

  #set(level: number, name: number, value: Uint8Array | Uint32Array): void {
    this.#addon.socketSetOption(this.native, level, name, value);
  }

  /** By protocol 0, so that nothing is received (packet_mmap.rst of the kernel). */
  #bindSender(sender: NativeSocket): void {
    tryOption(this.#addon, sender, SOL_PACKET, PACKET_QDISC_BYPASS, intOption(1));
    raiseSendBuffer(this.#addon, sender);
    this.#addon.socketBind(sender, bindAddress(this.interface.index, 0));
  }
}

interface OpenedSockets {
  readonly socket: NativeSocket;
  readonly sender: NativeSocket | undefined;
  readonly query: InterfaceQuery;
  readonly monitor: InterfaceMonitor;
}

function openSockets(
  addon: Addon,
  interfaceName: string,
  namespaceFd: number,
  sends: boolean,
  holdings: Holdings,
): OpenedSockets {
  // Protocol 0: nothing is received before bind names the interface, or frames of all others would come first.
  const open = (): NativeSocket =>
    holdings.keep(addon.socketOpen(AF_PACKET, SOCK_RAW, 0, namespaceFd), (socket) =>
      addon.socketClose(socket),
    );
  try {
    const socket = open();
    const sender = sends ? open() : undefined;
    const query = addon.interfaceQuery(socket, interfaceName);
    if (!isEthernet(query.type)) {
      throw new EtherconnError(
        'ERR_ETHERCONN_INTERFACE',
        `opening '${interfaceName}': its frames have no Ethernet header (hardware type ${query.type})`,
      );
    }
    const monitor = new InterfaceMonitor(addon, namespaceFd, query.index);
    holdings.keep(monitor, () => monitor.close());
    return { socket, sender, query, monitor };
  } catch (error) {
    throw holdings.abandon(error);
  }
}

function advice(
  code: string,
  syscall: string,
  interfaceName: string,
  netns: string | undefined,
): string | undefined {
  const where = netns === undefined ? 'this network namespace' : `the network namespace ${netns}`;
  if (syscall === 'socket' && (code === 'EPERM' || code === 'EACCES')) {
    return (
      'packet sockets need CAP_NET_RAW: run as root, give it to the node binary ' +
      "(setcap cap_net_raw+ep), or run in a user namespace ('unshare -Urn')"
    );
  }
  if (syscall === 'socket' && code === 'EAFNOSUPPORT')
    return 'this kernel has no packet sockets (CONFIG_PACKET)';
  if (syscall === 'setns' && code === 'EPERM') {
    return `entering ${where} needs CAP_SYS_ADMIN, here and in the user namespace that owns it`;
  }
  if (syscall === 'setns' && code === 'EINVAL') return `netns: ${netns} is not a network namespace`;
  if (syscall === 'open') return `netns: ${netns} cannot be opened`;
  if (code === 'ENODEV') return `no interface '${interfaceName}' in ${where}`;
  return undefined;
}
