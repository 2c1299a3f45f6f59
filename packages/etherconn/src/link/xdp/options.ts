import { OptionError } from '../../errors.ts';
import { checkBoolean, checkInteger, checkKnown, checkOneOf, requireInteger, show } from '../../options.ts';
import { DEFAULT_MODERATION, MAX_MODERATION, type PollingMode } from '../kernel/polling.ts';
import type { SharedProgram } from './shared-program.ts';

/** The requested mode; see {@link XdpLinkOptions.mode}. */
export type XdpMode = 'auto' | 'zerocopy' | 'native' | 'generic';

/** Options of {@link openXdpLink}. */
export interface XdpLinkOptions {
  /** Numbers of the queues to receive from, each once. Default all queues of the interface. */
  queues?: readonly number[];
  /** The one of `queues` that sends. Only one does, so that frames leave in order. Default the first. */
  sendQueue?: number;
  /**
   * 'zerocopy': the driver uses the packet memory itself. 'native': the driver copies. 'generic': the kernel
   * copies, with any driver. Each fails if it is not available. 'auto' (default): the first of these that works.
   */
  mode?: XdpMode;
  /**
   * Bytes of a chunk, 2048 or 4096. Default 2048 if every frame fits into one (up to an MTU of 1768), otherwise
   * 4096. The kernel keeps 256 bytes and `headroom` free before each received frame.
   */
  chunkSize?: 2048 | 4096;
  /**
   * Chunks per queue, a power of two from 64 to 65,536. Half of them is the size of each ring. Default 8192, or
   * fewer if they would exceed 512 MiB or half of the limit of locked memory. The half for sending exists once,
   * because one queue sends.
   */
  chunks?: number;
  /** Additional free bytes before received frames, 0 to 1024. Default 0. */
  headroom?: number;
  /** Lets the driver sleep until it is woken (XDP_USE_NEED_WAKEUP). Default true. */
  needWakeup?: boolean;
  /**
   * 'interrupt' (default): the kernel wakes the link. 'adaptive': after traffic, the link polls the rings in every
   * turn of the event loop for half a millisecond before it waits for the kernel. 'busy': it always polls. A link
   * after `unref()` always waits for the kernel.
   */
  polling?: 'interrupt' | 'adaptive' | 'busy';
  /**
   * With polling 'interrupt': microseconds that frames may wait while traffic is dense (25 frames in that time, and
   * over 100,000 a second) and is not answered. A timer then wakes the link instead of each frame. 0 to 1000; 0
   * disables it. Default 100.
   */
  moderation?: number;
  /**
   * Maximum number of stations in the in-kernel program, 1 to 16,777,216. Default 131,072. Not with `attach:
   * false`.
   */
  maxEndpoints?: number;
  /** Path of the network namespace of the interface. Default the namespace of the calling thread. */
  netns?: string;
  /** Allows stations with the interface's own MAC address, which takes this traffic from the kernel. Default false. */
  takeover?: boolean;
  /**
   * 'endpoints' (default): the link receives only frames for registered stations; all others continue to the
   * kernel. 'all': the link receives all unicast frames of `queues`, which cuts the kernel off. Not with `xskMapFd`
   * and `xskMapPath`, where a foreign program decides.
   */
  steering?: 'endpoints' | 'all';
  /**
   * If false, attaches no program, but puts the sockets into the map of one that is already attached, named by
   * `xskMapFd`, `xskMapPath` or `program`. Default true.
   */
  attach?: boolean;
  /** With `attach: false`: file descriptor of the program's XSKMAP. The caller keeps and closes it. */
  xskMapFd?: number;
  /** With `attach: false`: path of the pinned XSKMAP. */
  xskMapPath?: string;
  /** With `attach: false`: the `program` of another link of this process, possibly in another thread. */
  program?: SharedProgram;
  /** Receives frames for all MAC addresses, through a membership that ends with the process. Default true. */
  promiscuous?: boolean;
  /** For debugging: checks after every received batch that no chunk is lost. Slow. Default false. */
  audit?: boolean;
}

/** The options, checked and with their defaults; undefined where the default depends on the interface. */
export interface CheckedXdpLinkOptions {
  readonly queues: readonly number[] | undefined;
  readonly sendQueue: number | undefined;
  readonly mode: XdpMode;
  readonly chunkSize: 2048 | 4096 | undefined;
  readonly chunks: number | undefined;
  readonly headroom: number;
  readonly needWakeup: boolean;
  readonly polling: PollingMode;
  readonly moderation: number;
  readonly maxEndpoints: number;
  readonly netns: string | undefined;
  readonly takeover: boolean;
  readonly steering: 'endpoints' | 'all';
  readonly attach: boolean;
  readonly xskMapFd: number | undefined;
  readonly xskMapPath: string | undefined;
  readonly program: SharedProgram | undefined;
  readonly promiscuous: boolean;
  readonly audit: boolean;
}

/** Names of the options. */
export const XDP_LINK_OPTIONS: readonly string[] = [
  'queues',
  'sendQueue',
  'mode',
  'chunkSize',
  'chunks',
  'headroom',
  'needWakeup',
  'polling',
  'moderation',
  'maxEndpoints',
  'netns',
  'takeover',
  'steering',
  'attach',
  'xskMapFd',
  'xskMapPath',
  'program',
  'promiscuous',
  'audit',
];

/** Bits that the steering program has for queues. */
export const MAX_QUEUES = 64;
const MIN_CHUNKS = 64;
const MAX_CHUNKS = 65_536;
const MAX_HEADROOM = 1024;
const MAX_FD = 0x7fffffff;

/** Throws an OptionError for the first option that is wrong. */
export function checkXdpLinkOptions(options: XdpLinkOptions): CheckedXdpLinkOptions {
  checkKnown(options, XDP_LINK_OPTIONS);
  const queues = checkQueues(options.queues);
  const attach = checkBoolean('attach', options.attach, true);
  checkMap(options, attach);
  return {
    queues,
    sendQueue: checkSendQueue(options.sendQueue, queues),
    mode: checkOneOf('mode', options.mode, ['auto', 'zerocopy', 'native', 'generic'], 'auto'),
    chunkSize: checkChunkSize(options.chunkSize),
    chunks: checkChunks(options.chunks),
    headroom: checkInteger('headroom', options.headroom, 0, MAX_HEADROOM, 0),
    needWakeup: checkBoolean('needWakeup', options.needWakeup, true),
    polling: checkOneOf('polling', options.polling, ['interrupt', 'adaptive', 'busy'], 'interrupt'),
    moderation: checkInteger('moderation', options.moderation, 0, MAX_MODERATION, DEFAULT_MODERATION),
    maxEndpoints: checkInteger('maxEndpoints', options.maxEndpoints, 1, 1 << 24, 131_072),
    netns: checkPath('netns', options.netns, 'a network namespace'),
    takeover: checkBoolean('takeover', options.takeover, false),
    steering: checkOneOf('steering', options.steering, ['endpoints', 'all'], 'endpoints'),
    attach,
    xskMapFd: options.xskMapFd,
    xskMapPath: checkPath('xskMapPath', options.xskMapPath, 'a pinned XSKMAP'),
    program: options.program,
    promiscuous: checkBoolean('promiscuous', options.promiscuous, true),
    audit: checkBoolean('audit', options.audit, false),
  };
}

function checkQueues(value: unknown): readonly number[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_QUEUES) {
    throw new OptionError('queues', `must be a list of 1 to ${MAX_QUEUES} queue numbers, got ${show(value)}`);
  }
  for (const queue of value) requireInteger('queues', queue, 0, MAX_QUEUES - 1);
  if (new Set(value).size !== value.length) throw new OptionError('queues', 'must name each queue once');
  return [...value];
}

function checkSendQueue(value: unknown, queues: readonly number[] | undefined): number | undefined {
  if (value === undefined) return undefined;
  const queue = checkInteger('sendQueue', value, 0, MAX_QUEUES - 1, 0);
  if (queues !== undefined && !queues.includes(queue)) {
    throw new OptionError('sendQueue', `must be one of queues (${queues.join(', ')}), got ${queue}`);
  }
  return queue;
}

function checkChunkSize(value: unknown): 2048 | 4096 | undefined {
  if (value === undefined || value === 2048 || value === 4096) return value;
  throw new OptionError('chunkSize', `must be 2048 or 4096, got ${show(value)}`);
}

function checkChunks(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const chunks = checkInteger('chunks', value, MIN_CHUNKS, MAX_CHUNKS, MIN_CHUNKS);
  if ((chunks & (chunks - 1)) === 0) return chunks;
  throw new OptionError(
    'chunks',
    `must be a power of two from ${MIN_CHUNKS} to ${MAX_CHUNKS}, got ${chunks}`,
  );
}

function checkMap(options: XdpLinkOptions, attach: boolean): void {
  const names = (['xskMapFd', 'xskMapPath', 'program'] as const).filter(
    (name) => options[name] !== undefined,
  );
  if (attach && names.length > 0) {
    throw new OptionError(
      names[0],
      'names the map of a program that is there already; it needs attach: false',
    );
  }
  if (!attach && names.length !== 1) {
    throw new OptionError('attach', 'false needs exactly one of xskMapFd, xskMapPath and program');
  }
  if (options.xskMapFd !== undefined) requireInteger('xskMapFd', options.xskMapFd, 0, MAX_FD);
  if (options.program !== undefined) checkProgram(options.program);
  if (attach) return;
  if (options.maxEndpoints !== undefined) {
    throw new OptionError(
      'maxEndpoints',
      'is for whoever loads the program; with attach: false it is there already',
    );
  }
  if (options.steering === 'all' && options.program === undefined) {
    throw new OptionError(
      'steering',
      "'all' needs a program of ours: with xskMapFd or xskMapPath somebody else steers",
    );
  }
}

function checkProgram(program: unknown): void {
  const { xskMapFd, ids } = (program ?? {}) as Partial<SharedProgram>;
  if (Number.isInteger(xskMapFd) && Array.isArray(ids)) return;
  throw new OptionError('program', `must be the program of another relay or link, got ${show(program)}`);
}

function checkPath(name: string, value: unknown, what: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw new OptionError(name, `must be the path of ${what}, got ${show(value)}`);
}
