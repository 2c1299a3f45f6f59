import { EventEmitter } from 'node:events';
import { promisify } from 'node:util';
import type { Batch } from '../conn/batch.ts';
import { systemError } from './address.ts';
import { bindSocket } from './bind.ts';
import { getBufferSize, setBufferSize } from './buffer-size.ts';
import type { SendCallback } from './callbacks.ts';
import { closeSocket } from './closing.ts';
import { connectSocket, disconnectSocket } from './connect.ts';
import { defineDeprecated } from './deprecated.ts';
import type { SocketAddress } from './handle.ts';
import { changeMembership, changeSourceMembership, inNodesForm, setMulticastInterface } from './multicast.ts';
import { notConnected, notImplemented } from './node-errors.ts';
import { NodeSocket } from './node-socket.ts';
import type { ReceiveCounters } from './receiver.ts';
import { sendMessage } from './send.ts';
import { type OutgoingMessage, sendManyMessages } from './send-many.ts';
import { BindState, ConnectState, runningHandle, stateOf } from './socket-state.ts';
import { validateFunction, validateNumber, validateString } from './validate.ts';

/** Counters of a socket, see `socket.stats()`. */
export interface SocketStats extends ReceiveCounters {
  /** Datagrams that the host has taken. */
  sent: number;
  /** Datagrams that could not be sent. */
  sendFailed: number;
  /** Of those sent: dropped by the host, as their next hop did not answer or too many waited for it. */
  sendLost: number;
  /** Datagrams that wait for room now. */
  sendQueued: number;
}

/**
 * The methods of all sockets, on whatever host. Nobody constructs this class: see socket-class.ts. Its prototype
 * stands between that of a host's sockets and `dgram.Socket.prototype`, all of whose names it overrides.
 */
export abstract class SocketMethods extends EventEmitter {
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

  /** The shapes that libraries use, with an address that has been sent to before, are done here; all else in send.ts. */
  send(
    message: unknown,
    second?: unknown,
    third?: unknown,
    fourth?: unknown,
    fifth?: unknown,
    sixth?: unknown,
  ): void {
    const state = stateOf(this);
    const { handle } = state;
    if (handle !== null && message instanceof Uint8Array && state.bindState === BindState.BOUND) {
      if (state.connectState === ConnectState.DISCONNECTED) {
        if (typeof fifth === 'string' && typeof fourth === 'number') {
          const known = handle.destinations.get(fifth, fourth);
          const from = (second as number) >>> 0;
          const to = from + ((third as number) >>> 0);
          if (known !== null && to <= message.length) {
            handle.send(known, message, from, to, fifth, fourth, callbackOf(sixth));
            return;
          }
        } else if (typeof third === 'string' && typeof second === 'number' && typeof fourth !== 'number') {
          const known = handle.destinations.get(third, second);
          if (known !== null && !fifth && (!fourth || typeof fourth === 'function')) {
            handle.send(known, message, 0, message.length, third, second, callbackOf(fourth));
            return;
          }
        }
      } else if (
        state.connectState === ConnectState.CONNECTED &&
        third === undefined &&
        fourth === undefined &&
        fifth === undefined
      ) {
        handle.send(handle.connected!, message, 0, message.length, undefined, 0, callbackOf(second));
        return;
      }
    }
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
    if (stateOf(this).handle === null) return;
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
    stateOf(this).handle?.ref();
    return this;
  }

  unref(): this {
    stateOf(this).handle?.unref();
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
    runningHandle(this).receiver.onBatch(callback);
    return this;
  }

  /** See DgramSocket.stats. */
  stats(): SocketStats {
    const handle = runningHandle(this);
    const { sent, failed } = handle.counters;
    const sendQueued = handle.queue?.count ?? 0;
    const sendLost = handle.lost;
    return { ...handle.receiver.counters, sent, sendFailed: failed, sendLost, sendQueued };
  }
}

Object.setPrototypeOf(SocketMethods.prototype, NodeSocket.prototype);
defineDeprecated(SocketMethods.prototype);
overrideTheRest();

/** Names that a newer Node has on its prototype and this class has not: they would look for a kernel handle. */
function overrideTheRest(): void {
  for (const name of Reflect.ownKeys(NodeSocket.prototype)) {
    if (Object.hasOwn(SocketMethods.prototype, name)) continue;
    const descriptor = Reflect.getOwnPropertyDescriptor(NodeSocket.prototype, name)!;
    const refuse = (): never => {
      throw notImplemented(String(name));
    };
    const isMethod = typeof descriptor.value === 'function';
    Object.defineProperty(
      SocketMethods.prototype,
      name,
      isMethod
        ? { value: refuse, writable: true, configurable: true }
        : { get: () => undefined, set: refuse, configurable: true },
    );
  }
}

function callbackOf(value: unknown): SendCallback | undefined {
  return typeof value === 'function' ? (value as SendCallback) : undefined;
}

/** A TTL or hop limit as libuv takes it: cut to an integer, from `least` to 255. */
function checkHops(syscall: string, value: number, least: number): number {
  const hops = value | 0;
  if (hops < least || hops > 255)
    throw systemError('EINVAL', syscall, `must be ${least} to 255, got ${value}`);
  return hops;
}
