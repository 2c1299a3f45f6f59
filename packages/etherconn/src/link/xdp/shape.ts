import { EtherconnError, OptionError } from '../../errors.ts';
import { XDP_PACKET_HEADROOM } from './if-xdp.ts';
import { kernelHas, Since } from './kernel.ts';
import { type CheckedXdpLinkOptions, MAX_QUEUES } from './options.ts';
import { SCRATCH_BYTES } from './rx.ts';

/** Ethernet header and two VLAN tags: what frames may have beside the MTU when they are received … */
const HEADERS = 22;
/**
 * … and with one tag, when they are sent. Every driver takes one tag beside its MTU, since the kernel's own VLAN
 * interfaces have the MTU of what they are on. Whether it takes two, no interface of the kernel tells: veth does not
 * (is_skb_forwardable), so none is taken to.
 */
const SENT_HEADERS = 18;
/** Makes frames start at 2 modulo 4, so that an IP header behind an untagged Ethernet header is aligned. */
const ALIGNMENT = 2;

/** Frames longer than this may not fit one buffer of a driver: the smallest limits known are a little above it. */
const SINGLE_BUFFER = 3000;

const DEFAULT_CHUNKS = 8192;
const MIN_CHUNKS = 64;
/** The defaults take no more than this; what is asked for may take twice as much. */
const DEFAULT_BYTES = 512 << 20;
const MAX_BYTES = 1 << 30;
/**
 * Of the limit of locked memory the defaults take at most this part: it is one for all processes of a user, so that
 * another relay finds room as well.
 */
const LOCKED_PART = 1 / 2;

/** How a link's packet memory and rings are laid out. */
export interface XdpShape {
  readonly queues: readonly number[];
  readonly sendQueue: number;
  /** Longest frame that is received. */
  readonly maxFrameLength: number;
  /** Longest frame that is sure to be sent. */
  readonly maxSentLength: number;
  readonly chunkSize: number;
  /** Chunks that each queue receives into, and the size of each ring. */
  readonly ringSize: number;
  /** Bytes before each received frame, beside the kernel's own. */
  readonly headroom: number;
  /** Frames may take several chunks (XDP_USE_SG). */
  readonly multiBuffer: boolean;
  /** The in-kernel program is to accept frames in several buffers: veth asks for it when its peer has a large MTU. */
  readonly frags: boolean;
  /** Bytes for frames that are copied together; where they never come, the memory is never touched. */
  readonly scratch: number;
  /** Whether the rings are smaller than usual because of the limit of locked memory. */
  readonly reduced: boolean;
}

/** All chunks: for receiving in the order of the queues, then those for sending. */
export function chunkCount(shape: XdpShape): number {
  return (shape.queues.length + 1) * shape.ringSize;
}

/** The same with rings of half the size; undefined when they are as small as can be. */
export function halved(shape: XdpShape): XdpShape | undefined {
  const ringSize = shape.ringSize / 2;
  return 2 * ringSize < MIN_CHUNKS ? undefined : { ...shape, ringSize, reduced: true };
}

/**
 * Lays out a link on an interface with `queueCount` queues, which is a veth or not; `lockable` is the limit of locked
 * memory in bytes, which the defaults respect. Throws an OptionError where an option does not fit the interface; an
 * EtherconnError where this kernel cannot receive its longest frames (`ERR_ETHERCONN_MTU`), or where it has more queues
 * than a link can take and none were named (`ERR_ETHERCONN_QUEUES`).
 */
export function xdpShape(
  options: CheckedXdpLinkOptions,
  mtu: number,
  queueCount: number,
  veth: boolean,
  lockable: number = Number.POSITIVE_INFINITY,
  kernel?: string,
): XdpShape {
  const queues = chooseQueues(options.queues, queueCount);
  const maxFrameLength = mtu + HEADERS;
  const headroom = Math.ceil(options.headroom / 4) * 4 + ALIGNMENT;
  const overhead = XDP_PACKET_HEADROOM + headroom;
  const chunkSize = options.chunkSize ?? (maxFrameLength + overhead <= 2048 ? 2048 : 4096);
  const multiBuffer = maxFrameLength + overhead > chunkSize;
  if (multiBuffer && !kernelHas(Since.MULTI_BUFFER, kernel)) {
    throw new EtherconnError(
      'ERR_ETHERCONN_MTU',
      `frames of several chunks need Linux 6.6 or later; with chunks of ${chunkSize} bytes the largest MTU is ` +
        `${chunkSize - overhead - HEADERS}, the interface's is ${mtu}`,
    );
  }
  const sendQueue = options.sendQueue ?? queues[0];
  if (!queues.includes(sendQueue)) {
    throw new OptionError('sendQueue', `must be one of the queues ${queues.join(', ')}, got ${sendQueue}`);
  }
  const bytesOf = (chunks: number) => (queues.length + 1) * (chunks / 2) * chunkSize;
  let chunks = options.chunks ?? DEFAULT_CHUNKS;
  let reduced = false;
  if (options.chunks === undefined) {
    while (bytesOf(chunks) > DEFAULT_BYTES && chunks > MIN_CHUNKS) chunks /= 2;
    for (; bytesOf(chunks) > LOCKED_PART * lockable && chunks > MIN_CHUNKS; chunks /= 2) reduced = true;
  }
  if (bytesOf(chunks) > MAX_BYTES) {
    throw new OptionError(
      'chunks',
      `${chunks} for each of ${queues.length} queues are over 1 GiB; ask for fewer`,
    );
  }
  return {
    queues,
    sendQueue,
    maxFrameLength,
    maxSentLength: mtu + SENT_HEADERS,
    chunkSize,
    ringSize: chunks / 2,
    headroom,
    multiBuffer,
    frags: (veth || maxFrameLength > SINGLE_BUFFER) && kernelHas(Since.FRAGS, kernel),
    scratch: multiBuffer || mayMerge(options, kernel) ? SCRATCH_BYTES : 0,
    reduced,
  };
}

/**
 * Whether a link of this mode may get frames of merged TCP segments, longer than the MTU: only before generic XDP, since
 * drivers' own XDP runs before segments are merged, and a veth's peer merges none for it. They take several chunks.
 */
function mayMerge({ mode }: CheckedXdpLinkOptions, kernel?: string): boolean {
  return (mode === 'generic' || mode === 'auto') && kernelHas(Since.MULTI_BUFFER, kernel);
}

function chooseQueues(wanted: readonly number[] | undefined, count: number): readonly number[] {
  if (wanted === undefined) {
    if (count <= MAX_QUEUES) return Array.from({ length: count }, (_, queue) => queue);
    // The first ones would not hear what arrives on the others. Nobody chose wrong here: AF_PACKET can do without.
    throw new EtherconnError(
      'ERR_ETHERCONN_QUEUES',
      `the interface has ${count} queues, a link takes at most ${MAX_QUEUES}: name those to receive from by 'queues', ` +
        `have fewer in use ('ethtool -L'), or use RawSocketRelay`,
    );
  }
  const missing = wanted.find((queue) => queue >= count);
  if (missing === undefined) return wanted;
  const has = count === 1 ? 'only queue 0' : `queues 0 to ${count - 1}`;
  throw new OptionError('queues', `the interface has ${has}, got ${missing}`);
}
