import type { EventEmitter } from 'node:events';
import { deprecate } from 'node:util';
import { runningHandle, type SocketState, stateOf } from './socket-state.ts';

/** Names that Node's sockets still have of old, with Node's warning DEP0112. */
const PROPERTIES = {
  _handle: 'running',
  _receiving: 'receiving',
  _bindState: 'bindState',
  _queue: 'queue',
  _reuseAddr: 'reuseAddr',
} as const satisfies Record<string, keyof SocketState>;

const CODE = 'DEP0112';

export function defineDeprecated(prototype: EventEmitter): void {
  for (const [name, field] of Object.entries(PROPERTIES)) {
    const warning = `Socket.prototype.${name} is deprecated`;
    Object.defineProperty(prototype, name, {
      get: deprecate(
        function (this: EventEmitter): unknown {
          return stateOf(this)[field];
        },
        warning,
        CODE,
      ),
      set: deprecate(
        function (this: EventEmitter, value: unknown): void {
          Object.assign(stateOf(this), { [field]: value });
        },
        warning,
        CODE,
      ),
      configurable: true,
    });
  }
  defineMethod(prototype, '_healthCheck', (socket) => {
    runningHandle(socket);
  });
  defineMethod(prototype, '_stopReceiving', (socket) => {
    const state = stateOf(socket);
    if (!state.receiving) return;
    state.receiving = false;
    state.running?.stopReceiving();
  });
}

function defineMethod(prototype: EventEmitter, name: string, method: (socket: EventEmitter) => void): void {
  const value = deprecate(
    function (this: EventEmitter): void {
      method(this);
    },
    `Socket.prototype.${name}() is deprecated`,
    CODE,
  );
  Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
}
