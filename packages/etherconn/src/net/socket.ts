import { Buffer } from 'node:buffer';
import { channel } from 'node:diagnostics_channel';
import { systemClock } from '../clock.ts';
import type { Host } from '../host/host.ts';
import { IdleTimer } from './idle-timer.ts';
import {
  NodeSocket,
  normalizeArguments,
  reinitializeHandle,
  type SocketInternals,
  type WriteCallback,
} from './node-net.ts';
import { guardServer } from './not-sendable.ts';
import { type BufferReader, type Diversion, type HandleOwner, TcpHandle } from './tcp-handle.ts';
import { prepareTls } from './tls-handle.ts';

/** What sockets are made by: what stands in for the module node:net. */
export interface NetMaker {
  /** The host of the sockets that are made now. */
  host(): Host;
  /** The class that programs see. */
  readonly Socket: unknown;
}

/** What a socket of a host has besides that of Node's. */
interface HostSocketState {
  readonly maker: NetMaker;
  idle: IdleTimer | null;
  /** Bytes that waited for room when the timer last looked. */
  queued: number;
  diverted: Diversion | null;
  readonly reader: BufferReader | null;
}

const STATE: unique symbol = Symbol('host socket');

/** Undefined while Node's constructor runs. */
function stateOf(socket: object): HostSocketState {
  return (socket as { [STATE]: HostSocketState })[STATE];
}

type Base = new (options?: unknown) => InstanceType<typeof NodeSocket> & SocketInternals;
const NodeBase: Base = NodeSocket as unknown as Base;

type Reinitialize = (this: HostSocket, handle: { close(): void } | null) => void;
const { [reinitializeHandle]: reinitializeOfNode } = NodeSocket.prototype as unknown as Record<
  symbol,
  Reinitialize
>;

/**
 * The class of all sockets, on whatever host. It is Node's own class with a {@link TcpHandle} where that has a handle of
 * libuv's, and what goes past the methods of a handle there is overridden here. A socket that names a descriptor, a
 * handle or a path stays one of the operating system's, for which everything is Node's.
 */
export class HostSocket extends NodeBase implements HandleOwner {
  constructor(maker: NetMaker, options?: unknown) {
    super(options);
    initializeSocket(this, maker, options);
  }

  get diverted(): Diversion | null {
    return stateOf(this).diverted;
  }

  /** From now on what comes goes there instead of to the stream. */
  set diverted(diversion: Diversion | null) {
    stateOf(this).diverted = diversion;
  }

  get reader(): BufferReader | null {
    return stateOf(this).reader;
  }

  override connect(...args: unknown[]): this {
    const [options] = normalizeArguments(args);
    const isTcp = !options.path && options.port !== undefined && !this._parent?.connecting;
    if (isTcp && (this.destroyed || !this._handle)) {
      this._peername = null;
      this._sockname = null;
      takeHandle(this);
    }
    return (super.connect as (...args: unknown[]) => this)(...args);
  }

  override _writeGeneric(writev: boolean, data: unknown, encoding: string, callback: WriteCallback): unknown {
    const handle = this._handle;
    if (this.connecting || !(handle instanceof TcpHandle)) {
      return super._writeGeneric(writev, data, encoding, callback);
    }
    this._pendingData = null;
    this._pendingEncoding = '';
    this._unrefTimer();
    handle.write(writev ? bytesOfAll(data as Chunk[]) : bytesOf(data as Uint8Array, encoding), callback);
    return undefined;
  }

  override resetAndDestroy(): this {
    if (!(this._handle instanceof TcpHandle)) return super.resetAndDestroy();
    if (this.connecting) this.once('connect', () => this._reset());
    else this._reset();
    return this;
  }

  override setTimeout(timeout: number, callback?: () => void): this {
    super.setTimeout(timeout, callback);
    const state = stateOf(this);
    state.idle?.cancel();
    state.idle = null;
    const { clock } = state.maker.host();
    if (this.destroyed || clock === systemClock || !(this._handle instanceof TcpHandle || this.pending))
      return this;
    // Node has checked and noted everything; its own timer goes by the wrong clock.
    super.setTimeout(0);
    (this as { timeout?: number }).timeout = timeout;
    if (timeout > 0) state.idle = new IdleTimer(clock, timeout, () => this._onTimeout());
    return this;
  }

  override _unrefTimer(): void {
    // Node's constructor calls this.
    (stateOf(this) as HostSocketState | undefined)?.idle?.touch();
    super._unrefTimer();
  }

  /** A write that goes on is no idleness. */
  override _onTimeout(): void {
    const handle = this._handle;
    if (!(handle instanceof TcpHandle)) {
      super._onTimeout();
      return;
    }
    const state = stateOf(this);
    const before = state.queued;
    state.queued = handle.writeQueueSize;
    if (state.queued > 0 && state.queued !== before) this._unrefTimer();
    else this.emit('timeout');
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    (stateOf(this) as HostSocketState | undefined)?.idle?.cancel();
    super._destroy(error, callback);
  }
}

defineConstructor();
guardServer(HostSocket.prototype);

/** Node's code makes a handle of libuv's for another attempt to connect: it becomes one of the host's. */
Object.defineProperty(HostSocket.prototype, reinitializeHandle, {
  value(this: HostSocket, handle: { close(): void }): void {
    handle.close();
    takeHandle(this);
  },
  writable: true,
  configurable: true,
});

/** Gives a socket a new handle, with which it connects. */
function takeHandle(socket: HostSocket): void {
  const handle = new TcpHandle(stateOf(socket).maker.host());
  handle.socket = socket;
  prepareTls();
  reinitializeOfNode.call(socket, handle as never);
}

/** Node's channel for sockets that connect; message `{ socket }`. From Node 22 on the socket itself tells. */
const clientChannel = channel('net.client.socket');
const isToldInConnect = Number.parseInt(process.versions.node, 10) < 22;

/** Makes a socket and connects it: `net.connect`. */
export function connectSocket(maker: NetMaker, args: readonly unknown[]): HostSocket {
  const normalized = normalizeArguments(args);
  const [options] = normalized;
  const socket = new HostSocket(maker, options);
  if (isToldInConnect && clientChannel.hasSubscribers) clientChannel.publish({ socket });
  if (options.timeout) socket.setTimeout(options.timeout as number);
  return socket.connect(normalized);
}

/** What the constructor does beyond that of Node. */
export function initializeSocket(socket: HostSocket, maker: NetMaker, options: unknown): void {
  const { _handle: handle } = socket;
  if (handle instanceof TcpHandle) {
    handle.socket = socket;
    prepareTls();
  }
  const onread = (options as { onread?: BufferReader } | null | undefined)?.onread;
  const isReader = typeof onread === 'object' && onread !== null && typeof onread.callback === 'function';
  const reader = isReader && isBufferSource(onread.buffer) ? { ...onread } : null;
  (socket as unknown as { [STATE]: HostSocketState })[STATE] = {
    maker,
    idle: null,
    queued: 0,
    diverted: null,
    reader,
  };
}

function isBufferSource(value: unknown): boolean {
  return typeof value === 'function' || value instanceof Uint8Array;
}

/** A chunk of a stream that takes strings. */
interface Chunk {
  chunk: Uint8Array | string;
  encoding: string;
}

function bytesOf(data: Uint8Array | string, encoding: string): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, encoding as BufferEncoding) : data;
}

function bytesOfAll(chunks: readonly Chunk[]): Uint8Array {
  if (chunks.length === 1) return bytesOf(chunks[0].chunk, chunks[0].encoding);
  return Buffer.concat(chunks.map(({ chunk, encoding }) => bytesOf(chunk, encoding)));
}

/** `socket.constructor` is the class of the module that the socket was made by. */
function defineConstructor(): void {
  Object.defineProperty(HostSocket.prototype, 'constructor', {
    get(this: HostSocket): unknown {
      return (stateOf(this) as HostSocketState | undefined)?.maker.Socket ?? HostSocket;
    },
    // Classes of before `class` set it on a prototype of their own.
    set(this: object, value: unknown): void {
      Object.defineProperty(this, 'constructor', { value, writable: true, configurable: true });
    },
    configurable: true,
  });
}
