import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';

/*
 * What Node itself has for TLS and HTTP/2 over a Duplex that is no socket of the kernel's: a JSStreamSocket, with a
 * native handle called JSStream. Neither is exported; a TLSSocket over a Duplex has both.
 */

/** Members of Node's JSStream. The `on…` methods are called by native code. */
export interface NativeStream {
  readBuffer(bytes: Uint8Array): void;
  emitEOF(): void;
  finishWrite(request: object, status: number): void;
  finishShutdown(request: object, status: number): void;
  onread: () => void;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** What a JSStreamSocket leaves to a handle of its own, which has none of it. */
const LEFT = ['_getpeername', '_getsockname', 'ref', 'unref', 'setNoDelay', 'setKeepAlive'] as const;

/** A JSStreamSocket. */
interface StreamSocket extends Socket {
  /** What it is over. Undefined while the constructor of Socket runs. */
  readonly stream?: unknown;
}

interface Found {
  readonly JsStream: new () => NativeStream;
  /** That of JSStreamSockets. */
  readonly prototype: Record<string, unknown>;
}

let found: Found | null = null;
let isPrepared = false;

function find(): Found {
  if (found !== null) return found;
  const duplex = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
  const probe = new tls.TLSSocket(duplex as never);
  const handle = (probe as unknown as { _handle: { _parent: object; _parentWrap: object } })._handle;
  const { _parent: stream, _parentWrap: socket } = handle;
  probe.destroy();
  found = {
    JsStream: stream.constructor as new () => NativeStream,
    prototype: Object.getPrototypeOf(socket) as Record<string, unknown>,
  };
  return found;
}

/** Node's class of native handles over JavaScript. */
export function jsStream(): new () => NativeStream {
  return find().JsStream;
}

/**
 * From now on a JSStreamSocket over a connection of a host tells and does what that does. HTTP/2 without TLS has one:
 * `session.socket` has the addresses, and a session begins when the socket is connected, not before.
 */
export function prepareStreamSockets(isOurs: (stream: unknown) => stream is Socket): void {
  if (isPrepared) return;
  isPrepared = true;
  const { prototype } = find();
  const below = ({ stream }: StreamSocket): Socket | null => (isOurs(stream) ? stream : null);
  for (const name of LEFT) {
    const original = (Socket.prototype as unknown as Record<string, Method>)[name];
    prototype[name] = function (this: StreamSocket, ...args: unknown[]): unknown {
      const stream = below(this) as unknown as Record<string, Method> | null;
      if (stream === null) return original.apply(this, args);
      const result = stream[name](...args);
      return result === stream ? this : result;
    };
  }
  const forwarded = new WeakSet<StreamSocket>();
  Object.defineProperty(prototype, 'connecting', {
    get(this: StreamSocket): boolean {
      const stream = below(this);
      if (stream === null || !stream.connecting) return false;
      if (!forwarded.has(this)) stream.once('connect', () => this.emit('connect'));
      forwarded.add(this);
      return true;
    },
    // The constructor of Socket sets it to false.
    set() {},
    configurable: true,
  });
}
