import { isSending } from '../dgram/is-sending.ts';
import { handleNotSendable } from '../dgram/node-errors.ts';
import { NodeServer } from './node-net.ts';

/*
 * `child.send('server', socket)` takes the handle out to give it to another process. A handle that is none of the
 * kernel's takes the process down there (Node looks for a C++ object in it without asking), so that call is refused.
 */

const { _emitCloseIfDrained: drainedOfNode } = NodeServer.prototype as unknown as {
  _emitCloseIfDrained(): void;
};

/** Functions that stood in for `onread` of a handle, and did not come from there. */
const harmless = new WeakSet<object>();

/** Throws if the function that replaces `onread` of a handle is that of who sends the handle away. */
export function refuseSending(onread: unknown): void {
  if (typeof onread !== 'function' || harmless.has(onread)) return;
  if (isSending()) throw handleNotSendable();
  harmless.add(onread);
}

/** What Node calls for each socket of a server that closes. It asks for the handle, and must not ask who asks. */
const DRAINED = '_emitCloseIfDrained';

/** Gives a server a handle that cannot be sent. */
export function setServerHandle(server: object, handle: unknown): void {
  let current = handle;
  Object.defineProperty(server, DRAINED, {
    value(this: { [DRAINED](): void }): void {
      if (current === null) drainedOfNode.call(this);
    },
    writable: true,
    configurable: true,
  });
  Object.defineProperty(server, '_handle', {
    get(): unknown {
      if (current !== null && isSending()) throw handleNotSendable();
      return current;
    },
    set(value: unknown) {
      current = value;
    },
    enumerable: true,
    configurable: true,
  });
}

const SERVER: unique symbol = Symbol('server');

/**
 * With `keepOpen: true` the handle of a socket stays where it is, and only the socket's `server` is asked for before it
 * is sent. Few programs ask for it.
 */
export function guardServer(prototype: object): void {
  Object.defineProperty(prototype, 'server', {
    get(this: { [SERVER]?: unknown }): unknown {
      if (isSending()) throw handleNotSendable();
      return this[SERVER];
    },
    set(this: { [SERVER]?: unknown }, value: unknown) {
      this[SERVER] = value;
    },
    enumerable: true,
    configurable: true,
  });
}
