import type { EventEmitter } from 'node:events';
import { isIP } from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { UdpDestination } from '../host/udp/udp-port.ts';
import { nextTick } from '../real-time.ts';
import { systemError } from './address.ts';
import { bindImplicitly } from './bind.ts';
import type { SendCallback } from './callbacks.ts';
import type { SocketHandle } from './handle.ts';
import { addressBlocked, alreadyConnected, notRunning } from './node-errors.ts';
import { checkSlice, messageBytes, messageOrList } from './payload.ts';

import { BindState, ConnectState, enqueue, runningHandle, stateOf } from './socket-state.ts';
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
  let port_ = fourth;
  let address: unknown = fifth;
  let callback = sixth;
  let isSlice = true;
  if (!connected) {
    isSlice = Boolean(address || (port_ && typeof port_ !== 'function'));
    if (!isSlice) {
      callback = fourth;
      port_ = second;
      address = third;
    }
  } else if (typeof third === 'number') {
    if (typeof port_ === 'function') {
      callback = port_;
      port_ = null;
    }
  } else {
    isSlice = false;
    callback = second;
  }
  let payload: Uint8Array;
  // Both are taken as unsigned 32-bit numbers, as by Node.
  let start = 0;
  let end: number;
  if (isSlice) {
    payload = message instanceof Uint8Array ? message : messageBytes(message);
    start = (second as number) >>> 0;
    end = start + ((third as number) >>> 0);
    checkSlice(payload, start, end - start);
    if (connected && (port_ || address)) throw alreadyConnected();
  } else {
    if (connected && (port_ || address)) throw alreadyConnected();
    payload = message instanceof Uint8Array ? message : messageOrList(message);
    end = payload.length;
  }
  const port = connected ? 0 : validatePort(port_, 'Port', false);
  if (typeof address === 'function') {
    callback = address;
    address = undefined;
  } else if (address !== null && address !== undefined) {
    validateString(address, 'address');
  }
  const handle = state.running;
  if (handle === null) throw notRunning();
  const called = typeof callback === 'function' ? (callback as SendCallback) : undefined;
  const text = (address as string | null | undefined) ?? undefined;
  if (!connected && state.cacheable && text !== undefined) {
    // What has been sent to is the destination of an address literal, on a socket that is bound.
    const known = handle.known(text, port);
    if (known !== null) {
      sendOn(handle, known, payload, start, end, text, port, called);
      return;
    }
  }
  if (state.bindState === BindState.UNBOUND) bindImplicitly(socket);
  if (state.bindState === BindState.BOUND) lookUpAndSend(socket, payload, start, end, port, text, called);
  else enqueue(socket, () => sendQueued(socket, payload, start, end, port, text, called));
}

/** A send that waited for the socket to be bound; meanwhile it may have been connected, or closed. */
function sendQueued(
  socket: EventEmitter,
  payload: Uint8Array,
  start: number,
  end: number,
  port: number,
  address: string | undefined,
  callback: SendCallback | undefined,
): void {
  const state = stateOf(socket);
  if (state.connectState === ConnectState.CONNECTED && port !== 0) throw alreadyConnected();
  runningHandle(socket);
  lookUpAndSend(socket, payload, start, end, port, address, callback);
}

function lookUpAndSend(
  socket: EventEmitter,
  payload: Uint8Array,
  start: number,
  end: number,
  port: number,
  address: string | undefined,
  callback: SendCallback | undefined,
): void {
  const state = stateOf(socket);
  const handle = state.running!;
  if (state.connectState === ConnectState.CONNECTED) {
    sendOn(handle, handle.connected!, payload, start, end, address, 0, callback);
    return;
  }
  if (state.cacheable) {
    const literal = address || (handle.version === 4 ? '127.0.0.1' : '::1');
    if (isIP(literal) !== 0) {
      sendTo(handle, payload, start, end, literal, port, address, callback);
      return;
    }
  }
  handle.lookup(address, (error, ip) => {
    if (error) {
      if (callback !== undefined) nextTick(callback, error);
      else nextTick(emitError, socket, error);
      return;
    }
    if (state.running === null) return;
    if (handle.blocks(ip)) {
      if (callback !== undefined) nextTick(callback, addressBlocked(ip));
      return;
    }
    sendTo(handle, payload, start, end, ip, port, address, callback);
  });
}

function sendTo(
  handle: SocketHandle,
  payload: Uint8Array,
  start: number,
  end: number,
  ip: string,
  port: number,
  address: string | undefined,
  callback: SendCallback | undefined,
): void {
  if (port === 0) {
    // '0' as text passes for a port; Node then sends as if connected.
    handle.fail(systemError('EDESTADDRREQ', 'send', 'there is no port 0'), address, 0, callback);
    return;
  }
  let destination: UdpDestination;
  try {
    destination = handle.destination(ip, port);
  } catch (error) {
    handle.fail(error, address ?? ip, port, callback);
    return;
  }
  sendOn(handle, destination, payload, start, end, address ?? ip, port, callback);
}

/** Tests of programs put a function of their own in the place of the handle's `send`; it returns libuv's error numbers. */
function sendOn(
  handle: SocketHandle,
  destination: UdpDestination,
  payload: Uint8Array,
  start: number,
  end: number,
  address: string | undefined,
  port: number,
  callback: SendCallback | undefined,
): void {
  const result: unknown = handle.send(destination, payload, start, end, address, port, callback);
  if (typeof result !== 'number' || result >= 0) return;
  handle.fail(systemError(getSystemErrorName(result), 'send', 'by its replacement'), address, port, callback);
}

function emitError(socket: EventEmitter, error: Error): void {
  socket.emit('error', error);
}
