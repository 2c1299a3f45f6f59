import tls from 'node:tls';
import { errnoOf } from '../dgram/system-errors.ts';
import { setImmediate } from '../real-time.ts';
import { jsStream, type NativeStream } from './stream-socket.ts';
import { type Diversion, type HandleOwner, statusOf, TcpHandle } from './tcp-handle.ts';

/*
 * TLS over the socket of a host. Node's TLSSocket takes a native handle of what is below it, and a TcpHandle is none.
 * The one place where it does so is its method `_wrapHandle`, so that is where it is given a JSStream in its stead: the
 * native handle that Node itself uses for TLS over a Duplex. Nobody else sees it: to http and http2 the handle of a
 * host's socket is none that they can read from by themselves, so they use the stream.
 */

interface Underlying extends HandleOwner {
  _handle: unknown;
  diverted: Diversion | null;
}

interface TlsInternals {
  _wrapHandle(wrap: unknown, handle: unknown, hasActiveWrite: boolean): unknown;
}

type StreamHandleClass = new (socket: Underlying) => NativeStream;

let isPrepared = false;
let cachedClass: StreamHandleClass | null = null;

/** From now on TLSSockets can be opened over sockets of hosts. */
export function prepareTls(): void {
  if (isPrepared) return;
  isPrepared = true;
  const prototype = tls.TLSSocket.prototype as unknown as TlsInternals;
  const { _wrapHandle: original } = prototype;
  prototype._wrapHandle = function (this: TlsInternals, wrap, handle, hasActiveWrite) {
    const isOurs = handle instanceof TcpHandle;
    const taken = isOurs ? streamHandle(wrap as Underlying) : handle;
    return original.call(this, wrap, taken, hasActiveWrite);
  };
}

function streamHandle(socket: Underlying): NativeStream {
  cachedClass ??= defineClass(jsStream());
  return new cachedClass(socket);
}

function defineClass(JsStream: new () => NativeStream): StreamHandleClass {
  return class StreamHandle extends JsStream implements Diversion {
    readonly #socket: Underlying;
    reading = false;

    constructor(socket: Underlying) {
      super();
      this.#socket = socket;
      // Native code hands it what comes when TLS has gone; without a function the process would end.
      this.onread = () => undefined;
    }

    /** The handle of now: attempts to connect make new ones. */
    get #handle(): TcpHandle | null {
      const { _handle } = this.#socket;
      return _handle instanceof TcpHandle ? _handle : null;
    }

    // --- What native code calls -------------------------------------------------------------------------

    isClosing(): boolean {
      return this.#handle === null;
    }

    onreadstart(): number {
      this.#socket.diverted = this;
      return this.#handle?.readStart() ?? 0;
    }

    onreadstop(): number {
      return this.#handle?.readStop() ?? 0;
    }

    onwrite(request: object, buffers: Uint8Array[]): number {
      const handle = this.#handle;
      if (handle === null) return errnoOf('ECANCELED')!;
      const bytes = buffers.length === 1 ? buffers[0] : Buffer.concat(buffers);
      // Native code still has to see that the write is under way.
      handle.write(bytes, (error) => {
        setImmediate(() => this.finishWrite(request, error ? statusOf(error) : 0));
      });
      return 0;
    }

    onshutdown(request: object): number {
      setImmediate(() => {
        this.#socket.end((error?: Error | null) => this.finishShutdown(request, error ? statusOf(error) : 0));
      });
      return 0;
    }

    // --- What the socket hands on -----------------------------------------------------------------------

    take(bytes: Uint8Array): void {
      this.readBuffer(bytes);
    }

    takeEnd(): void {
      this.emitEOF();
    }

    // --- What TLSSocket asks the handle below it --------------------------------------------------------

    close(callback: () => void): void {
      if (this.#handle === null) {
        setImmediate(callback);
        return;
      }
      this.#socket.once('close', callback);
      this.#socket.destroy();
    }

    getsockname(out: object): number {
      return this.#handle?.getsockname(out) ?? errnoOf('EBADF')!;
    }

    getpeername(out: object): number {
      return this.#handle?.getpeername(out) ?? errnoOf('ENOTCONN')!;
    }

    setNoDelay(enable: boolean): number {
      return this.#handle?.setNoDelay(enable) ?? 0;
    }

    setKeepAlive(enable: boolean, seconds: number): number {
      return this.#handle?.setKeepAlive(enable, seconds) ?? 0;
    }

    ref(): void {
      this.#handle?.ref();
    }

    unref(): void {
      this.#handle?.unref();
    }

    hasRef(): boolean {
      return this.#handle?.hasRef() ?? false;
    }
  };
}
