import diagnostics from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import type { BlockList } from 'node:net';
import { closedByHost } from './closing.ts';
import { SocketHandle } from './handle.ts';
import { type Lookup, plainLookup, replacedLookup } from './lookup.ts';
import { badSocketType } from './node-errors.ts';
import { type SocketMaker, SocketState, setState, stateOf } from './socket-state.ts';
import { validateAbortSignal, validateBlockList, validateFunction, validateUint32 } from './validate.ts';

/** Node's channel for new sockets; message `{ socket }`. */
const udpSocketChannel = diagnostics.channel('udp.socket');

/** Options as the constructor finds them: nothing is checked yet. */
type Unchecked = Record<string, unknown>;

/** Makes a plain event emitter into a socket of `maker`'s host: what the constructor does. */
export function initializeSocket(
  socket: EventEmitter,
  maker: SocketMaker,
  typeOrOptions: unknown,
  listener: unknown,
): void {
  const isObject = typeof typeOrOptions === 'object' && typeOrOptions !== null;
  const options: Unchecked = isObject ? (typeOrOptions as Unchecked) : {};
  const type = isObject ? options.type : typeOrOptions;
  const recvBufferSize = bufferSizeOption(options, 'recvBufferSize');
  const sendBufferSize = bufferSizeOption(options, 'sendBufferSize');
  const receiveBlockList = blockListOption(options, 'receiveBlockList');
  const sendBlockList = blockListOption(options, 'sendBlockList');
  const { lookup } = options;
  if (lookup !== undefined) validateFunction(lookup, 'lookup');
  if (type !== 'udp4' && type !== 'udp6') throw badSocketType();

  const version = type === 'udp4' ? 4 : 6;
  (socket as { type?: string }).type = type;
  if (typeof listener === 'function') socket.on('message', listener as () => void);
  const ownLookup = (lookup as Lookup | undefined) ?? replacedLookup();
  const host = maker.host();
  const handle = new SocketHandle(host, socket, {
    version,
    receiveInfo: Boolean(options.receiveInfo),
    multicastAll: options.multicastAll !== false,
    blockList: receiveBlockList,
    zone: host.interfaceName,
    lookup: ownLookup ?? plainLookup,
    sendBlockList,
    hostClosed: closedByHost,
  });
  const state = new SocketState(maker, handle, {
    reuseAddr: Boolean(options.reuseAddr),
    reusePort: Boolean(options.reusePort),
    ipv6Only: Boolean(options.ipv6Only),
    recvBufferSize,
    sendBufferSize,
    cacheable: ownLookup === null && sendBlockList === undefined,
  });
  setState(socket, state);
  if (options.signal !== undefined) closeOnAbort(socket, options.signal);
  if (udpSocketChannel.hasSubscribers) udpSocketChannel.publish({ socket });
}

function bufferSizeOption(options: Unchecked, name: string): number | undefined {
  const value = options[name];
  if (value) validateUint32(value, `options.${name}`);
  return value as number | undefined;
}

function blockListOption(options: Unchecked, name: string): BlockList | undefined {
  const value = options[name];
  if (!value) return undefined;
  validateBlockList(value, `options.${name}`);
  return value;
}

function closeOnAbort(socket: EventEmitter, signal: unknown): void {
  validateAbortSignal(signal, 'options.signal');
  const abort = (): void => {
    if (stateOf(socket).running !== null) (socket as unknown as { close(): void }).close();
  };
  if (signal.aborted) {
    abort();
    return;
  }
  signal.addEventListener('abort', abort, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', abort));
}
