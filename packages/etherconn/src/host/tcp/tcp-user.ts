/** The user of a connection. It is called after the batch of frames that the news came with, never from within a call. */
export interface TcpUser {
  /** The connection is established. */
  connected(): void;
  /** There is more to read, or the other side has ended (`ended`). */
  readable(): void;
  /** There is room to write again, after `write` took less than it was given. */
  writable(): void;
  /** Both sides have ended, and all that was written is acknowledged. */
  closed(): void;
  /** The connection has failed: ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH …; or its host has been closed. */
  failed(error: Error): void;
}

/** The user of a listening port. */
export interface TcpListenerUser {
  /** A connection has been established. Returns its user. */
  accept(socket: TcpSocket): TcpUser;
  /** The host has been closed. */
  failed(error: Error): void;
}

/** A connection, for its user. */
export interface TcpSocket {
  readonly local: Uint8Array;
  readonly localPort: number;
  readonly remote: Uint8Array;
  readonly remotePort: number;
  /** Bytes that can be read now. */
  readonly available: number;
  /** Whether the other side has ended and everything has been read. */
  readonly ended: boolean;
  /** Bytes written that are not acknowledged. */
  readonly unsent: number;
  /** Whether small segments go out at once. Default false (Nagle's algorithm, RFC 1122 §4.2.3.4). */
  noDelay: boolean;
  /** Takes as much as there is room for; returns how much. */
  write(bytes: Uint8Array, start?: number, end?: number): number;
  /** Moves what is there to `target[start, end)`; returns how much. */
  read(target: Uint8Array, start?: number, end?: number): number;
  /** Ends this side: no more will be written. */
  shutdown(): void;
  /** Ends this side; what still comes is not wanted, and is answered with a reset. */
  close(): void;
  /** Resets the connection. The user hears no more of it. */
  abort(): void;
  /** Probes a silent peer after `delay` milliseconds; 0: never. */
  keepAlive(delay: number): void;
  /** Whether the process stays alive until what was written is acknowledged, even if the socket is closed. Default true. */
  hold(holds: boolean): void;
}

/** A listening port, for its user. */
export interface TcpListening {
  readonly port: number;
  close(): void;
}
