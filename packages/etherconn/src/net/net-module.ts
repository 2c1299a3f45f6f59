import net from 'node:net';
import type { Host } from '../host/host.ts';
import { checkRuntime, NodeServer, NodeSocket } from './node-net.ts';
import { exclusively, listenOn } from './server.ts';
import { connectSocket, HostSocket, initializeSocket, type NetMaker } from './socket.ts';

/** A host's counterpart of the module node:net: a plain object that may be changed. */
export interface NetModule {
  Socket: typeof net.Socket;
  Stream: typeof net.Socket;
  Server: typeof net.Server;
  connect: typeof net.connect;
  createConnection: typeof net.createConnection;
  createServer: typeof net.createServer;
  isIP: typeof net.isIP;
  isIPv4: typeof net.isIPv4;
  isIPv6: typeof net.isIPv6;
  BlockList: typeof net.BlockList;
  SocketAddress: typeof net.SocketAddress;
  getDefaultAutoSelectFamily: typeof net.getDefaultAutoSelectFamily;
  setDefaultAutoSelectFamily: typeof net.setDefaultAutoSelectFamily;
  getDefaultAutoSelectFamilyAttemptTimeout: typeof net.getDefaultAutoSelectFamilyAttemptTimeout;
  setDefaultAutoSelectFamilyAttemptTimeout: typeof net.setDefaultAutoSelectFamilyAttemptTimeout;
}

/** The module whose sockets a maker makes. */
export function netModule(maker: ModuleMaker): NetModule {
  const { Socket } = maker;
  const Server = serverClass(maker);
  // Node's may be called with `new`, too, and are in the wild; methods and arrow functions may not.
  function connect(...args: unknown[]): net.Socket {
    return connectSocket(maker, args);
  }
  function createServer(options?: unknown, listener?: unknown): net.Server {
    return new (Server as unknown as new (...args: unknown[]) => net.Server)(options, listener);
  }
  const own = { Socket, Stream: Socket, Server, connect, createConnection: connect, createServer };
  return { ...net, ...own } as unknown as NetModule;
}

/** What the sockets of a module are made by. */
export interface ModuleMaker extends NetMaker {
  readonly Socket: typeof net.Socket;
}

/** A function is asked for the host when a socket connects or a server listens, so a module may exist before its host. */
export function netMaker(host: Host | (() => Host)): ModuleMaker {
  checkRuntime();
  const maker = {
    host: (): Host => (typeof host === 'function' ? host() : host),
    Socket: null as unknown as typeof net.Socket,
  };
  maker.Socket = socketClass(maker);
  return maker;
}

/** Whether the options are of a socket that the operating system has. */
function isForeign(options: unknown): boolean {
  if (typeof options === 'number') return true;
  const { fd, handle } = (options ?? {}) as { fd?: unknown; handle?: unknown };
  return fd !== undefined || Boolean(handle);
}

/** The class of the sockets of one module. All it makes are HostSockets; what it has of its own is where they live. */
function socketClass(maker: NetMaker): typeof net.Socket {
  // A function and no class: programs of before classes inherit by Socket.call(this, options).
  function Socket(this: unknown, options?: unknown): unknown {
    if (new.target !== undefined) {
      if (new.target !== Socket) return Reflect.construct(HostSocket, [maker, options], new.target);
      return isForeign(options) ? new NodeSocket(options as never) : new HostSocket(maker, options);
    }
    const base = NodeSocket as unknown as (this: unknown, options: unknown) => void;
    if (this instanceof HostSocket) {
      base.call(this, options);
      initializeSocket(this, maker, options);
      return undefined;
    }
    // TLSSockets and others that inherit from Node's class.
    if (this instanceof NodeSocket) return base.call(this, options);
    return isForeign(options) ? new NodeSocket(options as never) : new HostSocket(maker, options);
  }
  Socket.prototype = HostSocket.prototype;
  Object.setPrototypeOf(Socket, NodeSocket);
  // Inherited by subclasses, whose instances are told by their prototypes alone.
  return Object.defineProperty(Socket, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== Socket) return Function.prototype[Symbol.hasInstance].call(this as () => void, value);
      return value instanceof NodeSocket;
    },
  }) as unknown as typeof net.Socket;
}

function listenAlone(this: net.Server, ...args: unknown[]): net.Server {
  return (NodeServer.prototype.listen as (...args: unknown[]) => net.Server).apply(this, exclusively(args));
}

/** The class of the servers of one module: Node's, which listens on the host. */
function serverClass(maker: NetMaker): typeof net.Server {
  function Server(this: unknown, options?: unknown, listener?: unknown): unknown {
    if (new.target === undefined && this instanceof Server) {
      (NodeServer as unknown as (this: unknown, ...args: unknown[]) => void).call(this, options, listener);
      return undefined;
    }
    return Reflect.construct(NodeServer, [options, listener], new.target ?? Server);
  }
  Server.prototype = Object.create(NodeServer.prototype, {
    constructor: { value: Server, writable: true, configurable: true },
    _listen2: { value: listenOn(maker), writable: true, configurable: true },
    listen: { value: listenAlone, writable: true, configurable: true },
  });
  Object.setPrototypeOf(Server, NodeServer);
  return Server as unknown as typeof net.Server;
}
