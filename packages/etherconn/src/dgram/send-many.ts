import type { EventEmitter } from 'node:events';
import type { UdpDestination } from '../host/udp/udp-port.ts';
import { nextTick } from '../real-time.ts';
import { bindImplicitly } from './bind.ts';
import type { SocketHandle } from './handle.ts';
import { addressBlocked, alreadyConnected, invalidArgType, notConnected } from './node-errors.ts';
import { BindState, ConnectState, runningHandle, stateOf } from './socket-state.ts';
import { exceptionWithHostPort } from './system-errors.ts';
import { validatePort, validateString } from './validate.ts';

/** One datagram for `sendMany` on a socket that is not connected. */
export interface OutgoingMessage {
  buffer: Uint8Array;
  port: number;
  /** An address literal. Names are not looked up. */
  address: string;
}

/**
 * Sends as many of the datagrams as there is room for, and returns how many; nothing of the rest is kept. When that
 * is fewer than given, 'drain' follows as soon as there is room. On a socket that is not bound yet it begins to bind
 * and takes none; 'drain' follows here, too. An error of the first datagram is thrown; one of a later datagram ends
 * the call, and comes up when that datagram is the first.
 */
export function sendManyMessages(
  socket: EventEmitter,
  list: readonly (Uint8Array | OutgoingMessage)[],
): number {
  if (!Array.isArray(list)) throw invalidArgType('list', ['Array'], list);
  const handle = runningHandle(socket);
  const state = stateOf(socket);
  if (state.bindState !== BindState.BOUND) {
    if (state.bindState === BindState.UNBOUND) bindImplicitly(socket);
    socket.once('listening', emitDrain);
    return 0;
  }
  const connected = state.connectState === ConnectState.CONNECTED ? handle.connected : null;
  for (let i = 0; i < list.length; i++) {
    try {
      if (connected !== null) i += handle.trySendGroup(connected, list, i);
      if (i === list.length) break;
      if (sendOne(handle, connected, list[i]!) === 0) return i;
    } catch (error) {
      if (i > 0) return i;
      throw error;
    }
  }
  return list.length;
}

function sendOne(
  handle: SocketHandle,
  connected: UdpDestination | null,
  message: Uint8Array | OutgoingMessage,
): 0 | 1 {
  if (message instanceof Uint8Array) {
    if (connected === null) throw notConnected();
    return trySend(handle, connected, message, undefined, 0);
  }
  if (typeof message !== 'object' || message === null) {
    // An error is thrown for the first alone.
    throw invalidArgType('list[0]', ['Uint8Array', 'Object'], message);
  }
  const { buffer, port, address } = message;
  if (!(buffer instanceof Uint8Array)) throw invalidArgType('buffer', ['Uint8Array'], buffer);
  if (connected !== null) throw alreadyConnected();
  const known = handle.known(address, port);
  if (known !== null && !handle.blocks(address)) return trySend(handle, known, buffer, address, port);
  const number = validatePort(port, 'Port', false);
  validateString(address, 'address');
  if (handle.blocks(address)) throw addressBlocked(address);
  return trySend(handle, null, buffer, address, number);
}

function trySend(
  handle: SocketHandle,
  destination: UdpDestination | null,
  payload: Uint8Array,
  address: string | undefined,
  port: number,
): 0 | 1 {
  try {
    return handle.trySend(destination ?? handle.destination(address!, port), payload);
  } catch (error) {
    throw exceptionWithHostPort(error, 'send', address, port);
  }
}

function emitDrain(this: EventEmitter): void {
  nextTick(() => this.emit('drain'));
}
