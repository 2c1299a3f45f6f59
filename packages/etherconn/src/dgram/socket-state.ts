import { EventEmitter } from 'node:events';
import type { UdpHost } from '../host/udp/udp-port.ts';
import type { SocketHandle } from './handle.ts';
import { isSending } from './is-sending.ts';
import { handleNotSendable, notRunning } from './node-errors.ts';
import { stateSymbol } from './node-socket.ts';

/** Where a socket is on its way to being bound. Numbers as Node's `_bindState`. */
export const BindState = { UNBOUND: 0, BINDING: 1, BOUND: 2 } as const;
export const ConnectState = { DISCONNECTED: 0, CONNECTING: 1, CONNECTED: 2 } as const;

/** What sockets are made by: what stands in for the module node:dgram. */
export interface SocketMaker {
  /** The host of the sockets that are made now. */
  host(): UdpHost;
  /** The class that programs see, made when it is first asked for. */
  readonly Socket: unknown;
}

/** How a socket was made; what is not said by its handle. */
interface SocketOptions {
  readonly reuseAddr: boolean;
  readonly reusePort: boolean;
  readonly ipv6Only: boolean;
  readonly recvBufferSize: number | undefined;
  readonly sendBufferSize: number | undefined;
  readonly cacheable: boolean;
}

/**
 * State of a socket, named as that of Node's sockets and kept in the same place, where others look for it: tests of
 * programs replace methods of its handle.
 */
export class SocketState {
  readonly maker: SocketMaker;
  /** Null once closed. Others know it as {@link handle}. */
  running: SocketHandle | null;
  receiving = false;
  bindState: 0 | 1 | 2 = BindState.UNBOUND;
  connectState: 0 | 1 | 2 = ConnectState.DISCONNECTED;
  /** What waits for the socket to be bound. */
  queue: (() => void)[] | undefined = undefined;
  reuseAddr: boolean;
  readonly reusePort: boolean;
  readonly ipv6Only: boolean;
  readonly recvBufferSize: number | undefined;
  readonly sendBufferSize: number | undefined;
  /** Whether destinations may be kept by the text of their literal: not when every send has to be looked up or checked. */
  readonly cacheable: boolean;

  constructor(maker: SocketMaker, handle: SocketHandle, options: SocketOptions) {
    this.maker = maker;
    this.running = handle;
    this.reuseAddr = options.reuseAddr;
    this.reusePort = options.reusePort;
    this.ipv6Only = options.ipv6Only;
    this.recvBufferSize = options.recvBufferSize;
    this.sendBufferSize = options.sendBufferSize;
    this.cacheable = options.cacheable;
  }

  /**
   * `child.send('server', socket)` takes the handle out to give it to another process. A handle that is none of the
   * kernel's takes the process down there (Node looks for a C++ object in it without asking), so that call is refused.
   */
  get handle(): SocketHandle | null {
    if (isSending()) throw handleNotSendable();
    return this.running;
  }

  set handle(handle: SocketHandle | null) {
    this.running = handle;
  }
}

interface WithState {
  [stateSymbol]: SocketState;
}

export function stateOf(socket: EventEmitter): SocketState {
  return (socket as unknown as WithState)[stateSymbol];
}

export function setState(socket: EventEmitter, state: SocketState): void {
  (socket as unknown as WithState)[stateSymbol] = state;
}

/** The handle of a socket that is not closed. Throws ERR_SOCKET_DGRAM_NOT_RUNNING for one that is. */
export function runningHandle(socket: EventEmitter): SocketHandle {
  const { running } = stateOf(socket);
  if (running === null) throw notRunning();
  return running;
}

/** Keeps what cannot be done before the socket is bound; all of it is forgotten when binding fails. */
export function enqueue(socket: EventEmitter, call: () => void): void {
  const state = stateOf(socket);
  if (state.queue === undefined) {
    state.queue = [];
    socket.once(EventEmitter.errorMonitor, bindFailed);
    socket.once('listening', bound);
  }
  state.queue.push(call);
}

function bound(this: EventEmitter): void {
  this.removeListener(EventEmitter.errorMonitor, bindFailed);
  const state = stateOf(this);
  const calls = state.queue ?? [];
  state.queue = undefined;
  for (const call of calls) call();
}

function bindFailed(this: EventEmitter): void {
  this.removeListener('listening', bound);
  stateOf(this).queue = undefined;
}
