import type { HostTcp } from '../host/tcp/host-tcp.ts';
import type { TcpListenerUser, TcpListening, TcpSocket, TcpUser } from '../host/tcp/tcp-user.ts';
import { parseIp } from '../wire/ip.ts';

/** User of a connection that notes what happens, reads everything unless told otherwise, and writes what it is given. */
export class TcpEnd implements TcpUser {
  socket!: TcpSocket;
  /** In order: connected, ended, closed, or an error's code. */
  readonly events: string[] = [];
  readonly #read: Buffer[] = [];
  reading = true;
  #rest: Uint8Array = new Uint8Array(0);
  #ends = false;
  /** Writes back what it reads, and ends when the other side does. */
  echo = false;

  get data(): Buffer {
    return Buffer.concat(this.#read);
  }

  get text(): string {
    return this.data.toString();
  }

  /** Writes all of it, by and by, and ends then if so wanted. */
  send(bytes: Uint8Array | string, ends = false): void {
    this.#rest = Buffer.concat([this.#rest, Buffer.from(bytes as Uint8Array)]);
    this.#ends ||= ends;
    this.writable();
  }

  connected(): void {
    this.events.push('connected');
  }

  readable(): void {
    if (!this.reading) return;
    const buffer = Buffer.alloc(this.socket.available);
    if (this.socket.read(buffer) > 0) {
      this.#read.push(buffer);
      if (this.echo) this.send(buffer);
    }
    if (this.socket.ended && !this.events.includes('ended')) {
      this.events.push('ended');
      if (this.echo) this.send('', true);
    }
  }

  writable(): void {
    this.#rest = this.#rest.subarray(this.socket.write(this.#rest));
    if (this.#ends && this.#rest.length === 0) this.socket.shutdown();
  }

  closed(): void {
    this.events.push('closed');
  }

  failed(error: Error): void {
    this.events.push((error as NodeJS.ErrnoException).code ?? error.name);
  }
}

/** User of a listening port that keeps its connections' users. */
export class TcpServer implements TcpListenerUser {
  readonly ends: TcpEnd[] = [];
  readonly errors: Error[] = [];
  /** Told of each new one before its first event. */
  prepare: (end: TcpEnd) => void = () => {};
  readonly listening: TcpListening;

  constructor(tcp: HostTcp, port: number, address: string | null = null) {
    this.listening = tcp.listen(this, address === null ? null : parseIp(address), port);
  }

  accept(socket: TcpSocket): TcpUser {
    const end = new TcpEnd();
    end.socket = socket;
    this.ends.push(end);
    this.prepare(end);
    return end;
  }

  failed(error: Error): void {
    this.errors.push(error);
  }
}

/** Opens a connection. */
export function tcpConnect(tcp: HostTcp, address: string, port: number, localPort = 0): TcpEnd {
  const end = new TcpEnd();
  end.socket = tcp.connect(end, { address: parseIp(address), port, localPort });
  return end;
}
