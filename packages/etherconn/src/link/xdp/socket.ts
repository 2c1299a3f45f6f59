import type { Addon, NativeSocket } from '../../native/addon.ts';
import { keepOnThread } from '../../native/keep-on-thread.ts';
import { during, withAdvice } from '../../native/system-error.ts';
import { intOption, SOCK_RAW } from '../kernel/socket-numbers.ts';
import { raiseSendBuffer } from '../kernel/socket-options.ts';

import {
  ADDRESS_SIZE,
  AF_XDP,
  bindAddress,
  DESCRIPTOR_SIZE,
  type MappingOffsets,
  MMAP_OFFSETS_SIZE,
  type RingOffsets,
  readMappingOffsets,
  readStatistics,
  SOL_XDP,
  STATISTICS_SIZE,
  XDP_MMAP_OFFSETS,
  XDP_OPTIONS,
  XDP_OPTIONS_ZEROCOPY,
  XDP_PGOFF_RX_RING,
  XDP_PGOFF_TX_RING,
  XDP_RX_RING,
  XDP_STATISTICS,
  XDP_TX_RING,
  XDP_UMEM_COMPLETION_RING,
  XDP_UMEM_FILL_RING,
  XDP_UMEM_PGOFF_COMPLETION_RING,
  XDP_UMEM_PGOFF_FILL_RING,
  type XdpStatistics,
} from './if-xdp.ts';
import { CompletionRing, FillRing, type RingMemory, RxRing, TxRing } from './ring.ts';
import type { Umem } from './umem.ts';

/** Numbers of entries, powers of two. The RX and fill rings have as many as the queue has chunks to receive into. */
export interface RingSizes {
  readonly rx: number;
  /** 0 for a socket that does not send, or by another one; see `XdpTxSocket`. */
  readonly tx: number;
  readonly fill: number;
  readonly completion: number;
}

/** The mapped rings of a socket. */
export interface XdpRings {
  readonly rx: RxRing;
  readonly tx: TxRing | undefined;
  readonly fill: FillRing;
  readonly completion: CompletionRing;
}

/** An AF_XDP socket: of one queue of an interface, in that interface's namespace. */
export class XdpSocket {
  readonly native: NativeSocket;
  readonly sizes: RingSizes;
  readonly rings: XdpRings;
  readonly #addon: Addon;
  readonly #statistics = new Uint8Array(STATISTICS_SIZE);

  /** `namespaceFd` as in the addon's `socketOpen`. Makes the rings and maps them. Throws what the addon throws. */
  constructor(addon: Addon, namespaceFd: number, sizes: RingSizes) {
    this.#addon = addon;
    this.sizes = sizes;
    this.native = addon.socketOpen(AF_XDP, SOCK_RAW, 0, namespaceFd);
    try {
      this.#set(SOL_XDP, XDP_RX_RING, intOption(sizes.rx));
      if (sizes.tx > 0) this.#set(SOL_XDP, XDP_TX_RING, intOption(sizes.tx));
      this.#set(SOL_XDP, XDP_UMEM_FILL_RING, intOption(sizes.fill));
      this.#set(SOL_XDP, XDP_UMEM_COMPLETION_RING, intOption(sizes.completion));
      this.rings = this.#mapRings();
      if (sizes.tx > 0) raiseSendBuffer(addon, this.native);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get fd(): number {
    return during('asking an AF_XDP socket for its descriptor', () => this.#addon.socketFd(this.native));
  }

  /** Makes packet memory this socket's own; other queues' sockets share it by naming this one in `bind`. */
  registerUmem(umem: Umem, headroom: number): void {
    const memory = umem.memory.u8.subarray(0, umem.bytes);
    this.#addon.xdpRegisterUmem(this.native, memory, umem.chunkSize, headroom);
  }

  /** `flags` of {@link BindFlag}; with SHARED_UMEM `owner` is the socket whose memory it is. */
  bind(flags: number, interfaceIndex: number, queue: number, owner?: XdpSocket): void {
    this.#addon.socketBind(this.native, bindAddress(flags, interfaceIndex, queue, owner?.fd ?? 0));
  }

  /** Whether the driver works on the packet memory itself, as the kernel says. */
  zeroCopy(): boolean {
    const options = new Uint32Array(1);
    during('asking an AF_XDP socket for its mode', () =>
      this.#addon.socketGetOption(this.native, SOL_XDP, XDP_OPTIONS, options),
    );
    return (options[0] & XDP_OPTIONS_ZEROCOPY) !== 0;
  }

  statistics(): XdpStatistics {
    return readSocketStatistics(this.#addon, this.native, this.#statistics);
  }

  /** Has the kernel look at the TX ring; 0 or a negative errno. */
  kick(): number {
    return this.#addon.xdpKick(this.native);
  }

  /** Has the driver look at the fill ring. */
  wake(): void {
    this.#addon.xdpWake(this.native);
  }

  /** Detaches and unmaps the rings, closes. Harmless when repeated. */
  close(): void {
    this.#addon.socketClose(this.native);
  }

  #mapRings(): XdpRings {
    const offsets = mappingOffsets(this.#addon, this.native);
    const { rx, tx, fill, completion } = this.sizes;
    const map = (ring: RingOffsets, size: number, entrySize: number, page: number) =>
      mapRing(this.#addon, this.native, ring, size, entrySize, page);
    return {
      rx: new RxRing(map(offsets.rx, rx, DESCRIPTOR_SIZE, XDP_PGOFF_RX_RING)),
      tx: tx === 0 ? undefined : mapTxRing(this.#addon, this.native, tx),
      fill: new FillRing(map(offsets.fill, fill, ADDRESS_SIZE, XDP_UMEM_PGOFF_FILL_RING)),
      completion: new CompletionRing(
        map(offsets.completion, completion, ADDRESS_SIZE, XDP_UMEM_PGOFF_COMPLETION_RING),
      ),
    };
  }

  #set(level: number, name: number, value: Uint32Array): void {
    this.#addon.socketSetOption(this.native, level, name, value);
  }
}

/** Maps the TX ring of a socket, which has `size` entries. */
export function mapTxRing(addon: Addon, socket: NativeSocket, size: number): TxRing {
  const { tx } = mappingOffsets(addon, socket);
  return new TxRing(mapRing(addon, socket, tx, size, DESCRIPTOR_SIZE, XDP_PGOFF_TX_RING));
}

/** What the kernel has counted; `bytes` holds its answer. */
export function readSocketStatistics(addon: Addon, socket: NativeSocket, bytes: Uint8Array): XdpStatistics {
  during('reading the statistics of an AF_XDP socket', () =>
    addon.socketGetOption(socket, SOL_XDP, XDP_STATISTICS, bytes),
  );
  return readStatistics(bytes);
}

function mappingOffsets(addon: Addon, socket: NativeSocket): MappingOffsets {
  const bytes = new Uint8Array(MMAP_OFFSETS_SIZE);
  addon.socketGetOption(socket, SOL_XDP, XDP_MMAP_OFFSETS, bytes);
  return readMappingOffsets(bytes);
}

function mapRing(
  addon: Addon,
  socket: NativeSocket,
  offsets: RingOffsets,
  size: number,
  entrySize: number,
  pageOffset: number,
): RingMemory {
  const length = offsets.entries + size * entrySize;
  const { buffer, byteOffset } = addon.socketMap(socket, length, pageOffset, true);
  // Handing the mapped memory to another thread would outlive the unmapping at close.
  keepOnThread(buffer);
  return {
    u32: new Uint32Array(buffer, byteOffset, length >>> 2),
    producer: offsets.producer >>> 2,
    consumer: offsets.consumer >>> 2,
    flags: offsets.flags >>> 2,
    entries: offsets.entries >>> 2,
    size,
  };
}

/** Calls `action`; what the kernel refuses becomes a SystemError that says what to do. */
export function withXdpAdvice<T>(operation: string, action: () => T): T {
  return withAdvice(operation, advice, action);
}

function advice(code: string, syscall: string): string | undefined {
  if (syscall === 'socket' && (code === 'EPERM' || code === 'EACCES')) {
    return 'AF_XDP sockets need CAP_NET_RAW: run as root, or use RawSocketRelay in a user namespace';
  }
  if (syscall === 'socket' && code === 'EAFNOSUPPORT') {
    return 'this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS); use RawSocketRelay';
  }
  if (syscall === 'setsockopt(XDP_UMEM_REG)' && (code === 'ENOBUFS' || code === 'ENOMEM')) {
    return (
      "the limit of locked memory is too low for the packet memory: raise it ('ulimit -l unlimited', LimitMEMLOCK= " +
      "of systemd), give CAP_IPC_LOCK, or lower 'chunks'"
    );
  }
  if (syscall === 'bind' && code === 'ENOTSUP') {
    return "the driver has no zero-copy mode; use mode 'native' or 'auto'";
  }
  if (code === 'ENOMEM') return "no memory for the rings; lower 'chunks'";
  return undefined;
}
