import type { EventEmitter } from 'node:events';
import { nextTick } from '../real-time.ts';
import { bindImplicitly } from './bind.ts';
import { addressBlocked, alreadyConnected, notConnected } from './node-errors.ts';

import { BindState, ConnectState, enqueue, runningHandle, stateOf } from './socket-state.ts';
import { codeOf, errnoException, exceptionWithHostPort } from './system-errors.ts';
import { validatePort, validateString } from './validate.ts';

type ConnectCallback = (error?: Error) => void;

/** `socket.connect(port, address?, callback?)`. */
export function connectSocket(
  socket: EventEmitter,
  port_: unknown,
  address_: unknown,
  callback_: unknown,
): void {
  const port = validatePort(port_, 'Port', false);
  const address = typeof address_ === 'function' || address_ === undefined ? '' : address_;
  const callback = (typeof address_ === 'function' ? address_ : callback_) as ConnectCallback | undefined;
  validateString(address, 'address');
  const state = stateOf(socket);
  if (state.connectState !== ConnectState.DISCONNECTED) throw alreadyConnected();
  runningHandle(socket);
  state.connectState = ConnectState.CONNECTING;
  if (state.bindState === BindState.UNBOUND) bindImplicitly(socket);
  if (state.bindState === BindState.BOUND) lookUpAndConnect(socket, port, address, callback);
  else enqueue(socket, () => lookUpAndConnect(socket, port, address, callback));
}

function lookUpAndConnect(
  socket: EventEmitter,
  port: number,
  address: string,
  callback: ConnectCallback | undefined,
): void {
  const state = stateOf(socket);
  if (state.running === null) return;
  if (callback) socket.once('connect', callback);
  state.running.lookup(address, (error, ip) => {
    if (state.running === null) return;
    let failure = error;
    if (!failure && state.running.blocks(ip)) failure = addressBlocked(ip);
    if (!failure) {
      try {
        state.running.connect(ip, port);
      } catch (thrown) {
        failure = exceptionWithHostPort(thrown, 'connect', address, port);
      }
    }
    if (failure) {
      state.connectState = ConnectState.DISCONNECTED;
      nextTick(connectFailed, socket, failure, callback);
      return;
    }
    state.connectState = ConnectState.CONNECTED;
    nextTick(emitConnect, socket);
  });
}

function emitConnect(socket: EventEmitter): void {
  socket.emit('connect');
}

function connectFailed(socket: EventEmitter, error: Error, callback: ConnectCallback | undefined): void {
  if (callback) {
    socket.removeListener('connect', callback);
    callback(error);
  } else {
    socket.emit('error', error);
  }
}

export function disconnectSocket(socket: EventEmitter): void {
  const state = stateOf(socket);
  if (state.connectState !== ConnectState.CONNECTED) throw notConnected();
  try {
    runningHandle(socket).disconnect();
  } catch (error) {
    throw errnoException(codeOf(error), 'connect', error);
  }
  state.connectState = ConnectState.DISCONNECTED;
}
