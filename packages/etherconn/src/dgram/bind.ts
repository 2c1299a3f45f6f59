import type { EventEmitter } from 'node:events';
import { fstatSync } from 'node:fs';
import { setBufferSize } from './buffer-size.ts';
import { closedByHost } from './closing.ts';
import { alreadyBound, invalidFdType } from './node-errors.ts';
import { BindState, runningHandle, stateOf } from './socket-state.ts';
import { exceptionWithHostPort } from './system-errors.ts';

/** What `bind` takes as an object. */
interface BindObject {
  port?: unknown;
  address?: unknown;
  fd?: unknown;
  recvStart?: unknown;
}

/** `socket.bind(port?, address?, callback?)`, `socket.bind({ port, address }, callback?)`, `socket.bind(callback)`. */
export function bindSocket(socket: EventEmitter, args: readonly unknown[]): void {
  runningHandle(socket);
  const state = stateOf(socket);
  if (state.bindState !== BindState.UNBOUND) throw alreadyBound();
  const [first, second] = args;
  const options = typeof first === 'object' && first !== null ? (first as BindObject) : null;
  if (options !== null) refuseForeignHandles(options);
  state.bindState = BindState.BINDING;
  const callback = args.at(-1);
  if (typeof callback === 'function') callWhenListening(socket, callback as () => void);
  const port = options === null ? first : options.port;
  const address = options === null ? (typeof second === 'function' ? '' : second) : options.address;
  bindTo(socket, address, port);
}

/** Binds to any address and a free port, as `send` and `connect` do for a socket that is not bound. */
export function bindImplicitly(socket: EventEmitter): void {
  stateOf(socket).bindState = BindState.BINDING;
  bindTo(socket, '', 0);
}

function bindTo(socket: EventEmitter, wanted: unknown, port: unknown): void {
  const state = stateOf(socket);
  const any = state.running?.version === 4 ? '0.0.0.0' : '::';
  const wasClosed = state.running!.host.closed;
  state.running!.lookup((wanted as string) || any, (error, ip) => {
    const { running: handle } = state;
    // Closed in the meantime.
    if (handle === null) return;
    if (error) {
      state.bindState = BindState.UNBOUND;
      socket.emit('error', error);
      return;
    }
    // libuv takes the low 16 bits of whatever number it is given.
    const number = Number(port || 0) & 0xffff;
    try {
      handle.bind(ip, number, state);
    } catch (failure) {
      state.bindState = BindState.UNBOUND;
      // The host does not know of it yet, but its sockets are closed with it.
      if (handle.host.closed && !wasClosed) {
        closedByHost(socket, failure as Error);
        return;
      }
      socket.emit('error', exceptionWithHostPort(failure, 'bind', ip, port));
      return;
    }
    startListening(socket);
  });
}

function startListening(socket: EventEmitter): void {
  const state = stateOf(socket);
  state.running!.startReceiving();
  state.receiving = true;
  state.bindState = BindState.BOUND;
  if (state.recvBufferSize) setBufferSize(socket, state.recvBufferSize, 'recv');
  if (state.sendBufferSize) setBufferSize(socket, state.sendBufferSize, 'send');
  socket.emit('listening');
}

/** Both listeners go with whichever event comes first; that of 'error' makes the error no uncaught exception. */
function callWhenListening(socket: EventEmitter, callback: () => void): void {
  const remove = (): void => {
    socket.removeListener('error', remove);
    socket.removeListener('listening', listening);
  };
  const listening = (): void => {
    remove();
    callback.call(socket);
  };
  socket.on('error', remove);
  socket.on('listening', listening);
}

/** Descriptors and handles of the kernel's sockets mean nothing on a simulated host. */
function refuseForeignHandles(options: BindObject): void {
  if (typeof options.recvStart === 'function') throw invalidFdType('UDP');
  const { fd } = options;
  if (typeof fd === 'number' && (fd | 0) === fd && fd > 0) throw invalidFdType(descriptorType(fd));
}

/** The type of a descriptor in the words of Node's guessHandleType. */
function descriptorType(fd: number): string {
  try {
    const stat = fstatSync(fd);
    if (stat.isFile()) return 'FILE';
    if (stat.isFIFO()) return 'PIPE';
    if (stat.isSocket()) return 'UDP';
    return 'UNKNOWN';
  } catch {
    return 'INVALID';
  }
}
