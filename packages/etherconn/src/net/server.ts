import cluster from 'node:cluster';
import { channel } from 'node:diagnostics_channel';
import type { BlockList, Server } from 'node:net';
import { isIP } from 'node:net';
import { OptionError } from '../errors.ts';
import { show } from '../options.ts';
import type { SocketName } from './end-address.ts';
import { ListenHandle } from './listen-handle.ts';
import { NodeServer, normalizeArguments } from './node-net.ts';
import { setServerHandle } from './not-sendable.ts';
import { HostSocket, type NetMaker } from './socket.ts';
import type { TcpHandle } from './tcp-handle.ts';

/** Node's channel for accepted sockets; message `{ socket }`. */
const acceptedChannel = channel('net.server.socket');

/** Bits of `flags`, as of libuv. */
const IPV6_ONLY = 1;

/** Members of Node's servers that the declarations leave out. */
interface ServerInternals extends Server {
  _handle: unknown;
  _connections: number;
  allowHalfOpen: boolean;
  pauseOnConnect: boolean;
  noDelay: boolean;
  keepAlive: boolean;
  /** Seconds. */
  keepAliveInitialDelay: number;
  highWaterMark?: number;
  blockList?: BlockList;
}

/** The method of Node's servers that opens the port, of old named so. */
type Listen2 = (
  this: Server,
  address: string | null,
  port: number,
  addressType: number,
  backlog: number,
  fd: number | undefined,
  flags?: number,
) => void;

const { _listen2: listenOnNode } = NodeServer.prototype as unknown as { _listen2: Listen2 };

/**
 * The method of a server that makes it listen on a port of a host. Everything else about a server is Node's. What names
 * a descriptor, a handle or a path listens on the operating system.
 */
export function listenOn(maker: NetMaker): Listen2 {
  return function (address, port, addressType, backlog, fd, flags = 0) {
    const server = this as ServerInternals;
    const isPipe = port === -1 && addressType === -1;
    if (server._handle || typeof fd === 'number' || isPipe) {
      listenOnNode.call(server, address, port, addressType, backlog, fd, flags);
      return;
    }
    const where = {
      address: address ?? '::',
      port,
      version: address === null || addressType === 6 ? (6 as const) : (4 as const),
      ipv6Only: (flags & IPV6_ONLY) !== 0,
    };
    const taken = (handle: TcpHandle): void => accept(server, maker, handle);
    setServerHandle(server, new ListenHandle(maker.host(), where, taken, () => server.close()));
    listenOnNode.call(server, where.address, port, where.version, backlog, fd, flags);
  };
}

/** Makes a server of Node's listen on a host, now and from now on. */
export function listenOnHost(server: Server, maker: NetMaker, args: readonly unknown[]): void {
  if (!(server instanceof NodeServer))
    throw new OptionError(
      'server',
      `must be a server of Node's: net, tls, http, https or http2; got ${show(server)}`,
    );
  Object.defineProperty(server, '_listen2', { value: listenOn(maker), writable: true, configurable: true });
  (server.listen as (...args: unknown[]) => Server).apply(server, exclusively(args));
}

/**
 * Arguments of `listen`, made those of a server that shares its port with no other process. In a cluster's worker Node
 * would have the primary process open the port, on the operating system.
 */
export function exclusively(args: readonly unknown[]): unknown[] {
  if (!cluster.isWorker) return [...args];
  const [options, callback] = normalizeArguments(args);
  const [first] = args;
  if (typeof first === 'object' && first !== null) return [{ ...first, exclusive: true }, ...args.slice(1)];
  if (options.path) return [...args];
  const backlog = [args[1], args[2]].find((one) => typeof one === 'number');
  const { port = 0, host } = options;
  const isPort = typeof first !== 'function' && first !== undefined;
  return [{ port: isPort ? port : 0, host, backlog, exclusive: true }, callback ?? undefined];
}

/** A connection has come: what Node does then. */
function accept(server: ServerInternals, maker: NetMaker, handle: TcpHandle): void {
  const { maxConnections, blockList } = server;
  if (maxConnections != null && server._connections >= maxConnections) {
    server.emit('drop', dropped(handle));
    handle.close();
    return;
  }
  if (blockList !== undefined && isBlocked(blockList, handle)) {
    handle.close();
    return;
  }
  const socket = new HostSocket(maker, {
    handle,
    allowHalfOpen: server.allowHalfOpen,
    pauseOnCreate: server.pauseOnConnect,
    readable: true,
    writable: true,
    readableHighWaterMark: server.highWaterMark,
    writableHighWaterMark: server.highWaterMark,
  });
  if (server.noDelay) socket.setNoDelay(true);
  if (server.keepAlive) socket.setKeepAlive(true, server.keepAliveInitialDelay * 1000);
  server._connections++;
  socket.server = server;
  socket._server = server;
  server.emit('connection', socket);
  if (acceptedChannel.hasSubscribers) acceptedChannel.publish({ socket });
}

function dropped(handle: TcpHandle): Record<string, unknown> {
  const local: Partial<SocketName> = {};
  const remote: Partial<SocketName> = {};
  handle.getsockname(local);
  handle.getpeername(remote);
  return {
    localAddress: local.address,
    localPort: local.port,
    localFamily: local.family,
    remoteAddress: remote.address,
    remotePort: remote.port,
    remoteFamily: remote.family,
  };
}

function isBlocked(blockList: BlockList, handle: TcpHandle): boolean {
  const remote: Partial<SocketName> = {};
  handle.getpeername(remote);
  const version = isIP(remote.address ?? '');
  return version !== 0 && blockList.check(remote.address!, version === 6 ? 'ipv6' : 'ipv4');
}
