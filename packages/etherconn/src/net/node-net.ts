import net from 'node:net';
import { EtherconnError } from '../errors.ts';

/*
 * What of Node's own `net` the sockets of hosts build on, as it was before anybody substituted it. Their class inherits
 * from Node's: arguments, name lookups, attempts by address family, events and errors are Node's own code. What is ours
 * is the handle that this code calls, in place of one of libuv's.
 */

/** Node's own classes. */
export const NodeSocket: typeof net.Socket = net.Socket;
export const NodeServer: typeof net.Server = net.Server;

/** Arguments of `connect` and `listen` as Node takes them apart: options, and the callback or null. */
export type NormalizedArguments = [options: Record<string, unknown>, callback: (() => void) | null];

/** Bun and Deno have no such function, nor what else of Node's own code is built on here. */
const { _normalizeArgs } = net as unknown as {
  _normalizeArgs?: (args: readonly unknown[]) => NormalizedArguments;
};

/** What Node marks arguments with that it has taken apart. */
const [normalizedMark] = Object.getOwnPropertySymbols(_normalizeArgs?.([]) ?? []);

/** Takes arguments of `connect` or `listen` apart. Calls of `connect` take the result as their only argument, too. */
export function normalizeArguments(args: readonly unknown[]): NormalizedArguments {
  const [first] = args;
  if (Array.isArray(first) && normalizedMark in first) return first as unknown as NormalizedArguments;
  return _normalizeArgs!(args);
}

/** Members of Node's sockets that the declarations leave out. */
export interface SocketInternals {
  _handle: unknown;
  _peername: unknown;
  _sockname: unknown;
  _parent: { readonly connecting?: boolean } | null;
  _pendingData: unknown;
  _pendingEncoding: string;
  _server: unknown;
  server: unknown;
  _writeGeneric(writev: boolean, data: unknown, encoding: string, callback: WriteCallback): unknown;
  _unrefTimer(): void;
  _onTimeout(): void;
  _reset(): unknown;
}

export type WriteCallback = (error?: Error | null) => void;

/** The method that gives a socket a handle, and begins its life anew. */
export const reinitializeHandle: unique symbol = symbolNamed('kReinitializeHandle') as never;

function symbolNamed(name: string): symbol {
  const symbols = Object.getOwnPropertySymbols(NodeSocket.prototype);
  return symbols.find((symbol) => symbol.description === name) ?? Symbol(name);
}

/** Throws where Node's own code is not there to build on. */
export function checkRuntime(): void {
  if (_normalizeArgs !== undefined && normalizedMark !== undefined && '_listen2' in NodeServer.prototype)
    return;
  throw new EtherconnError(
    'ERR_ETHERCONN_RUNTIME',
    "the TCP sockets of hosts need Node.js: they build on node:net's own",
  );
}
