import type dgram from 'node:dgram';
import { EventEmitter } from 'node:events';
import type { BlockList } from 'node:net';
import type { Batch } from '../conn/batch.ts';
import type { UdpHost } from '../host/udp/udp-port.ts';
import { AddressTextCache } from './address-text-cache.ts';
import { initializeSocket } from './create.ts';
import type { ReceivedMessageInfo } from './message-info.ts';
import type { OutgoingMessage } from './send-many.ts';
import { SocketMethods, type SocketStats } from './socket.ts';
import type { SocketHost } from './socket-state.ts';

/** Options of a socket: Node's, and more. */
export interface DgramSocketOptions extends dgram.SocketOptions {
  /** Several sockets share the port; datagrams are spread over them by their senders. Default false. */
  reusePort?: boolean | undefined;
  /** Senders whose messages are dropped. */
  receiveBlockList?: BlockList | undefined;
  /** Addresses that nothing is sent to: ERR_IP_BLOCKED. */
  sendBlockList?: BlockList | undefined;
  /** `rinfo` has localAddress, localPort, mac and vlans, too (see ReceivedMessageInfo). Default false. */
  receiveInfo?: boolean | undefined;
  /**
   * Whether the socket hears what comes to any group that anybody on its host has joined, as with Linux
   * (IP_MULTICAST_ALL). False: only what comes to groups that it has joined itself. Default true.
   */
  multicastAll?: boolean | undefined;
}

/**
 * A `dgram.Socket` on a simulated host. It is an instance of Node's `dgram.Socket` and behaves as one (see
 * https://nodejs.org/api/dgram.html), but no kernel socket is behind it.
 */
export interface DgramSocket extends dgram.Socket {
  readonly type: dgram.SocketType;
  /**
   * Sends many datagrams, synchronously: an array of Uint8Arrays when connected, else of `{ buffer, port, address }`
   * with address literals. Returns how many there was room for; when that is fewer than given, 'drain' is emitted
   * as soon as there is room again. Before the socket is bound it takes none, begins to bind, and emits 'drain'.
   */
  sendMany(list: readonly (Uint8Array | OutgoingMessage)[]): number;
  /**
   * All messages of one wake-up at once, as places in memory, instead of 'message' events; see {@link Batch}.
   * `batch.reply(payload)` answers. Null goes back to events.
   */
  onBatch(callback: ((batch: Batch) => void) | null): this;
  /** Counters; every message that is not delivered is in one of them. */
  stats(): SocketStats;
}

/** A listener of 'message' as the installed @types/node has it: its type for Buffers depends on their version. */
type MessageListener = Exclude<Parameters<typeof dgram.createSocket>[1], undefined>;
type MessageInfoListener = (message: Parameters<MessageListener>[0], rinfo: ReceivedMessageInfo) => void;
type WithInfo = DgramSocketOptions & { receiveInfo: true };

/** A socket made with `receiveInfo: true`: its listeners get a {@link ReceivedMessageInfo}. */
export type InformedSocket = InformedEvents & DgramSocket;

/** @internal The methods of an event emitter that take a listener, for 'message'. */
export interface InformedEvents {
  on(event: 'message', listener: MessageInfoListener): this;
  once(event: 'message', listener: MessageInfoListener): this;
  addListener(event: 'message', listener: MessageInfoListener): this;
  prependListener(event: 'message', listener: MessageInfoListener): this;
  prependOnceListener(event: 'message', listener: MessageInfoListener): this;
  off(event: 'message', listener: MessageInfoListener): this;
  removeListener(event: 'message', listener: MessageInfoListener): this;
}

/** The class of a host's sockets. As Node's it may be subclassed, and called as `Socket.call(this, …)`. */
export interface DgramSocketClass {
  new (type: dgram.SocketType | DgramSocketOptions, listener?: MessageListener): DgramSocket;
  readonly prototype: DgramSocket;
}

/** What a host has in place of the module node:dgram; the object is plain and may be changed. */
export interface DgramModule {
  createSocket(options: WithInfo, listener?: MessageInfoListener): InformedSocket;
  createSocket(type: dgram.SocketType | DgramSocketOptions, listener?: MessageListener): DgramSocket;
  Socket: DgramSocketClass;
}

/** `host` is asked when a socket is made, so a module may exist before its host. */
export function dgramModule(host: () => UdpHost): DgramModule {
  const Socket = socketClass(sharedByHost(host));
  // Node's may be called with `new`, too, and is in the wild; a method or an arrow function may not.
  function createSocket(options: WithInfo, listener?: MessageInfoListener): InformedSocket;
  function createSocket(type: dgram.SocketType | DgramSocketOptions, listener?: MessageListener): DgramSocket;
  function createSocket(
    type: dgram.SocketType | DgramSocketOptions,
    listener?: MessageListener | MessageInfoListener,
  ): DgramSocket {
    return new Socket(type, listener as MessageListener | undefined);
  }
  return { createSocket, Socket };
}

/** Remembers what the sockets of a host share. */
function sharedByHost(host: () => UdpHost): () => SocketHost {
  let shared: SocketHost | null = null;
  return () => {
    const udp = host();
    if (shared?.udp !== udp) shared = { udp, texts: new AddressTextCache(udp.interfaceName) };
    return shared;
  };
}

function socketClass(host: () => SocketHost): DgramSocketClass {
  // A function and no class: programs of before classes inherit by Socket.call(this, type).
  function Socket(this: unknown, type: unknown, listener?: unknown): unknown {
    if (!(this instanceof Socket)) return Reflect.construct(Socket, [type, listener]);
    const socket = this as unknown as EventEmitter;
    (EventEmitter as unknown as (this: EventEmitter) => void).call(socket);
    initializeSocket(socket, host(), type, listener);
    return undefined;
  }
  Socket.prototype = Object.create(SocketMethods.prototype, {
    constructor: { value: Socket, writable: true, configurable: true },
  }) as object;
  Object.setPrototypeOf(Socket, EventEmitter);
  return Socket as unknown as DgramSocketClass;
}
