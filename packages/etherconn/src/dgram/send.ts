import type { EventEmitter } from 'node:events';
import { isIP } from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { UdpDestination } from '../host/udp/udp-port.ts';
import { nextTick } from '../real-time.ts';
import { systemError } from './address.ts';
import { bindImplicitly } from './bind.ts';
import type { SendCallback } from './callbacks.ts';
import type { SocketHandle } from './handle.ts';
import { addressBlocked, alreadyConnected } from './node-errors.ts';
import { messageOrList, messageSlice } from './payload.ts';
import { enqueue } from './queueing.ts';
import { BindState, ConnectState, runningHandle, type SocketState, stateOf } from './socket-state.ts';
import { validatePort, validateString } from './validate.ts';

/**
 * `socket.send` in all its shapes: `(message, [offset, length,] port, address?, callback?)`, for connected sockets
 * `(message, [offset, length,] callback?)`.
 */
export function sendMessage(
  socket: EventEmitter,
  message: unknown,
  second: unknown,
  third: unknown,
  fourth: unknown,
  fifth: unknown,
  sixth: unknown,
): void {
  const state = stateOf(socket);
  const connected = state.connectState === ConnectState.CONNECTED;
  let content = message;
  let port_ = fourth;
  let address: unknown = fifth;
  let callback = sixth;
  if (!connected) {
    if (address || (port_ && typeof port_ !== 'function')) {
      content = messageSlice(message, second, third);
    } else {
      callback = fourth;
      port_ = second;
      address = third;
    }
  } else {
    if (typeof third === 'number') {
      content = messageSlice(message, second, third);
      if (typeof port_ === 'function') {
        callback = port_;
        port_ = null;
      }
    } else {
      callback = second;
    }
    if (port_ || address) throw alreadyConnected();
  }
  const payload = messageOrList(content);
  const port = connected ? 0 : validatePort(port_, 'Port', false);
  if (typeof address === 'function') {
    callback = address;
    address = undefined;
  } else if (address !== null && address !== undefined) {
    validateString(address, 'address');
  }
  runningHandle(socket);
  const called = typeof callback === 'function' ? (callback as SendCallback) : undefined;
  const text = (address as string | null | undefined) ?? undefined;
  if (state.bindState === BindState.UNBOUND) bindImplicitly(socket);
  if (state.bindState === BindState.BOUND) lookUpAndSend(socket, payload, port, text, called);
  else enqueue(socket, () => sendQueued(socket, payload, port, text, called));
}

/** A send that waited for the socket to be bound; meanwhile it may have been connected, or closed. */
function sendQueued(
  socket: EventEmitter,
  payload: Uint8Array,
  port: number,
  address: string | undefined,
  callback: SendCallback | undefined,
): void {
  const state = stateOf(socket);
  if (state.connectState === ConnectState.CONNECTED && port !== 0) throw alreadyConnected();
  runningHandle(socket);
  lookUpAndSend(socket, payload, port, address, callback);
}

function lookUpAndSend(
  socket: EventEmitter,
  payload: Uint8Array,
  port: number,
  address: string | undefined,
  callback: SendCallback | undefined,
): void {
  const state = stateOf(socket);
  const handle = state.handle!;
  if (state.connectState === ConnectState.CONNECTED) {
    sendOn(handle, handle.connected!, payload, address, 0, callback);
    return;
  }
  if (state.cacheable) {
    const literal = address || (handle.version === 4 ? '127.0.0.1' : '::1');
    if (isIP(literal) !== 0) {
      sendTo(state, payload, literal, port, address, callback);
      return;
    }
  }
  handle.lookup(address, (error, ip) => {
    if (error) {
      if (callback !== undefined) nextTick(callback, error);
      else nextTick(emitError, socket, error);
      return;
    }
    if (state.handle === null) return;
    if (handle.blocks(ip)) {
      if (callback !== undefined) nextTick(callback, addressBlocked(ip));
      return;
    }
    sendTo(state, payload, ip, port, address, callback);
  });
}

function sendTo(
  state: SocketState,
  payload: Uint8Array,
  ip: string,
  port: number,
  address: string | undefined,
  callback: SendCallback | undefined,
): void {
  const handle = state.handle!;
  if (port === 0) {
    // '0' as text passes for a port; Node then sends as if connected.
    handle.fail(systemError('EDESTADDRREQ', 'send', 'there is no port 0'), address, 0, callback);
    return;
  }
  let destination: UdpDestination;
  try {
    destination = handle.destination(ip, port, state.cacheable);
  } catch (error) {
    handle.fail(error, address ?? ip, port, callback);
    return;
  }
  sendOn(handle, destination, payload, address ?? ip, port, callback);
}

/** Tests of programs put a function of their own in the place of the handle's `send`; it returns libuv's error numbers. */
function sendOn(
  handle: SocketHandle,
  destination: UdpDestination,
  payload: Uint8Array,
  address: string | undefined,
  port: number,
  callback: SendCallback | undefined,
): void {
  const result: unknown = handle.send(destination, payload, 0, payload.length, address, port, callback);
  if (typeof result !== 'number' || result >= 0) return;
  handle.fail(systemError(getSystemErrorName(result), 'send', 'by its replacement'), address, port, callback);
}

function emitError(socket: EventEmitter, error: Error): void {
  socket.emit('error', error);
}
