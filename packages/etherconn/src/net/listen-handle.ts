import { AsyncResource } from 'node:async_hooks';
import { errnoOf } from '../dgram/system-errors.ts';
import type { Host } from '../host/host.ts';
import type { TcpListenerUser, TcpListening, TcpSocket, TcpUser } from '../host/tcp/tcp-user.ts';
import { setImmediate } from '../real-time.ts';
import { rethrowLater } from '../rethrow.ts';
import { isUnspecifiedIp } from '../wire/ip.ts';
import { EndAddress, type SocketName } from './end-address.ts';
import { statusOf, TcpHandle } from './tcp-handle.ts';

/** Where a server listens. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
  readonly version: 4 | 6;
  /** Only IPv6, where all addresses are meant. */
  readonly ipv6Only: boolean;
}

/** What Node's `net.Server` has as its `_handle`: a listening port of a host. */
export class ListenHandle implements TcpListenerUser {
  readonly host: Host;
  readonly #where: ListenAddress;
  /** Whether connections of IPv4 come with addresses of IPv6: '::ffff:10.0.0.1'. */
  readonly #isDual: boolean;
  readonly #accept: (handle: TcpHandle) => void;
  readonly #hostClosed: () => void;
  #listening: TcpListening | null = null;
  #refed: boolean;
  #holding = false;
  readonly #resource = new AsyncResource('TCPSERVERWRAP');

  constructor(host: Host, where: ListenAddress, accept: (handle: TcpHandle) => void, hostClosed: () => void) {
    this.host = host;
    this.#where = where;
    this.#isDual = where.version === 6 && where.address === '::' && !where.ipv6Only;
    this.#accept = accept;
    this.#hostClosed = hostClosed;
    this.#refed = host.socketsHold;
  }

  getAsyncId(): number {
    return this.#resource.asyncId();
  }

  listen(backlog: number): number {
    const { address, port, version } = this.#where;
    try {
      const end = new EndAddress(this.host, address, port, version);
      const isAny = isUnspecifiedIp(end.bytes, 0, end.bytes.length === 4 ? 4 : 6);
      const bytes = this.#isDual ? null : end.bytes;
      const { tcp } = this.host.stack;
      this.#listening = tcp.listen(this, isAny && this.#isDual ? null : bytes, port, backlog);
    } catch (error) {
      return statusOf(error);
    }
    this.#hold();
    return 0;
  }

  close(callback?: () => void): void {
    this.#listening?.close();
    this.#listening = null;
    this.#hold();
    if (callback !== undefined) setImmediate(callback);
  }

  ref(): void {
    this.#refed = true;
    this.#hold();
  }

  unref(): void {
    this.#refed = false;
    this.#hold();
  }

  hasRef(): boolean {
    return this.#refed;
  }

  getsockname(out: Partial<SocketName>): number {
    if (this.#listening === null) return errnoOf('EBADF')!;
    const { address, version } = this.#where;
    Object.assign(out, { address, family: `IPv${version}`, port: this.#listening.port });
    return 0;
  }

  /** Ticks run later, when the connection knows its user. */
  accept(socket: TcpSocket): TcpUser {
    const isMapped = socket.local.length === 4 && this.#where.version === 6;
    const handle = new TcpHandle(this.host, socket, isMapped);
    try {
      this.#resource.runInAsyncScope(this.#accept, undefined, handle);
    } catch (error) {
      rethrowLater(error);
    }
    return handle;
  }

  failed(): void {
    this.#listening = null;
    this.#hold();
    this.#hostClosed();
  }

  #hold(): void {
    const hold = this.#refed && this.#listening !== null;
    if (hold === this.#holding) return;
    this.#holding = hold;
    if (hold) this.host.refSocket();
    else this.host.unrefSocket();
  }
}
