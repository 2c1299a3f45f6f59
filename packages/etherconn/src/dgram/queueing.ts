import { EventEmitter } from 'node:events';
import { stateOf } from './socket-state.ts';

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
