import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EtherconnError } from '../errors.ts';
import type { BpfFunctions } from './bpf.ts';

/**
 * The C addon: the system calls that JavaScript cannot make. Nothing is loaded until a kernel link is opened,
 * so that wire/, the memory link and everything over it work where the addon does not.
 *
 * Its functions throw an Error with `code`, `errno` and `syscall` when a system call fails, unless said otherwise; who
 * calls them says what for, by the functions of system-error.ts. They check their arguments as far as memory safety
 * needs it: no arguments whatever harm the process (addon-fuzz.test.ts).
 */

declare const socketBrand: unique symbol;
declare const pollBrand: unique symbol;

/** An open socket of the addon. */
export interface NativeSocket {
  readonly [socketBrand]: true;
}

/** A file descriptor in Node's event loop. */
export interface NativePoll {
  readonly [pollBrand]: true;
}

/** What `ioctl` tells of an interface. */
export interface InterfaceQuery {
  readonly index: number;
  /** Bytes. */
  readonly mtu: number;
  /** ARPHRD_* of linux/if_arp.h. */
  readonly type: number;
  /** 6 bytes. */
  readonly address: Uint8Array;
  /** The driver's name as ethtool shows it; '' when the interface has none. */
  readonly driver: string;
}

/** Queues of an interface that are in use; combined ones both receive and transmit. */
export interface ChannelCounts {
  readonly rx: number;
  readonly tx: number;
  readonly combined: number;
}

/** The addon's functions about an interface's driver, asked on any socket of its namespace. They throw as its others do. */
export interface InterfaceFunctions {
  /** Undefined when the driver does not tell. */
  ethtoolChannels(socket: NativeSocket, name: string): ChannelCounts | undefined;
  /** The kernel's names of the offload features, by number; '' for numbers without. */
  ethtoolFeatureNames(socket: NativeSocket, name: string): string[];
  /**
   * Fills four words for each 32 features: those that can be changed, those asked for, those that are on, those that
   * can never be changed (struct ethtool_get_features_block). Returns the number of words.
   */
  ethtoolFeatures(socket: NativeSocket, name: string, words: Uint32Array): number;
  /** Returns ETHTOOL_F_* bits; 0: done as asked. */
  ethtoolSetFeature(socket: NativeSocket, name: string, feature: number, on: boolean): number;
  /** Sends netlink messages, and receives one datagram into `answer`; returns its length. */
  netlinkRequest(socket: NativeSocket, request: Uint8Array, answer: Uint8Array): number;
}

/** A mapped ring: `length` bytes of `buffer` from `byteOffset`. */
export interface NativeMapping {
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
}

export interface Addon extends BpfFunctions, InterfaceFunctions {
  /**
   * A non-blocking socket in the network namespace behind `namespaceFd`, or in the thread's own when that is
   * negative. It stays in that namespace, with all that is asked of it later.
   */
  socketOpen(domain: number, type: number, protocol: number, namespaceFd: number): NativeSocket;
  socketFd(socket: NativeSocket): number;
  /** An option of SOL_SOCKET, SOL_PACKET, SOL_XDP, or IPV6_V6ONLY, whose value names no memory. */
  socketSetOption(socket: NativeSocket, level: number, name: number, value: Uint8Array | Uint32Array): void;
  /** Fills `value`; returns the number of bytes. Of the same options. */
  socketGetOption(socket: NativeSocket, level: number, name: number, value: Uint8Array | Uint32Array): number;
  /** `program`: struct sock_filter after struct sock_filter (linux/filter.h). Replaces the one before. */
  socketAttachFilter(socket: NativeSocket, program: Uint8Array): void;
  /** `address`: the family's struct sockaddr. */
  socketBind(socket: NativeSocket, address: Uint8Array): void;
  /**
   * Receives a datagram into `bytes` from `offset` on, without waiting. Returns its length, also where its end did not fit;
   * or a negative errno.
   */
  socketReceive(socket: NativeSocket, bytes: Uint8Array, offset: number): number;
  /** Throws away what is queued for reading. */
  socketDrain(socket: NativeSocket): void;
  /**
   * Maps the socket's ring. With `external` false, or where the runtime refuses external ArrayBuffers, it is
   * mapped over the inside of an ordinary one.
   */
  socketMap(socket: NativeSocket, length: number, offset: number, external: boolean): NativeMapping;
  /** Detaches the mappings' buffers, unmaps them, closes the socket. Harmless when repeated. */
  socketClose(socket: NativeSocket): void;

  /**
   * Sends `count` frames of `memory` named by pairs (offset, length) in `descriptors`, a ring of a power of two
   * of pairs, from pair number `head`. Returns how many were taken, or a negative errno for the first. Does not
   * throw.
   */
  packetSend(
    socket: NativeSocket,
    memory: Uint8Array,
    descriptors: Uint32Array,
    head: number,
    count: number,
  ): number;

  /** Makes `memory`, which starts on a page and never moves, the packet memory (UMEM) of an AF_XDP socket. */
  xdpRegisterUmem(socket: NativeSocket, memory: Uint8Array, chunkSize: number, headroom: number): void;
  /** Gives the whole pages of packet memory back to the system; their content is lost. */
  xdpDiscard(memory: Uint8Array): void;
  /** Has the kernel look at the TX ring. Returns 0 or a negative errno; does not throw. */
  xdpKick(socket: NativeSocket): number;
  /** Has the driver look at the fill ring. Returns 0 or a negative errno; does not throw. */
  xdpWake(socket: NativeSocket): number;

  /** The interface called `name` (at most 15 bytes) in the socket's namespace. */
  interfaceQuery(socket: NativeSocket, name: string): InterfaceQuery;
  /**
   * 1 when the interface with that index is up and has a carrier, 0 when not, or a negative errno (-ENODEV when it
   * is gone). Does not throw.
   */
  interfaceState(socket: NativeSocket, index: number): number;

  /**
   * Writes the MAC address (6 bytes) of the interface with that index in the socket's namespace. Returns 0, or a
   * negative errno (-ENODEV when it is gone); does not throw.
   */
  interfaceAddress(socket: NativeSocket, index: number, address: Uint8Array): number;

  /**
   * Watches the socket for being readable, from `pollStart` on; it can have one poll. The callback gets a positive
   * number, or a negative one when the socket reports an error: then the poll has stopped, and may be started again.
   */
  pollOpen(socket: NativeSocket, callback: (events: number) => void): NativePoll;
  pollStart(poll: NativePoll): void;
  pollStop(poll: NativePoll): void;
  /** Whether the started poll keeps the process alive (the default). */
  pollRef(poll: NativePoll, keep: boolean): void;
  /** No callback comes after it. Closing the socket does the same. Harmless when repeated. */
  pollClose(poll: NativePoll): void;

  /** A timer, not set, that counts as a socket: readable once it expires, it is watched and closed as they are. */
  timerOpen(): NativeSocket;
  /** Has it expire once, that many microseconds from now, and not before; 0: never. */
  timerSet(timer: NativeSocket, microseconds: number): void;
}

/** Whether the addon is available, and if not, why. */
export interface AddonStatus {
  readonly available: boolean;
  /** Empty when available. */
  readonly reason: string;
}

const ADDON_FILE = 'etherconn.node';
const PREBUILDS = '../../prebuilds/';
const SUPPORTED = /^linux-(x64|arm64)-(glibc|musl)$/;

const WITHOUT = 'MemoryNetwork, etherconn/wire and etherconn/capture work without it';

const BUNDLED =
  'a program that has been bundled into one file has no native addon beside it: ' +
  "keep 'etherconn' out of the bundle (esbuild: --external:etherconn, Rollup: external, webpack: externals)";

let loaded: Addon | undefined;

/** The addon, loaded at the first call. Throws an EtherconnError (`ERR_ETHERCONN_ADDON`) that says why it cannot be. */
export function loadAddon(): Addon {
  loaded ??= load();
  return loaded;
}

/** Tries to load the addon and does not throw. For `doctor` and for tests. */
export function addonStatus(): AddonStatus {
  try {
    loadAddon();
    return { available: true, reason: '' };
  } catch (error) {
    return { available: false, reason: (error as Error).message };
  }
}

function load(): Addon {
  if (process.platform !== 'linux') {
    throw addonError(`kernel links need Linux; this is ${process.platform}`);
  }
  // Deno would refuse the addon, and Bun end the process at the first call of libuv.
  const { bun, deno } = process.versions;
  if (bun !== undefined || deno !== undefined) {
    const runtime = bun !== undefined ? 'Bun' : 'Deno';
    throw addonError(
      `the native addon needs Node.js: ${runtime} does not have the libuv functions it calls; ${WITHOUT}`,
    );
  }
  const target = `linux-${process.arch}-${cLibrary()}`;
  // Bundlers that make CommonJS leave it out. Programs that need no addon must load all the same.
  const here: string | undefined = import.meta.url;
  if (here === undefined) throw addonError(BUNDLED);
  const prebuilds = new URL(PREBUILDS, here);
  const path = fileURLToPath(new URL(`${target}/${ADDON_FILE}`, prebuilds));
  try {
    // Not imported: webpack puts nothing in its place, and so loses the addon.
    return process.getBuiltinModule('node:module').createRequire(here)(path) as Addon;
  } catch (error) {
    throw addonError(explain(error as NodeJS.ErrnoException, target, path, prebuilds), error);
  }
}

function explain(error: NodeJS.ErrnoException, target: string, path: string, prebuilds: URL): string {
  switch (error.code) {
    case 'ERR_DLOPEN_DISABLED':
      return "Node's permission model forbids native addons; start node with --allow-addons";
    case 'ERR_ACCESS_DENIED':
      return `Node's permission model forbids reading ${path}; start node with --allow-fs-read for it and --allow-addons`;
    case 'MODULE_NOT_FOUND': {
      const builds = buildsIn(prebuilds);
      const advice = SUPPORTED.test(target)
        ? "in a checkout, 'npm run build:native' makes it with the system's C compiler"
        : `it supports Linux on x64 and arm64; ${WITHOUT}`;
      return (
        `there is no build of the native addon for ${target} (there are: ${builds ?? 'none'}); ${advice}` +
        (builds === null ? `; ${BUNDLED}` : '')
      );
    }
    default:
      return `the native addon ${path} cannot be loaded: ${error.message}`;
  }
}

/** Names of what is there; null when the folder is not. */
function buildsIn(prebuilds: URL): string | null {
  try {
    return readdirSync(prebuilds).join(', ') || 'none';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : 'none';
  }
}

/** Node's report names the glibc it runs on, and none on musl. */
function cLibrary(): 'glibc' | 'musl' {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  // The report looks up the names of the hosts of all open connections unless told not to (Node 22 and later).
  const before = report.excludeNetwork;
  if (before !== undefined) report.excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  if (before !== undefined) report.excludeNetwork = before;
  return header.glibcVersionRuntime ? 'glibc' : 'musl';
}

function addonError(reason: string, cause?: unknown): EtherconnError {
  return new EtherconnError('ERR_ETHERCONN_ADDON', reason, cause === undefined ? {} : { cause });
}
