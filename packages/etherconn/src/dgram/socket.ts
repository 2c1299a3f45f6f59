import { EventEmitter } from 'node:events';
import { promisify } from 'node:util';
import type { Batch } from '../conn/batch.ts';
import { systemError } from './address.ts';
import { bindSocket } from './bind.ts';
import { getBufferSize, setBufferSize } from './buffer-size.ts';
import { closeSocket } from './closing.ts';
import { connectSocket, disconnectSocket } from './connect.ts';
import { initializeSocket } from './create.ts';
import { defineDeprecated } from './deprecated.ts';
import type { SocketAddress } from './handle.ts';
import { changeMembership, changeSourceMembership, inNodesForm, setMulticastInterface } from './multicast.ts';
import { notConnected, notImplemented } from './node-errors.ts';
import { NodeSocket } from './node-socket.ts';
import type { ReceiveCounters } from './receiver.ts';
import { sendMessage } from './send.ts';
import { type OutgoingMessage, sendManyMessages } from './send-many.ts';
import { ConnectState, runningHandle, type SocketMaker, type SocketState, stateOf } from './socket-state.ts';
import { validateFunction, validateNumber, validateString } from './validate.ts';

/** Counters of a socket, see `socket.stats()`. */
export interface SocketStats extends ReceiveCounters {
  /** Datagrams that the host has accepted. */
  sent: number;
  /** Datagrams that could not be sent. */
  sendFailed: number;
  /**
   * Datagrams counted in `sent` that the host has dropped, because their next hop did not answer or too many waited
   * for it.
   */
  sendLost: number;
  /** Datagrams that are waiting for room now. */
  sendQueued: number;
}

/**
 * The class of all sockets, on whatever host, so that code that handles thousands of them sees one shape. Programs see it
 * through socket-class.ts. Its prototype inherits from `dgram.Socket.prototype`, all of whose names it overrides.
 */
export class HostSocket extends EventEmitter {
  constructor(maker: SocketMaker, type: unknown, listener: unknown) {
    super();
    initializeSocket(this, maker, type, listener);
  }

  bind(...args: unknown[]): this {
    bindSocket(this, args);
    return this;
  }

  connect(port: unknown, address?: unknown, callback?: unknown): void {
    connectSocket(this, port, address, callback);
  }

  disconnect(): void {
    disconnectSocket(this);
  }

  send(
    message: unknown,
    second?: unknown,
    third?: unknown,
    fourth?: unknown,
    fifth?: unknown,
    sixth?: unknown,
  ): void {
    sendMessage(this, message, second, third, fourth, fifth, sixth);
  }

  /** Of old; `send` with all arguments. */
  sendto(
    message: unknown,
    offset: unknown,
    length: unknown,
    port: unknown,
    address: unknown,
    callback?: unknown,
  ): void {
    validateNumber(offset, 'offset');
    validateNumber(length, 'length');
    validateNumber(port, 'port');
    validateString(address, 'address');
    this.send(message, offset, length, port, address, callback);
  }

  sendMany(list: readonly (Uint8Array | OutgoingMessage)[]): number {
    return sendManyMessages(this, list);
  }

  close(callback?: unknown): this {
    if (typeof callback === 'function') this.on('close', callback as () => void);
    const { queue } = stateOf(this);
    if (queue !== undefined) {
      queue.push(() => this.close());
      return this;
    }
    runningHandle(this);
    closeSocket(this);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (stateOf(this).running === null) return;
    await promisify((callback: () => void) => this.close(callback))();
  }

  address(): SocketAddress {
    const handle = runningHandle(this);
    return inNodesForm('getsockname', () => handle.localAddress());
  }

  remoteAddress(): SocketAddress {
    const handle = runningHandle(this);
    if (stateOf(this).connectState !== ConnectState.CONNECTED) throw notConnected();
    return handle.peerAddress()!;
  }

  setBroadcast(flag: unknown): void {
    const handle = runningHandle(this);
    inNodesForm('setBroadcast', () => {
      handle.port('setBroadcast').broadcast = Boolean(flag);
    });
  }

  setTTL(ttl: unknown): number {
    validateNumber(ttl, 'ttl');
    const handle = runningHandle(this);
    inNodesForm('setTTL', () => {
      handle.setTtl(checkHops('setTTL', ttl, 1));
    });
    return ttl;
  }

  setMulticastTTL(ttl: unknown): number {
    validateNumber(ttl, 'ttl');
    const handle = runningHandle(this);
    inNodesForm('setMulticastTTL', () => {
      handle.setMulticastTtl(checkHops('setMulticastTTL', ttl, 0));
    });
    return ttl;
  }

  setMulticastLoopback<T>(flag: T): T {
    const handle = runningHandle(this);
    inNodesForm('setMulticastLoopback', () => {
      handle.port('setMulticastLoopback').multicastLoopback = Boolean(flag);
    });
    return flag;
  }

  setMulticastInterface(interfaceAddress: unknown): void {
    setMulticastInterface(this, interfaceAddress);
  }

  addMembership(group: unknown, interfaceAddress?: unknown): void {
    changeMembership(this, 'join', 'addMembership', group, interfaceAddress);
  }

  dropMembership(group: unknown, interfaceAddress?: unknown): void {
    changeMembership(this, 'leave', 'dropMembership', group, interfaceAddress);
  }

  addSourceSpecificMembership(source: unknown, group: unknown, interfaceAddress?: unknown): void {
    changeSourceMembership(this, 'join', 'addSourceSpecificMembership', source, group, interfaceAddress);
  }

  dropSourceSpecificMembership(source: unknown, group: unknown, interfaceAddress?: unknown): void {
    changeSourceMembership(this, 'leave', 'dropSourceSpecificMembership', source, group, interfaceAddress);
  }

  ref(): this {
    stateOf(this).running?.ref();
    return this;
  }

  unref(): this {
    stateOf(this).running?.unref();
    return this;
  }

  setRecvBufferSize(size: unknown): void {
    setBufferSize(this, size, 'recv');
  }

  setSendBufferSize(size: unknown): void {
    setBufferSize(this, size, 'send');
  }

  getRecvBufferSize(): number {
    return getBufferSize(this, 'recv');
  }

  getSendBufferSize(): number {
    return getBufferSize(this, 'send');
  }

  getSendQueueSize(): number {
    return runningHandle(this).queue?.bytes ?? 0;
  }

  getSendQueueCount(): number {
    return runningHandle(this).queue?.count ?? 0;
  }

  /** See DgramSocket.onBatch. */
  onBatch(callback: ((batch: Batch) => void) | null): this {
    if (callback !== null) validateFunction(callback, 'callback');
    runningHandle(this).onBatch(callback);
    return this;
  }

  /** See DgramSocket.stats. */
  stats(): SocketStats {
    const handle = runningHandle(this);
    return {
      ...handle.receiveCounters(),
      sent: handle.sent,
      sendFailed: handle.sendFailures,
      sendLost: handle.lost,
      sendQueued: handle.queue?.count ?? 0,
    };
  }
}

Object.setPrototypeOf(HostSocket.prototype, NodeSocket.prototype);
defineDeprecated(HostSocket.prototype);
defineConstructor();
overrideTheRest();

/** `socket.constructor` is the class of the module that the socket was made by. */
function defineConstructor(): void {
  Object.defineProperty(HostSocket.prototype, 'constructor', {
    get(this: HostSocket): unknown {
      const state = stateOf(this) as SocketState | undefined;
      return state === undefined ? HostSocket : state.maker.Socket;
    },
    // Classes of before `class` set it on a prototype of their own.
    set(this: object, value: unknown): void {
      Object.defineProperty(this, 'constructor', {
        value,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    },
    configurable: true,
  });
}

/** Names that a newer Node has on its prototype and this class has not: they would look for a kernel handle. */
function overrideTheRest(): void {
  for (const name of Reflect.ownKeys(NodeSocket.prototype)) {
    if (Object.hasOwn(HostSocket.prototype, name)) continue;
    const descriptor = Reflect.getOwnPropertyDescriptor(NodeSocket.prototype, name)!;
    const refuse = (): never => {
      throw notImplemented(String(name));
    };
    const isMethod = typeof descriptor.value === 'function';
    Object.defineProperty(
      HostSocket.prototype,
      name,
      isMethod
        ? { value: refuse, writable: true, configurable: true }
        : { get: () => undefined, set: refuse, configurable: true },
    );
  }
}

/** A TTL or hop limit as libuv takes it: cut to an integer, from `least` to 255. */
function checkHops(syscall: string, value: number, least: number): number {
  const hops = value | 0;
  if (hops < least || hops > 255)
    throw systemError('EINVAL', syscall, `must be ${least} to 255, got ${value}`);
  return hops;
}
