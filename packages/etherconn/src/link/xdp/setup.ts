import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EtherconnError, SystemError } from '../../errors.ts';
import type { Addon, NativeSocket } from '../../native/addon.ts';
import { countQueues } from './ethtool.ts';
import { BindFlag } from './if-xdp.ts';
import type { CheckedXdpLinkOptions, XdpMode } from './options.ts';
import { explainRefusal, privilegeFacts } from './privileges.ts';
import { SteeringProgram } from './program.ts';
import { type LinkDetails, openRouteSocket, queryLink } from './rtnetlink.ts';
import { chunkCount, type XdpShape, xdpShape } from './shape.ts';
import { SideSocket } from './side-socket.ts';
import { withXdpAdvice, XdpSocket } from './socket.ts';
import { Umem } from './umem.ts';
import { type VlanOffload, vlanOffload } from './vlan-offload.ts';

/** How long a queue may stay busy, and how often it is tried: the kernel gives one that was just closed back later. */
const BUSY_LIMIT = 1000;
const BUSY_INTERVAL = 5;
/** Entries of the completion ring of a socket that does not send: the kernel wants one. */
const UNUSED_RING = 2;

/** All that an XDP link holds. */
export interface XdpParts {
  readonly side: SideSocket;
  readonly program: SteeringProgram;
  /** In the order of the shape's queues. */
  readonly sockets: readonly XdpSocket[];
  readonly umem: Umem;
  readonly shape: XdpShape;
  /** For each socket, whether the driver works on the packet memory itself. */
  readonly zeroCopy: readonly boolean[];
  /** Where the program sits; 'foreign' when it is not attached by us. */
  readonly attached: 'native' | 'generic' | 'foreign';
  /** Why a faster way could not be had; undefined when none was tried in vain. */
  readonly fallback: string | undefined;
}

/** One way to try. */
interface Attempt {
  readonly attach: 'native' | 'generic';
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
  const side = openSide(addon, interfaceName, options.netns);
  let namespaceFd = -1;
  let program: SteeringProgram | undefined;
  try {
    if (options.netns !== undefined) namespaceFd = openSync(options.netns, 'r');
    const { queueCount, veth } = shapeOf(addon, namespaceFd, side.interface.index);
    const shape = xdpShape(options, side.interface.mtu, queueCount, veth);
    const umem = new Umem(chunkCount(shape), shape.chunkSize, shape.scratch);
    program = openProgram(addon, options, shape, queueCount);
    const bound = await bindSomehow({ addon, options, namespaceFd, side, shape, umem, program });
    if (options.promiscuous) side.holdPromiscuity();
    return { side, program, umem, shape, ...bound };
  } catch (error) {
    program?.close();
    side.close();
    throw error;
  } finally {
    if (namespaceFd >= 0) closeSync(namespaceFd);
  }
}

/** Gives everything back: the program first, so that the interface is the kernel's again at once. */
export function releaseParts(
  addon: Addon,
  parts: Omit<XdpParts, 'attached' | 'fallback' | 'zeroCopy'>,
): void {
  for (const queue of parts.shape.queues) parts.program.clearSocket(queue);
  parts.program.close();
  closeAll(parts.sockets);
  parts.side.close();
  addon.xdpDiscard(parts.umem.memory.u8);
  parts.umem.detach();
}

interface Situation {
  readonly addon: Addon;
  readonly options: CheckedXdpLinkOptions;
  readonly namespaceFd: number;
  readonly side: SideSocket;
  readonly shape: XdpShape;
  readonly umem: Umem;
  readonly program: SteeringProgram;
}

type Bound = Pick<XdpParts, 'sockets' | 'zeroCopy' | 'attached' | 'fallback'>;

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
  const none: VlanOffload = { state: 'off', advice: '' };
  const namespaceFd = netns === undefined ? -1 : openSync(netns, 'r');
  try {
    return askInterface(addon, namespaceFd, index, none, (socket, details) =>
      vlanOffload(addon, socket, details),
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
  const socket = openRouteSocket(addon, namespaceFd);
  try {
    const details = queryLink(addon, socket, index);
    return details === undefined ? gone : ask(socket, details);
  } finally {
    addon.socketClose(socket);
  }
}

function openProgram(
  addon: Addon,
  options: CheckedXdpLinkOptions,
  shape: XdpShape,
  queueCount: number,
): SteeringProgram {
  if (!options.attach) {
    const { xskMapFd, xskMapPath, program } = options;
    return SteeringProgram.share(addon, program ?? { xskMapFd, xskMapPath });
  }
  return SteeringProgram.load(addon, {
    endpoints: options.maxEndpoints,
    queues: queueCount,
    frags: shape.frags,
    takeAll: options.steering === 'all',
  });
}

/** Attaches the program and binds the sockets, in the first way of the mode that works. */
async function bindSomehow(situation: Situation): Promise<Bound> {
  const { options, side, program, namespaceFd } = situation;
  const attempts = ATTEMPTS[options.mode];
  let attached: 'native' | 'generic' | undefined;
  let fallback: string | undefined;
  for (const [index, attempt] of attempts.entries()) {
    try {
      if (options.attach && attached !== attempt.attach) {
        if (attached !== undefined) program.detach();
        attached = undefined;
        program.attach(side.interface.index, namespaceFd, attempt.attach);
        attached = attempt.attach;
      }
      const sockets = await bindAll(situation, attempt.flags);
      const zeroCopy = sockets.map((socket) => socket.zeroCopy());
      return { sockets, zeroCopy, attached: attached ?? 'foreign', fallback };
    } catch (error) {
      // What is no matter of the way is not mended by another one.
      if (index === attempts.length - 1 || isInUse(error)) throw error;
      fallback ??= (error as Error).message;
    }
  }
  throw new Error('unreachable: the last attempt returns or throws');
}

async function bindAll(situation: Situation, modeFlags: number): Promise<XdpSocket[]> {
  const { addon, options, namespaceFd, side, shape, umem } = situation;
  const sockets: XdpSocket[] = [];
  const flags =
    modeFlags |
    (options.needWakeup ? BindFlag.USE_NEED_WAKEUP : 0) |
    (shape.multiBuffer ? BindFlag.USE_SG : 0);
  try {
    for (const queue of shape.queues) {
      const sends = queue === shape.sendQueue;
      const socket = withXdpAdvice('opening an AF_XDP socket', () => {
        return new XdpSocket(addon, namespaceFd, {
          rx: shape.ringSize,
          tx: sends ? shape.ringSize : 0,
          fill: shape.ringSize,
          completion: sends ? shape.ringSize : UNUSED_RING,
        });
      });
      sockets.push(socket);
      if (sockets.length === 1) {
        withXdpAdvice('registering packet memory', () => socket.registerUmem(umem, shape.headroom));
        await bindWhenFree(() => socket.bind(flags, side.interface.index, queue), queue);
      } else {
        // The kernel takes the mode from the first one, and refuses any other flag.
        const owner = sockets[0];
        await bindWhenFree(
          () => socket.bind(BindFlag.SHARED_UMEM, side.interface.index, queue, owner),
          queue,
        );
      }
    }
    return sockets;
  } catch (error) {
    closeAll(sockets);
    throw error;
  }
}

async function bindWhenFree(bind: () => void, queue: number): Promise<void> {
  const end = performance.now() + BUSY_LIMIT;
  for (;;) {
    try {
      withXdpAdvice(`binding to queue ${queue}`, bind);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      if (performance.now() > end) {
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

function isInUse(error: unknown): boolean {
  return error instanceof EtherconnError && error.code === 'ERR_ETHERCONN_QUEUE_BUSY';
}

/** Those that share memory first: the owner of it last. */
function closeAll(sockets: readonly XdpSocket[]): void {
  for (const socket of [...sockets].reverse()) socket.close();
}
