import type dgram from 'node:dgram';
import { EventEmitter } from 'node:events';
import type { BlockList } from 'node:net';
import type { Batch } from '../conn/batch.ts';
import type { UdpHost } from '../host/udp/udp-port.ts';
import { initializeSocket } from './create.ts';
import type { ReceivedMessageInfo } from './message-info.ts';
import type { OutgoingMessage } from './send-many.ts';
import { HostSocket, type SocketStats } from './socket.ts';
import { type SocketMaker, type SocketState, stateOf } from './socket-state.ts';

/** Options of a socket: those of Node, and more. */
export interface DgramSocketOptions extends dgram.SocketOptions {
  /** Several sockets share the port. The sender of a datagram determines its socket. Default false. */
  reusePort?: boolean | undefined;
  /** Messages of these senders are dropped. */
  receiveBlockList?: BlockList | undefined;
  /** Sends to these addresses fail with ERR_IP_BLOCKED. */
  sendBlockList?: BlockList | undefined;
  /** `rinfo` also has localAddress, localPort, mac and vlans (see ReceivedMessageInfo). Default false. */
  receiveInfo?: boolean | undefined;
  /**
   * Whether the socket receives every group that any socket of its host has joined, as on Linux (IP_MULTICAST_ALL).
   * If false, it receives only groups that it has joined itself. Default true.
   */
  multicastAll?: boolean | undefined;
}

/**
 * A `dgram.Socket` on a simulated host. It is an instance of Node's `dgram.Socket` and behaves like one (see
 * https://nodejs.org/api/dgram.html), but has no kernel socket.
 */
export interface DgramSocket extends dgram.Socket {
  readonly type: dgram.SocketType;
  /**
   * Sends many datagrams synchronously: an array of Uint8Arrays if the socket is connected, otherwise of `{ buffer,
   * port, address }` with address literals. Returns how many there was room for. If that is not all of them, the
   * socket emits 'drain' as soon as there is room again. A socket that is not bound yet accepts none, begins to
   * bind, and emits 'drain'.
   */
  sendMany(list: readonly (Uint8Array | OutgoingMessage)[]): number;
  /**
   * Sets a callback for all messages of a wake-up, as places in memory, instead of 'message' events; see {@link
   * Batch}. `batch.reply(payload)` answers a message. null restores the events.
   */
  onBatch(callback: ((batch: Batch) => void) | null): this;
  /** Returns the counters. They account for every message that was not delivered. */
  stats(): SocketStats;
}

/** A listener of 'message' as the installed @types/node has it: its type for Buffers depends on their version. */
type MessageListener = Exclude<Parameters<typeof dgram.createSocket>[1], undefined>;
type MessageInfoListener = (message: Parameters<MessageListener>[0], rinfo: ReceivedMessageInfo) => void;
type WithInfo = DgramSocketOptions & { receiveInfo: true };

/** A socket created with `receiveInfo: true`: its listeners get a {@link ReceivedMessageInfo}. */
export type InformedSocket = InformedEvents & DgramSocket;

/** The methods of an event emitter that accept a listener, for 'message'. */
export interface InformedEvents {
  on(event: 'message', listener: MessageInfoListener): this;
  once(event: 'message', listener: MessageInfoListener): this;
  addListener(event: 'message', listener: MessageInfoListener): this;
  prependListener(event: 'message', listener: MessageInfoListener): this;
  prependOnceListener(event: 'message', listener: MessageInfoListener): this;
  off(event: 'message', listener: MessageInfoListener): this;
  removeListener(event: 'message', listener: MessageInfoListener): this;
}

/** The class of a host's sockets. Like Node's, it may be subclassed and called as `Socket.call(this, …)`. */
export interface DgramSocketClass {
  new (type: dgram.SocketType | DgramSocketOptions, listener?: MessageListener): DgramSocket;
  readonly prototype: DgramSocket;
}

/** A host's counterpart of the module node:dgram: a plain object that may be changed. */
export interface DgramModule {
  createSocket(options: WithInfo, listener?: MessageInfoListener): InformedSocket;
  createSocket(type: dgram.SocketType | DgramSocketOptions, listener?: MessageListener): DgramSocket;
  Socket: DgramSocketClass;
}

/** Where a module keeps what its sockets are made by. */
const MAKER = Symbol('maker');

/** A function is asked for the host when a socket is made, so a module may exist before its host. */
export function dgramModule(host: UdpHost | (() => UdpHost)): DgramModule {
  const maker = new Maker(host);
  // Node's may be called with `new`, too, and is in the wild; a method or an arrow function may not.
  function createSocket(type: unknown, listener?: unknown): EventEmitter {
    return new HostSocket(maker, type, listener);
  }
  return Object.defineProperty({ createSocket, [MAKER]: maker }, 'Socket', SOCKET) as unknown as DgramModule;
}

/** What modules have as their `Socket`: few programs ask for it. It may be replaced as any other property. */
const SOCKET: PropertyDescriptor & ThisType<Record<symbol, Maker>> = {
  get(): DgramSocketClass {
    return this[MAKER].Socket;
  },
  set(value: unknown): void {
    Object.defineProperty(this, 'Socket', { value, writable: true, enumerable: true, configurable: true });
  },
  enumerable: true,
  configurable: true,
};

class Maker implements SocketMaker {
  readonly #host: UdpHost | (() => UdpHost);
  #class: DgramSocketClass | null = null;

  constructor(host: UdpHost | (() => UdpHost)) {
    this.#host = host;
  }

  host(): UdpHost {
    return typeof this.#host === 'function' ? this.#host() : this.#host;
  }

  get Socket(): DgramSocketClass {
    this.#class ??= socketClass(this);
    return this.#class;
  }
}

/**
 * The class of the sockets of one module. All it makes are HostSockets; what it has of its own is where they live, and
 * which sockets are its instances.
 */
function socketClass(maker: Maker): DgramSocketClass {
  // A function and no class: programs of before classes inherit by Socket.call(this, type).
  function Socket(this: unknown, type: unknown, listener?: unknown): unknown {
    if (new.target !== undefined && new.target !== Socket) {
      return Reflect.construct(HostSocket, [maker, type, listener], new.target);
    }
    if (new.target !== undefined || !(this instanceof HostSocket))
      return new HostSocket(maker, type, listener);
    (EventEmitter as unknown as (this: EventEmitter) => void).call(this);
    initializeSocket(this, maker, type, listener);
    return undefined;
  }
  Socket.prototype = HostSocket.prototype;
  Object.setPrototypeOf(Socket, EventEmitter);
  // Inherited by subclasses, whose instances are told by their prototypes alone.
  return Object.defineProperty(Socket, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== Socket) return Function.prototype[Symbol.hasInstance].call(this as () => void, value);
      if (!(value instanceof HostSocket)) return false;
      const state = stateOf(value) as SocketState | undefined;
      return state === undefined || state.maker === maker;
    },
  }) as unknown as DgramSocketClass;
}
