import type { EventEmitter } from 'node:events';
import { ClosedError } from '../errors.ts';
import { nextTick } from '../real-time.ts';
import { rethrowLater } from '../rethrow.ts';
import { ConnectState, stateOf } from './socket-state.ts';

/** Gives everything back and emits 'close' in the next tick. */
export function closeSocket(socket: EventEmitter): void {
  const state = stateOf(socket);
  const { running } = state;
  if (running === null) return;
  state.running = null;
  state.receiving = false;
  running.close();
  nextTick(emitClose, socket);
}

/**
 * The host is gone: 'close' comes. When the program did not close the host itself, but its relay has stopped, who
 * listens for 'error' is told why; a program without such a listener is not brought down by it.
 */
export function closedByHost(socket: EventEmitter, error: Error): void {
  const state = stateOf(socket);
  if (state.running === null) return;
  state.queue = undefined;
  state.connectState = ConnectState.DISCONNECTED;
  closeSocket(socket);
  if (error instanceof ClosedError || socket.listenerCount('error') === 0) return;
  try {
    socket.emit('error', error);
  } catch (thrown) {
    rethrowLater(thrown);
  }
}

function emitClose(socket: EventEmitter): void {
  socket.emit('close');
}
