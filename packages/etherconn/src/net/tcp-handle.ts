import { AsyncResource } from 'node:async_hooks';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { orLoopback, parseLiteral } from '../dgram/address.ts';
import { codeOf, errnoException, errnoOf } from '../dgram/system-errors.ts';
import { ClosedError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { TcpSocket, TcpUser } from '../host/tcp/tcp-user.ts';
import { setImmediate } from '../real-time.ts';
import { rethrowLater } from '../rethrow.ts';
import { runTicks } from '../ticks.ts';
import { isUnspecifiedIp } from '../wire/ip.ts';
import { EndAddress, plainAddress, type SocketName } from './end-address.ts';
import type { WriteCallback } from './node-net.ts';
import { refuseSending } from './not-sendable.ts';
import { prepareStreamSockets } from './stream-socket.ts';

/** Most bytes of one 'data' event, as with Node. */
const CHUNK_MAX = 65_536;

/** What a handle needs of the socket that it belongs to. */
export interface HandleOwner extends Duplex {
  _unrefTimer(): void;
  /** Where what comes goes to instead of the stream: TLS. */
  readonly diverted: Diversion | null;
  readonly reader: BufferReader | null;
}

/** Who takes what a socket receives, instead of its stream. */
export interface Diversion {
  take(bytes: Uint8Array): void;
  takeEnd(): void;
}

/** The option `onread` of a socket. */
export interface BufferReader {
  buffer: Uint8Array | (() => Uint8Array);
  callback: (this: unknown, bytes: number, buffer: Uint8Array) => boolean | undefined;
}

/** A request object of Node's. */
interface Request {
  oncomplete?: (
    status: number,
    handle?: unknown,
    request?: unknown,
    readable?: boolean,
    writable?: boolean,
  ) => void;
}

/** A write that has not found room for everything. */
interface PendingWrite {
  readonly bytes: Uint8Array;
  done: number;
  readonly callback: WriteCallback;
}

const UNKNOWN = -4094;

/** Sides that end behind the call of the event loop that is under way, as with libuv; null where none is. */
let dueEnds: (() => void)[] | null = null;
/** What closes because of such an end, behind it; null elsewhere. */
let dueClosings: (() => void)[] | null = null;

/** Whether a stream is a socket that has, or had, a connection of a host. */
function isHostSocket(stream: unknown): stream is Socket {
  return stream instanceof Socket && 'diverted' in stream;
}

/** libuv's number of an error. */
export function statusOf(error: unknown): number {
  const { errno } = error as NodeJS.ErrnoException;
  return typeof errno === 'number' ? errno : (errnoOf(codeOf(error)) ?? UNKNOWN);
}

/**
 * What Node's `net.Socket` has as its `_handle`: a connection of a host with the methods of libuv's TCP handles. Methods
 * return 0 or a negative number of an error.
 */
export class TcpHandle implements TcpUser {
  readonly host: Host;
  socket!: HandleOwner;
  /** Whether Node's code has asked for data. */
  reading = false;
  bytesRead = 0;
  bytesWritten = 0;
  #tcp: TcpSocket | null;
  /** Whether it stands for a socket of version 6 that has the other end of an IPv4 connection: '::ffff:10.0.0.1'. */
  #mapped: boolean;
  #version: 4 | 6 = 4;
  #bound: EndAddress | null = null;
  #connecting: Request | null = null;
  #pending: PendingWrite | null = null;
  #shutdown: Request | null = null;
  #failure: Error | null = null;
  #ended = false;
  #closed = false;
  #delivering = false;
  #noDelay = false;
  #keepAlive = 0;
  /** What the program has said; null: what the host does by default. */
  #refed: boolean | null = null;
  #holding = false;
  #onread: unknown = null;
  #buffer: Uint8Array | null = null;
  /** The function of Node's that stands for its socket. */
  #ownOnread: unknown = null;
  readonly #resource = new AsyncResource('TCPWRAP');

  /** `tcp`: a connection that has been accepted. */
  constructor(host: Host, tcp: TcpSocket | null = null, mapped = false) {
    this.host = host;
    this.#tcp = tcp;
    this.#mapped = mapped;
  }

  // --- What Node's code calls ---------------------------------------------------------------------------

  get fd(): number {
    return -1;
  }

  /** Node's http and http2 ask this of the handle before they read from it by themselves, which they cannot. */
  get isStreamBase(): boolean {
    prepareStreamSockets(isHostSocket);
    return false;
  }

  getAsyncId(): number {
    return this.#resource.asyncId();
  }

  /**
   * What Node's code has handles call for what has come. This one does not call it, for it pushes to its socket itself.
   * Node's http puts another function there while a socket is idle: then nothing may come.
   */
  get onread(): unknown {
    return this.#onread;
  }

  set onread(value: unknown) {
    this.#ownOnread ??= value;
    if (value !== this.#ownOnread && !this.#closed) refuseSending(value);
    this.#onread = value;
  }

  bind(address: string, port: number): number {
    return this.#bind(address, port, 4);
  }

  bind6(address: string, port: number): number {
    return this.#bind(address, port, 6);
  }

  connect(request: Request, address: string, port: number): number {
    return this.#connect(request, address, port, 4);
  }

  connect6(request: Request, address: string, port: number): number {
    return this.#connect(request, address, port, 6);
  }

  /** The first buffer of the option `onread`. */
  useUserBuffer(buffer: Uint8Array): void {
    this.#buffer = buffer;
  }

  readStart(): number {
    this.reading = true;
    this.#hold();
    if (this.#hasNews && !this.#delivering) {
      this.#delivering = true;
      setImmediate(deliverLater, this);
    }
    return 0;
  }

  readStop(): number {
    this.reading = false;
    this.#hold();
    return 0;
  }

  shutdown(request: Request): number {
    if (this.#tcp === null) return errnoOf('ENOTCONN')!;
    this.#shutdown = request;
    if (this.#pending === null) this.#endWriting();
    return 0;
  }

  close(callback?: () => void): void {
    this.#close(callback, false);
  }

  reset(callback?: () => void): number {
    this.#close(callback, true);
    return 0;
  }

  ref(): void {
    this.#refed = true;
    this.#tcp?.hold(true);
    this.#hold();
  }

  unref(): void {
    this.#refed = false;
    this.#tcp?.hold(false);
    this.#hold();
  }

  hasRef(): boolean {
    return this.#refed ?? this.host.socketsHold;
  }

  setNoDelay(enable: boolean): number {
    this.#noDelay = enable;
    if (this.#tcp !== null) this.#tcp.noDelay = enable;
    return 0;
  }

  setKeepAlive(enable: boolean, seconds: number): number {
    this.#keepAlive = enable ? (seconds || 7200) * 1000 : 0;
    if (this.#tcp !== null && this.#connecting === null) this.#tcp.keepAlive(this.#keepAlive);
    return 0;
  }

  getsockname(out: Partial<SocketName>): number {
    if (this.#closed) return errnoOf('EBADF')!;
    const tcp = this.#tcp;
    if (tcp !== null) plainAddress(tcp.local, tcp.localPort, this.host, this.#mapped, out);
    else if (this.#bound !== null) Object.assign(out, this.#bound.name);
    else {
      const address = this.#version === 4 ? '0.0.0.0' : '::';
      Object.assign(out, { address, family: `IPv${this.#version}`, port: 0 });
    }
    return 0;
  }

  getpeername(out: Partial<SocketName>): number {
    const tcp = this.#tcp;
    if (tcp === null || this.#connecting !== null) return errnoOf('ENOTCONN')!;
    plainAddress(tcp.remote, tcp.remotePort, this.host, this.#mapped, out);
    return 0;
  }

  // --- Writing ------------------------------------------------------------------------------------------

  /** Bytes that wait for room. */
  get writeQueueSize(): number {
    return this.#pending === null ? 0 : this.#pending.bytes.length - this.#pending.done;
  }

  /** Writes everything; one write at a time. The callback is called at once if there was room. */
  write(bytes: Uint8Array, callback: WriteCallback): void {
    if (this.#closed || this.#failure !== null) {
      callback(this.#closed ? errnoException('EBADF', 'write') : this.#writeError(this.#failure!));
      return;
    }
    this.bytesWritten += bytes.length;
    const done = this.#tcp === null ? 0 : this.#tcp.write(bytes);
    if (done === bytes.length) {
      callback();
      return;
    }
    this.#pending = { bytes, done, callback };
    this.#hold();
  }

  writable(): void {
    const pending = this.#pending;
    if (pending === null) return;
    pending.done += this.#tcp!.write(pending.bytes, pending.done);
    if (pending.done < pending.bytes.length) return;
    this.#pending = null;
    this.#hold();
    this.#run(() => {
      this.socket._unrefTimer();
      pending.callback(null);
      if (this.#shutdown !== null && this.#pending === null) this.#endWriting();
    });
  }

  /** As on Linux, a reset from who has ended before is a broken pipe. */
  #writeError(failure: Error): Error {
    const code = codeOf(failure);
    return errnoException(code === 'ECONNRESET' && this.#ended ? 'EPIPE' : code, 'write', failure);
  }

  /** As with libuv, a little later; then the other side cannot hear of it before the program does. */
  #endWriting(): void {
    const request = this.#shutdown!;
    this.#shutdown = null;
    const end = (): void => {
      const closings: (() => void)[] = [];
      dueClosings = closings;
      if (!this.#closed) this.#tcp?.shutdown();
      this.#run(() => request.oncomplete?.(0));
      dueClosings = null;
      for (const close of closings) close();
    };
    if (dueEnds === null) setImmediate(end);
    else dueEnds.push(end);
  }

  // --- What the connection tells ------------------------------------------------------------------------

  connected(): void {
    const request = this.#connecting;
    if (request === null) return;
    this.#connecting = null;
    this.#hold();
    if (this.#keepAlive > 0) this.#tcp!.keepAlive(this.#keepAlive);
    this.#run(() => request.oncomplete?.(0, this, request, true, true));
  }

  readable(): void {
    if (this.reading) this.#deliver();
  }

  closed(): void {}

  failed(error: Error): void {
    const request = this.#connecting;
    this.#connecting = null;
    this.#failure = error;
    if (this.host.closed || error instanceof ClosedError) {
      this.#hostClosed(error);
      return;
    }
    if (request !== null) {
      this.#hold();
      this.#run(() => request.oncomplete?.(statusOf(error), this, request, true, true));
      return;
    }
    // Who does not read hears of it when writing.
    if (this.reading) {
      this.readable();
      return;
    }
    const pending = this.#pending;
    this.#pending = null;
    this.#hold();
    if (pending !== null) this.#run(() => pending.callback(this.#writeError(error)));
  }

  /** 'close' comes. An error only if the program did not close the host, its relay or network itself, and listens. */
  #hostClosed(error: Error): void {
    const { socket } = this;
    const isOwn = error instanceof ClosedError || error.cause instanceof ClosedError;
    const isSilent = isOwn || socket.listenerCount('error') === 0;
    socket.destroy(isSilent ? undefined : error);
  }

  get #hasNews(): boolean {
    const tcp = this.#tcp;
    if (tcp === null || this.#ended) return false;
    return tcp.available > 0 || tcp.ended || this.#failure !== null;
  }

  /** Hands on what has come, as long as Node's code wants it. As with Node, ticks run behind each piece. */
  #deliver(): void {
    while (this.#hasNews && this.reading && !this.#closed && !this.#delivering) {
      this.#run(() => this.#deliverPiece());
    }
  }

  #deliverPiece(): void {
    const { socket } = this;
    const tcp = this.#tcp!;
    if (this.#onread !== this.#ownOnread) socket.destroy();
    else if (tcp.available > 0) this.#deliverBytes();
    else if (tcp.ended) this.#deliverEnd();
    else {
      this.readStop();
      socket.destroy(errnoException(codeOf(this.#failure), 'read', this.#failure));
    }
  }

  #deliverBytes(): void {
    const { socket } = this;
    if (socket.diverted !== null) this.#divert(socket.diverted);
    else if (this.#buffer !== null && socket.reader !== null) this.#readInto(this.#buffer, socket.reader);
    else this.#push();
  }

  #deliverEnd(): void {
    const { socket } = this;
    this.#ended = true;
    this.readStop();
    socket._unrefTimer();
    if (socket.diverted !== null) {
      socket.diverted.takeEnd();
    } else {
      socket.push(null);
      socket.read(0);
    }
  }

  #push(): void {
    const buffer = this.#take();
    this.socket._unrefTimer();
    if (!this.socket.push(buffer)) this.readStop();
  }

  #divert(diverted: Diversion): void {
    const buffer = this.#take();
    this.socket._unrefTimer();
    diverted.take(buffer);
  }

  #readInto(buffer: Uint8Array, reader: BufferReader): void {
    const { socket } = this;
    const count = this.#tcp!.read(buffer);
    this.bytesRead += count;
    socket._unrefTimer();
    const goesOn = reader.callback.call(socket, count, buffer) !== false;
    const next = typeof reader.buffer === 'function' ? reader.buffer() : null;
    if (next instanceof Uint8Array) this.#buffer = next;
    if (!goesOn) this.readStop();
  }

  #take(): Buffer {
    const tcp = this.#tcp!;
    const buffer = Buffer.allocUnsafe(Math.min(tcp.available, CHUNK_MAX));
    tcp.read(buffer);
    this.bytesRead += buffer.length;
    return buffer;
  }

  // --- The rest -----------------------------------------------------------------------------------------

  #bind(address: string, port: number, version: 4 | 6): number {
    this.#version = version;
    try {
      this.#bound = new EndAddress(this.host, address, (port ?? 0) & 0xffff, version);
      return 0;
    } catch (error) {
      return statusOf(error);
    }
  }

  #connect(request: Request, address: string, port: number, version: 4 | 6): number {
    this.#version = version;
    try {
      const { bytes, zone } = parseLiteral(address, version, 'connect');
      if (zone !== '' && zone !== this.host.interfaceName) return errnoOf('EINVAL')!;
      const end = EndAddress.unmapped(bytes);
      this.#mapped = end.length < bytes.length;
      const local = this.#bound;
      this.#tcp = this.host.stack.tcp.connect(this, {
        address: orLoopback(end),
        port,
        ...(local === null || isUnspecifiedIp(local.bytes, 0, local.bytes.length === 4 ? 4 : 6)
          ? {}
          : { localAddress: local.bytes }),
        ...(local === null || local.port === 0 ? {} : { localPort: local.port }),
      });
    } catch (error) {
      return statusOf(error);
    }
    this.#tcp.noDelay = this.#noDelay;
    if (this.#refed === false) this.#tcp.hold(false);
    this.#connecting = request;
    this.#hold();
    return 0;
  }

  #close(callback: (() => void) | undefined, isReset: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.reading = false;
    this.#connecting = null;
    if (isReset) this.#tcp?.abort();
    else this.#tcp?.close();
    this.#hold();
    const pending = this.#pending;
    this.#pending = null;
    const finish = (): void => {
      this.#run(() => {
        pending?.callback(errnoException('ECANCELED', 'write'));
        callback?.();
      });
      this.#tcp = null;
    };
    if (dueClosings === null) setImmediate(finish);
    else dueClosings.push(finish);
  }

  /**
   * Runs what the program may have put there, as Node does: in the context in which the handle was made, and with ticks
   * behind it. Only from the event loop.
   */
  #run(action: () => void): void {
    const ends: (() => void)[] = [];
    const isInner = dueEnds !== null;
    dueEnds ??= ends;
    try {
      this.#resource.runInAsyncScope(action);
    } catch (error) {
      rethrowLater(error);
      if (this.reading) this.readStart();
    }
    runTicks?.();
    if (isInner) return;
    for (const end of ends) end();
    dueEnds = null;
  }

  /**
   * As a handle of libuv's, it keeps the process alive while something is under way, and reading is. On a memory network
   * reading is not, unless the program says so: nothing comes from outside.
   */
  #hold(): void {
    const isUnderWay = this.#connecting !== null || this.#pending !== null;
    const isActive = isUnderWay || (this.reading && (this.#refed ?? this.host.socketsHold));
    const hold = this.#refed !== false && isActive && !this.#closed;
    if (hold === this.#holding) return;
    this.#holding = hold;
    if (hold) this.host.refSocket();
    else this.host.unrefSocket();
  }

  /** @internal In a later turn of the event loop, as data comes with Node. */
  deliverLater(): void {
    this.#delivering = false;
    this.#deliver();
  }
}

function deliverLater(handle: TcpHandle): void {
  handle.deliverLater();
}
