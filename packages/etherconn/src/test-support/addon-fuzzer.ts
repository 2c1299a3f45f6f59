import { closeSync, openSync, writeSync } from 'node:fs';
import process from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Prng } from '../link/impairments/prng.ts';
import { intOption, SOCK_RAW } from '../link/kernel/socket-numbers.ts';
import {
  AF_PACKET,
  bindAddress,
  PACKET_RX_RING,
  PACKET_VERSION,
  ringRequestV2,
  SOL_PACKET,
} from '../link/packet/if-packet.ts';
import {
  AF_XDP,
  SOL_XDP,
  XDP_PGOFF_RX_RING,
  XDP_RX_RING,
  XDP_TX_RING,
  XDP_UMEM_COMPLETION_RING,
  XDP_UMEM_FILL_RING,
  XDP_UMEM_PGOFF_FILL_RING,
  bindAddress as xdpAddress,
} from '../link/xdp/if-xdp.ts';
import {
  ENDPOINT_KEY_SIZE,
  ENDPOINT_SIZE,
  SERVICE_KEY_SIZE,
  SERVICE_SIZE,
  SETTINGS_SIZE,
} from '../link/xdp/steer-maps.ts';
import { loadAddon } from '../native/addon.ts';
import { newWasmMemory, webAssembly } from '../wire/webassembly.ts';

/**
 * Calls every function of the addon with anything: what it takes, what it has given, and what it never should be given.
 * A program of its own, for it may end with a crash: `node addon-fuzzer.js SEED CALLS`, in a network namespace of its own
 * and an empty folder. The file `journal` there has the last call.
 *
 * Kept from it is what would harm others than this process: descriptors that are not its own, and tables of the kernel's
 * that have no namespace.
 */

type Value = unknown;

/** How many handles of a kind are open at a time, at most. */
const MOST = 12;
/** Calls between two turns of the event loop. */
const CALLS_PER_TURN = 40;
const JOURNAL_LINE = 600;

class Fuzzer {
  readonly #random: Prng;
  readonly #addon = loadAddon() as unknown as Record<string, (...args: Value[]) => Value>;
  readonly #names: readonly string[] = Object.keys(this.#addon);
  readonly #sockets: Value[] = [];
  readonly #objects: Value[] = [];
  readonly #polls: Value[] = [];
  /** Handles that are closed, or about to be forgotten. */
  readonly #old: Value[] = [{}];
  /** Of rings that were mapped. */
  readonly #rings: Uint8Array[] = [];
  readonly #pages: Uint8Array = new Uint8Array(newWasmMemory(webAssembly!, 1 << 20).buffer);
  readonly #ownNamespace: number = openSync('/proc/self/ns/net', 'r');
  readonly #journal: number = openSync('journal', 'w');

  constructor(seed: number) {
    this.#random = new Prng(seed);
  }

  async run(calls: number): Promise<void> {
    for (let i = 0; i < calls; i++) {
      if (this.#chance(0.02)) this.#prepare();
      this.#call(this.#pick(this.#names));
      if (i % CALLS_PER_TURN === 0) {
        await turn();
        // What is mapped can be read, what is not is detached.
        for (const ring of this.#rings) for (let at = 0; at < ring.length; at += 512) ring[at] |= 0;
      }
    }
    while (this.#polls.length + this.#sockets.length + this.#objects.length > 0) this.#forget(true);
    closeSync(this.#ownNamespace);
    await turn();
  }

  /** Makes something that is as it should be, which chance would not come by. */
  #prepare(): void {
    switch (this.#random.next() % 4) {
      case 0:
        this.#packetSocket();
        break;
      case 1:
        this.#xdpSocket();
        break;
      case 2:
        for (const shape of MAPS) this.#try('bpfMapCreate', ...shape, 'prepared');
        break;
      case 3:
        this.#try('bpfProgramLoad', PASS, 'Apache-2.0', 'prepared', 0, new Uint8Array(0));
        break;
    }
  }

  #packetSocket(): void {
    const socket = this.#try('socketOpen', AF_PACKET, SOCK_RAW, 0, -1);
    this.#try('socketSetOption', socket, SOL_PACKET, PACKET_VERSION, intOption(1));
    const geometry = { blockSize: RING, blockCount: 1, frameSize: 2048 };
    this.#try('socketSetOption', socket, SOL_PACKET, PACKET_RX_RING, ringRequestV2(geometry));
    if (this.#chance(0.8)) this.#try('socketMap', socket, RING, 0, this.#chance(0.5));
    const query = this.#try('interfaceQuery', socket, 'v0') as { index: number } | undefined;
    if (query !== undefined) this.#try('socketBind', socket, bindAddress(query.index));
  }

  #xdpSocket(): void {
    const socket = this.#try('socketOpen', AF_XDP, SOCK_RAW, 0, -1);
    if (this.#chance(0.9)) this.#try('xdpRegisterUmem', socket, this.#pages, 2048, 0);
    for (const option of [XDP_RX_RING, XDP_TX_RING, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING]) {
      this.#try('socketSetOption', socket, SOL_XDP, option, intOption(64));
    }
    for (const page of [XDP_PGOFF_RX_RING, XDP_UMEM_PGOFF_FILL_RING]) {
      if (this.#chance(0.8)) this.#try('socketMap', socket, 1024, page, this.#chance(0.5));
    }
    const query = this.#try('interfaceQuery', this.#pick(this.#sockets), 'v0') as
      | { index: number }
      | undefined;
    if (query !== undefined) this.#try('socketBind', socket, xdpAddress(0, query.index, 0, 0));
  }

  #call(name: string): void {
    this.#try(name, ...this.#arguments(name));
  }

  #try(name: string, ...args: Value[]): Value {
    this.#note(name, args);
    try {
      const result = this.#addon[name](...args);
      this.#keep(name, args, result);
      return result;
    } catch (error) {
      const { code, errno, syscall } = error as NodeJS.ErrnoException;
      const isSystems = typeof code === 'string' && typeof errno === 'number' && typeof syscall === 'string';
      if (!(error instanceof TypeError) && !isSystems) throw error;
      return undefined;
    }
  }

  #keep(name: string, args: Value[], result: Value): void {
    if (name === 'socketOpen' || name === 'timerOpen') this.#sockets.push(result);
    else if (name === 'pollOpen') this.#polls.push(result);
    else if (
      result !== null &&
      typeof result === 'object' &&
      name.startsWith('bpf') &&
      name !== 'bpfDescribe'
    ) {
      this.#objects.push(result);
    } else if (name === 'socketMap') {
      const { buffer, byteOffset } = result as { buffer: ArrayBuffer; byteOffset: number };
      this.#rings.push(
        new Uint8Array(buffer, byteOffset, Math.min(Number(args[1]), buffer.byteLength - byteOffset)),
      );
      if (this.#rings.length > MOST) this.#rings.shift();
    }
    this.#forget(false);
  }

  /** Closes what has been open for the longest. */
  #forget(all: boolean): void {
    for (const [handles, close] of [
      [this.#polls, 'pollClose'],
      [this.#sockets, 'socketClose'],
      [this.#objects, 'bpfClose'],
    ] as const) {
      if (handles.length === 0 || (!all && handles.length <= MOST)) continue;
      const handle = handles.shift();
      this.#note(close, [handle]);
      this.#addon[close](handle);
      this.#old.push(handle);
      if (this.#old.length > MOST) this.#old.shift();
    }
  }

  #arguments(name: string): Value[] {
    const args = (SHAPES[name] ?? ['any', 'any', 'any', 'any', 'any']).map((kind) =>
      this.#chance(0.12) ? this.#anything() : this.#of(kind),
    );
    if (this.#chance(0.02)) args.pop();
    // Tables without a namespace, and memory without an end.
    if (name === 'socketOpen' && args[0] === AF_NETLINK) args[2] = 0;
    if (name === 'bpfMapCreate') for (let i = 1; i <= 3; i++) args[i] = this.#small(args[i]);
    // Descriptors that are not ours.
    if (name === 'bpfAdopt') args[0] = this.#chance(0.5) ? this.#descriptor() : -1;
    if (name.endsWith('Fd') || name === 'bpfAdopt') return args;
    const namespaceAt = (SHAPES[name] ?? []).indexOf('namespace');
    if (namespaceAt >= 0 && typeof args[namespaceAt] === 'number' && Number(args[namespaceAt]) >= 0) {
      args[namespaceAt] = this.#ownNamespace;
    }
    return args;
  }

  #of(kind: Kind): Value {
    switch (kind) {
      case 'socket':
        return this.#pick(this.#chance(0.9) ? this.#sockets : this.#old);
      case 'poll':
        return this.#pick(this.#chance(0.9) ? this.#polls : this.#old);
      case 'object':
        return this.#pick(this.#chance(0.9) ? this.#objects : this.#old);
      case 'int':
        return this.#pick(INTEGERS);
      case 'domain':
        return this.#pick([1, 2, 10, AF_NETLINK, 17, 44]);
      case 'type':
        return this.#pick([1, 2, 3]);
      case 'protocol':
        return this.#pick([0, 0, 0, 0x0300, 17]);
      case 'level':
        return this.#pick([1, 263, 283, 41, 270, 0, 6]);
      case 'option':
        return this.#random.next() % 64;
      case 'namespace':
        return this.#pick([-1, -1, -1, this.#ownNamespace]);
      case 'mapType':
        return this.#pick([1, 2, 5, 6, 9, 17, 10, 11, 22]);
      case 'size':
        return this.#pick([
          1,
          4,
          8,
          16,
          64,
          ENDPOINT_KEY_SIZE,
          ENDPOINT_SIZE,
          SERVICE_KEY_SIZE,
          SETTINGS_SIZE,
        ]);
      case 'bool':
        return this.#chance(0.5);
      case 'name':
        return this.#pick(['lo', 'lo', 'v0', 'v1', 'missing0', '', 'a'.repeat(15), 'lo\0', 'b'.repeat(300)]);
      case 'path':
        return this.#pick(['/missing', 'pin', '/sys/fs/bpf/etherconn-fuzz', '']);
      case 'bytes':
        return this.#bytes();
      case 'words':
        return this.#words();
      case 'callback':
        return () => {
          if (this.#chance(0.1)) this.#forget(true);
          if (this.#chance(0.01)) throw new Error('a callback that throws');
        };
      case 'any':
        return this.#anything();
    }
  }

  #anything(): Value {
    const roll = this.#random.next() % 12;
    if (roll < 4) return this.#of(this.#pick(KINDS));
    if (roll < 6) return this.#pick(INTEGERS);
    return this.#pick(STRANGE);
  }

  #bytes(): Value {
    const length = this.#chance(0.5)
      ? (this.#of('size') as number)
      : this.#pick([0, 6, 12, 14, 20, 28, 48, 100, 1500, 4096, 65_536]);
    switch (this.#random.next() % 6) {
      case 0:
        return this.#pages.subarray(0, length);
      case 1:
        return this.#pages.subarray(this.#random.next() % 8192, length + 8192);
      case 2:
        return new Uint8Array(new SharedArrayBuffer(length));
      case 3:
        return this.#rings.length > 0 ? this.#pick(this.#rings) : new Uint8Array(length);
      default: {
        const bytes = new Uint8Array(length);
        if (this.#chance(0.7)) for (let i = 0; i < length && i < 128; i++) bytes[i] = this.#random.next();
        return bytes;
      }
    }
  }

  #words(): Value {
    const words = new Uint32Array(this.#pick([0, 1, 2, 3, 4, 8, 16, 64, 512]));
    for (let i = 0; i < words.length; i++)
      words[i] = this.#pick([0, 1, 60, 64, 1500, 65_536, 0xffffffff, 4096]);
    return words;
  }

  /** A descriptor of ours, or one that nobody has. */
  #descriptor(): number {
    try {
      return this.#chance(0.5)
        ? (this.#addon.bpfFd(this.#pick(this.#objects)) as number)
        : (this.#addon.socketFd(this.#pick(this.#sockets)) as number);
    } catch {
      return 1_000_000;
    }
  }

  #small(value: Value): Value {
    return typeof value === 'number' && value > 4096 ? 4096 : value;
  }

  #note(name: string, args: readonly Value[]): void {
    const line = `${name}(${args.map(show).join(', ')})`;
    writeSync(this.#journal, line.slice(0, JOURNAL_LINE).padEnd(JOURNAL_LINE), 0);
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#random.next() % values.length];
  }

  #chance(probability: number): boolean {
    return this.#random.uniform() < probability;
  }
}

const AF_NETLINK = 16;
const RING = 65_536;
/** XDP_PASS for every frame: r0 = 2; exit. */
const PASS = Uint8Array.of(0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
/** Type, sizes and entries of maps as the steering program has them, and of one that is per CPU where it should not be. */
const MAPS = [
  [1, ENDPOINT_KEY_SIZE, ENDPOINT_SIZE, 16],
  [1, SERVICE_KEY_SIZE, SERVICE_SIZE, 16],
  [2, 4, SETTINGS_SIZE, 1],
  [6, 4, 8, 4],
  [5, ENDPOINT_KEY_SIZE, ENDPOINT_SIZE, 16],
] as const;

const KINDS = [
  'socket',
  'poll',
  'object',
  'int',
  'domain',
  'type',
  'protocol',
  'level',
  'option',
  'namespace',
  'mapType',
  'size',
  'bool',
  'name',
  'path',
  'bytes',
  'words',
  'callback',
] as const;
type Kind = (typeof KINDS)[number] | 'any';

const INTEGERS: readonly number[] = [
  -1,
  0,
  1,
  2,
  3,
  4,
  5,
  7,
  8,
  16,
  32,
  63,
  64,
  255,
  1024,
  2048,
  4096,
  65_535,
  65_536,
  2 ** 20,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 31,
  2 ** 32,
  2 ** 40,
  2 ** 53,
  0x80000000,
  0x100000000,
  0x180000000,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
];

const STRANGE: readonly Value[] = [
  undefined,
  null,
  true,
  '',
  'text',
  1n,
  Symbol('strange'),
  {},
  [],
  [1, 2],
  () => {},
  new Date(0),
  new Proxy({}, {}),
  new ArrayBuffer(16),
  new DataView(new ArrayBuffer(16)),
  new Float64Array(4),
  new BigUint64Array(2),
  new Int8Array(8),
  detached(),
  Object.create(null),
];

function detached(): Uint8Array {
  const bytes = new Uint8Array(64);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

/** What each function takes. What is not named here is called with anything. */
const SHAPES: Readonly<Record<string, readonly Kind[]>> = {
  socketOpen: ['domain', 'type', 'protocol', 'namespace'],
  socketFd: ['socket'],
  socketSetOption: ['socket', 'level', 'option', 'bytes'],
  socketGetOption: ['socket', 'level', 'option', 'bytes'],
  socketAttachFilter: ['socket', 'bytes'],
  socketBind: ['socket', 'bytes'],
  socketReceive: ['socket', 'bytes', 'int'],
  socketDrain: ['socket'],
  socketMap: ['socket', 'int', 'int', 'bool'],
  socketClose: ['socket'],
  packetSend: ['socket', 'bytes', 'words', 'int', 'int'],
  xdpRegisterUmem: ['socket', 'bytes', 'int', 'int'],
  xdpDiscard: ['bytes'],
  xdpKick: ['socket'],
  xdpWake: ['socket'],
  interfaceQuery: ['socket', 'name'],
  interfaceAddress: ['socket', 'int', 'bytes'],
  interfaceState: ['socket', 'int'],
  ethtoolChannels: ['socket', 'name'],
  ethtoolFeatureNames: ['socket', 'name'],
  ethtoolFeatures: ['socket', 'name', 'words'],
  ethtoolSetFeature: ['socket', 'name', 'int', 'bool'],
  netlinkRequest: ['socket', 'bytes', 'bytes'],
  pollOpen: ['socket', 'callback'],
  pollStart: ['poll'],
  pollStop: ['poll'],
  pollRef: ['poll', 'bool'],
  pollClose: ['poll'],
  timerOpen: [],
  timerSet: ['socket', 'int'],
  bpfMapCreate: ['mapType', 'size', 'size', 'size', 'name'],
  bpfMapUpdate: ['object', 'bytes', 'bytes'],
  bpfMapHas: ['object', 'bytes'],
  bpfMapDelete: ['object', 'bytes'],
  bpfMapSum: ['object', 'bytes'],
  bpfProgramLoad: ['bytes', 'name', 'name', 'int', 'bytes'],
  bpfLinkCreate: ['object', 'int', 'int', 'namespace'],
  bpfTestRun: ['object', 'bytes', 'int', 'int', 'namespace'],
  bpfAdopt: ['int'],
  bpfOpen: ['path'],
  bpfPin: ['object', 'path'],
  bpfDescribe: ['object'],
  bpfFd: ['object'],
  bpfClose: ['object'],
  steeringMerge: ['object', 'bytes', 'bytes', 'bytes', 'bool'],
  steeringService: ['object', 'object', 'bytes', 'bytes', 'bool'],
  steeringTakeAll: ['object', 'bytes', 'bool'],
};

function show(value: Value): string {
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength})`;
  if (typeof value === 'function') return 'function';
  return value !== null && typeof value === 'object' ? 'object' : String(value);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.on('uncaughtException', (error) => {
    if (error.message === 'a callback that throws') return;
    console.error(error);
    process.exit(1);
  });
  await new Fuzzer(Number(process.argv[2])).run(Number(process.argv[3]));
  process.exit(0);
}
