import type { EventEmitter } from 'node:events';
import type { UdpHost } from '../host/udp/udp-port.ts';
import type { AddressTextCache } from './address-text-cache.ts';
import type { SocketHandle } from './handle.ts';
import { notRunning } from './node-errors.ts';
import { stateSymbol } from './node-socket.ts';
import { viewOf } from './state-view.ts';

/** Where a socket is on its way to being bound. Numbers as Node's `_bindState`. */
export const BindState = { UNBOUND: 0, BINDING: 1, BOUND: 2 } as const;
export const ConnectState = { DISCONNECTED: 0, CONNECTING: 1, CONNECTED: 2 } as const;

/** State of a socket, named as that of Node's sockets. */
export interface SocketState {
  /** Null once closed. */
  handle: SocketHandle | null;
  receiving: boolean;
  bindState: 0 | 1 | 2;
  connectState: 0 | 1 | 2;
  /** What waits for the socket to be bound. */
  queue: (() => void)[] | undefined;
  reuseAddr: boolean;
  readonly reusePort: boolean;
  readonly ipv6Only: boolean;
  readonly recvBufferSize: number | undefined;
  readonly sendBufferSize: number | undefined;
  /** Whether destinations may be kept by the text of their literal: not when every send has to be looked up or checked. */
  readonly cacheable: boolean;
}

/** What the sockets of one host share. */
export interface SocketHost {
  readonly udp: UdpHost;
  readonly texts: AddressTextCache;
}

/** Where it is; under Node's own symbol there is a view of it for others. */
const ownSymbol: unique symbol = Symbol('etherconn.dgram');

interface WithState {
  readonly [ownSymbol]: SocketState;
}

export function stateOf(socket: EventEmitter): SocketState {
  return (socket as unknown as WithState)[ownSymbol];
}

export function setState(socket: EventEmitter, state: SocketState): void {
  Object.defineProperty(socket, ownSymbol, { value: state });
  (socket as unknown as Record<symbol, SocketState>)[stateSymbol] = viewOf(state);
}

/** The handle of a socket that is not closed. Throws ERR_SOCKET_DGRAM_NOT_RUNNING for one that is. */
export function runningHandle(socket: EventEmitter): SocketHandle {
  const { handle } = stateOf(socket);
  if (handle === null) throw notRunning();
  return handle;
}
