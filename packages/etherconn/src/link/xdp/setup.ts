import { closeSync, openSync } from 'node:fs';
import { EtherconnError, OptionError, SystemError } from '../../errors.ts';
import type { Addon, NativeSocket } from '../../native/addon.ts';
import { during } from '../../native/system-error.ts';
import { monotonicNow, sleep } from '../../real-time.ts';
import { doAll } from '../kernel/do-all.ts';
import { countQueues } from '../kernel/ethtool.ts';
import { Holdings } from '../kernel/holdings.ts';
import { type AttachedProgram, type LinkDetails, queryLink } from '../kernel/interface-netlink.ts';
import { MicroTimer } from '../kernel/micro-timer.ts';
import { withRouteSocket } from '../kernel/netlink.ts';
import type { AttachMode } from './attach-error.ts';
import { BindFlag } from './if-xdp.ts';
import { kernelHas, Since } from './kernel.ts';
import type { CheckedXdpLinkOptions, XdpMode } from './options.ts';
import { explainRefusal, lockedMemoryLimit, privilegeFacts } from './privileges.ts';
import { queueMask, SteeringProgram } from './program.ts';
import { type ProgramView, viewProgram } from './program-view.ts';
import { chunkCount, halved, type XdpShape, xdpShape } from './shape.ts';
import { type ProgramPlace, programPlace } from './shared-program.ts';
import { SideSocket } from './side-socket.ts';
import { withXdpAdvice, XdpSocket } from './socket.ts';
import { XdpTxSocket } from './tx-socket.ts';
import { Umem } from './umem.ts';
import { NO_OFFLOAD, type VlanOffload, vlanOffloadOf } from './vlan-offload.ts';

/** How long a queue may stay busy, and how often it is tried: the kernel gives one that was just closed back later. */
const BUSY_LIMIT = 1000;
const BUSY_INTERVAL = 5;
/** Milliseconds for which the kernel may take to give back the locked memory of a closed socket. */
const LOCKED_PATIENCE = 100;
/** Entries of the completion ring of a socket that does not send: the kernel wants one. */
const UNUSED_RING = 2;

const ANY_WAY: readonly string[] = ['ERR_ETHERCONN_QUEUE_BUSY', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS'];

/** All that an XDP link holds. */
export interface XdpParts {
  readonly side: SideSocket;
  readonly program: SteeringProgram;
  /** In the order of the shape's queues. */
  readonly sockets: readonly XdpSocket[];
  /** Sends in place of the send queue's own socket where the kernel copies. */
  readonly txSocket: XdpTxSocket | undefined;
  /** Wakes us in place of the sockets; undefined where it never does. */
  readonly timer: MicroTimer | undefined;
  readonly umem: Umem;
  readonly shape: XdpShape;
  /** For each socket, whether the driver works on the packet memory itself. */
  readonly zeroCopy: readonly boolean[];
  /** The program as the kernel showed it when all was open. */
  readonly view: ProgramView;
  /** Why a faster way could not be had; undefined when none was tried in vain. */
  readonly fallback: string | undefined;
  /** Frames of merged TCP segments may come; see `mayMerge` in shape.ts. */
  readonly merged: boolean;
  /** Gives all of it back: the program first. */
  readonly holdings: Holdings;
}

/** One way to try. */
interface Attempt {
  readonly attach: AttachMode;
  /** Of {@link BindFlag}. */
  readonly flags: number;
}

const ATTEMPTS: Readonly<Record<XdpMode, readonly Attempt[]>> = {
  // Without a flag the kernel tries zero-copy first, then copying.
  auto: [
    { attach: 'native', flags: 0 },
    { attach: 'native', flags: BindFlag.COPY },
    { attach: 'generic', flags: BindFlag.COPY },
  ],
  zerocopy: [{ attach: 'native', flags: BindFlag.ZEROCOPY }],
  native: [{ attach: 'native', flags: BindFlag.COPY }],
  generic: [{ attach: 'generic', flags: BindFlag.COPY }],
};

/** Opens all that a link needs, in the namespace of its interface. Whatever fails, nothing is left open. */
export async function setUp(
  addon: Addon,
  interfaceName: string,
  options: CheckedXdpLinkOptions,
): Promise<XdpParts> {
  const holdings = new Holdings();
  const close = (object: { close(): void }): void => object.close();
  let namespaceFd = -1;
  try {
    const side = holdings.keep(openSide(addon, interfaceName, options.netns), close);
    const timed = options.polling === 'interrupt' && options.moderation > 0;
    const timer = timed ? holdings.keep(new MicroTimer(addon), close) : undefined;
    if (options.netns !== undefined) namespaceFd = openNamespace(options.netns);
    const { queueCount, veth } = shapeOf(addon, namespaceFd, side.interface.index);
    const lockable = lockedMemoryLimit(privilegeFacts());
    let shape = xdpShape(options, side.interface.mtu, queueCount, veth, lockable);
    const place = programPlace(side.interface.index, namespaceFd);
    const program = holdings.keep(openProgram(addon, options, shape, queueCount, place), close);
    for (;;) {
      const attempt = new Holdings();
      try {
        const umem = attempt.keep(new Umem(chunkCount(shape), shape.chunkSize, shape.scratch), (umem) =>
          doAll([() => addon.xdpDiscard(umem.memory.u8), () => umem.detach()]),
        );
        const situation = { interfaceName, addon, options, namespaceFd, side, shape, umem, program };
        const bound = await bindSomehow(situation, attempt);
        if (options.promiscuous) side.holdPromiscuity();
        holdings.takeOver(attempt);
        // Comes last, to go first: the interface is to be the kernel's again at once.
        const { queues } = shape;
        holdings.keep(program, () =>
          doAll([...queues.map((queue) => () => program.clearSocket(queue)), () => program.close()]),
        );
        return { side, program, timer, umem, shape, ...bound, holdings };
      } catch (error) {
        attempt.abandon(error);
        // Others of this user may hold most of what may be locked.
        const smaller = options.chunks === undefined && isLockedLimit(error) ? halved(shape) : undefined;
        if (smaller === undefined) throw error;
        shape = smaller;
        program.detach();
      }
    }
  } catch (error) {
    throw holdings.abandon(error);
  } finally {
    if (namespaceFd >= 0) closeSync(namespaceFd);
  }
}

interface Situation {
  readonly interfaceName: string;
  readonly addon: Addon;
  readonly options: CheckedXdpLinkOptions;
  readonly namespaceFd: number;
  readonly side: SideSocket;
  readonly shape: XdpShape;
  readonly umem: Umem;
  readonly program: SteeringProgram;
}

type Bound = Pick<XdpParts, 'sockets' | 'txSocket' | 'zeroCopy' | 'view' | 'fallback' | 'merged'>;

/** Complains of a namespace that is none, of a missing interface, and of every capability that is missing. */
function openSide(addon: Addon, interfaceName: string, netns: string | undefined): SideSocket {
  try {
    return new SideSocket(addon, interfaceName, netns);
  } catch (error) {
    if (!(error instanceof SystemError) || error.syscall !== 'socket' || error.code !== 'EPERM') throw error;
    const why = `opening '${interfaceName}': ${explainRefusal(privilegeFacts())} (EPERM, socket)`;
    throw new SystemError(error.code, error.errno, error.syscall, why);
  }
}

/** Throws a SystemError. */
function openNamespace(path: string): number {
  return during(`opening the network namespace '${path}'`, () => openSync(path, 'r'));
}

/** Queues of the interface (of those that receive, since the in-kernel program sees their numbers), and its kind. */
function shapeOf(
  addon: Addon,
  namespaceFd: number,
  index: number,
): { readonly queueCount: number; readonly veth: boolean } {
  const gone = { queueCount: 1, veth: false };
  return askInterface(addon, namespaceFd, index, gone, (socket, details) => ({
    queueCount: Math.max(1, countQueues(addon, socket, details).rx),
    veth: details.kind === 'veth',
  }));
}

/** Whether the interface takes VLAN tags out of frames before the in-kernel program sees them. */
export function askVlanOffload(addon: Addon, netns: string | undefined, index: number): VlanOffload {
  const namespaceFd = netns === undefined ? -1 : openNamespace(netns);
  try {
    return askInterface(addon, namespaceFd, index, NO_OFFLOAD, (socket, details) =>
      vlanOffloadOf(addon, socket, details),
    );
  } finally {
    if (namespaceFd >= 0) closeSync(namespaceFd);
  }
}

function askInterface<T>(
  addon: Addon,
  namespaceFd: number,
  index: number,
  gone: T,
  ask: (socket: NativeSocket, details: LinkDetails) => T,
): T {
  return during('asking what the interface is like', () =>
    withRouteSocket(addon, namespaceFd, (socket) => {
      const details = queryLink(addon, socket, index);
      return details === undefined ? gone : ask(socket, details);
    }),
  );
}

function openProgram(
  addon: Addon,
  options: CheckedXdpLinkOptions,
  shape: XdpShape,
  queueCount: number,
  place: ProgramPlace,
): SteeringProgram {
  const { xskMapFd, xskMapPath } = options;
  const opened = options.attach
    ? SteeringProgram.load(addon, {
        endpoints: options.maxEndpoints,
        queues: queueCount,
        frags: shape.frags,
      })
    : SteeringProgram.share(addon, options.program ?? { xskMapFd, xskMapPath }, place);
  try {
    if (options.steering === 'all') takeAll(opened, shape.queues);
    return opened;
  } catch (error) {
    opened.close();
    throw error;
  }
}

function takeAll(program: SteeringProgram, queues: readonly number[]): void {
  if (!program.steers) throw new OptionError('steering', "'all' is not ours to say: somebody else steers");
  program.setTakeAll(true, queueMask(queues));
}

/** Attaches the program and binds the sockets, in the first way of the mode that works; `holdings` keeps the sockets. */
async function bindSomehow(situation: Situation, holdings: Holdings): Promise<Bound> {
  const { interfaceName, options, side, program, namespaceFd, shape } = situation;
  const attempts = ATTEMPTS[options.mode];
  let attached: AttachMode | undefined;
  let fallback: string | undefined;
  for (const [index, attempt] of attempts.entries()) {
    const sockets = new Holdings();
    try {
      if (options.attach && attached !== attempt.attach) {
        if (attached !== undefined) program.detach();
        attached = undefined;
        program.attach(side.interface.index, namespaceFd, attempt.attach, interfaceName);
        attached = attempt.attach;
      }
      const merged = attempt.attach === 'generic' && kernelHas(Since.MULTI_BUFFER);
      const severalChunks = shape.multiBuffer || merged ? BindFlag.USE_SG : 0;
      const bound = await bindAll(situation, attempt.flags | severalChunks, sockets);
      const view = seeProgram(situation, attached);
      holdings.takeOver(sockets);
      return { ...bound, view, fallback, merged };
    } catch (error) {
      sockets.abandon(error);
      // What is no matter of the way is not mended by another one.
      if (index === attempts.length - 1 || isForAnyWay(error)) throw error;
      fallback ??= (error as Error).message;
    }
  }
  throw new Error('unreachable: the last attempt returns or throws');
}

/** Asks back what the kernel has: what was attached, or what others have. It only makes `info()` better. */
function seeProgram(situation: Situation, attached: AttachMode | undefined): ProgramView {
  const { addon, namespaceFd, side, program } = situation;
  let programs: readonly AttachedProgram[] = [];
  try {
    const ask = (_: NativeSocket, details: LinkDetails) => details.programs;
    programs = askInterface(addon, namespaceFd, side.interface.index, programs, ask);
  } catch {
    // No descriptor left, say.
  }
  return viewProgram(programs, program.id, attached);
}

/** `holdings` keeps the sockets, the owner of the packet memory first, so that it goes last. */
async function bindAll(
  situation: Situation,
  modeFlags: number,
  holdings: Holdings,
): Promise<Pick<Bound, 'sockets' | 'txSocket' | 'zeroCopy'>> {
  const { addon, options, namespaceFd, side, shape, umem } = situation;
  const sockets: XdpSocket[] = [];
  const flags = modeFlags | (options.needWakeup ? BindFlag.USE_NEED_WAKEUP : 0);
  // With a flag to copy it is known beforehand; without, the socket has a TX ring that is not used then.
  const sendsApart = (modeFlags & BindFlag.COPY) !== 0;
  for (const queue of shape.queues) {
    const sends = queue === shape.sendQueue;
    const socket = withXdpAdvice('opening an AF_XDP socket', () => {
      return new XdpSocket(addon, namespaceFd, {
        rx: shape.ringSize,
        tx: sends && !sendsApart ? shape.ringSize : 0,
        fill: shape.ringSize,
        completion: sends ? shape.ringSize : UNUSED_RING,
      });
    });
    sockets.push(holdings.keep(socket, () => socket.close()));
    if (sockets.length === 1) {
      await registerWhenReleased(socket, umem, shape.headroom);
      await bindWhenFree(() => socket.bind(flags, side.interface.index, queue), queue);
    } else {
      // The kernel takes the mode from the first one, and refuses any other flag.
      const owner = sockets[0];
      await bindWhenFree(() => socket.bind(BindFlag.SHARED_UMEM, side.interface.index, queue, owner), queue);
    }
  }
  const zeroCopy = sockets.map((socket) => socket.zeroCopy());
  const sender = shape.queues.indexOf(shape.sendQueue);
  const txSocket = zeroCopy[sender] ? undefined : openTxSocket(situation, sockets[sender], holdings);
  return { sockets, txSocket, zeroCopy };
}

/** The socket that sends in place of the send queue's own one. */
function openTxSocket(
  { addon, namespaceFd, side, shape }: Situation,
  owner: XdpSocket,
  holdings: Holdings,
): XdpTxSocket {
  return withXdpAdvice('opening an AF_XDP socket to send', () => {
    const socket = new XdpTxSocket(addon, namespaceFd, shape.ringSize);
    holdings.keep(socket, () => socket.close());
    socket.bind(side.interface.index, shape.sendQueue, owner);
    return socket;
  });
}

async function registerWhenReleased(socket: XdpSocket, umem: Umem, headroom: number): Promise<void> {
  const end = monotonicNow() + LOCKED_PATIENCE;
  for (;;) {
    try {
      withXdpAdvice('registering packet memory', () => socket.registerUmem(umem, headroom));
      return;
    } catch (error) {
      // What a closed socket had locked is given back by and by, that of the attempt before this one, too.
      if (!isLockedLimit(error) || monotonicNow() > end) throw error;
      await sleep(BUSY_INTERVAL);
    }
  }
}

async function bindWhenFree(bind: () => void, queue: number): Promise<void> {
  const end = monotonicNow() + BUSY_LIMIT;
  for (;;) {
    try {
      withXdpAdvice(`binding to queue ${queue}`, bind);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      if (monotonicNow() > end) {
        throw new EtherconnError(
          'ERR_ETHERCONN_QUEUE_BUSY',
          `queue ${queue} is busy: another AF_XDP socket is bound to it; choose others by 'queues', or end its owner`,
          { cause: error },
        );
      }
      await sleep(BUSY_INTERVAL);
    }
  }
}

/** Whether more memory was to be locked than may be. */
function isLockedLimit(error: unknown): boolean {
  return (
    error instanceof SystemError && error.code === 'ENOBUFS' && error.syscall === 'setsockopt(XDP_UMEM_REG)'
  );
}

/** Whether another mode would meet the same: a queue in use, no descriptors, no memory. */
function isForAnyWay(error: unknown): boolean {
  return error instanceof EtherconnError && ANY_WAY.includes(error.code);
}
