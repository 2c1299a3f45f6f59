/**
 * Every error that etherconn throws has a stable `code`. Errors of the operating system have Node's shape (`code`
 * 'EPERM', `errno`, `syscall`), and their message says what to do.
 */
export class EtherconnError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** A deadline or the timeout of a call has passed. Go: ErrTimeOut. */
export class TimeoutError extends EtherconnError {
  constructor(operation: string) {
    super('ERR_ETHERCONN_TIMEOUT', `${operation}: deadline exceeded`);
  }
}

/** The relay was closed, or its interface has disappeared. Go: ErrRelayStopped. */
export class RelayStoppedError extends EtherconnError {
  constructor(operation: string, cause?: unknown) {
    const why = cause instanceof Error ? ` (${cause.message})` : '';
    super(
      'ERR_ETHERCONN_RELAY_STOPPED',
      `${operation}: relay stopped${why}`,
      cause === undefined ? {} : { cause },
    );
  }
}

/** The conn itself was closed. */
export class ClosedError extends EtherconnError {
  constructor(operation: string) {
    super('ERR_ETHERCONN_CLOSED', `${operation}: closed`);
  }
}

/** An option or argument is invalid; `option` names it. Thrown before anything is opened. */
export class OptionError extends EtherconnError {
  readonly option: string;

  constructor(option: string, message: string) {
    super('ERR_ETHERCONN_OPTION', `${option}: ${message}`);
    this.option = option;
  }
}

/** A key, or an address and port, requested with `exclusive: true` has another owner. */
export class InUseError extends EtherconnError {
  constructor(what: string) {
    super('ERR_ETHERCONN_IN_USE', `${what} is already registered`);
  }
}

/** There is no room to send, and as many writers as `sendDepth` allows already wait. */
export class NoRoomError extends EtherconnError {
  constructor(operation: string) {
    super(
      'ERR_ETHERCONN_NO_ROOM',
      `${operation}: the transmit ring is full and sendDepth writers are already waiting; ` +
        'await earlier writes, or raise sendDepth',
    );
  }
}

/** The frame is too long for the link. `code` is 'EMSGSIZE', as with kernel sockets. */
export class MessageTooLongError extends EtherconnError {
  constructor(operation: string, length: number, limit: number) {
    super('EMSGSIZE', `${operation}: ${length} bytes do not fit, the most here is ${limit}`);
  }
}

/** An error of a system call, in the shape of Node's own: `code`, `errno` (negative), `syscall`. */
export class SystemError extends EtherconnError {
  readonly errno: number;
  readonly syscall: string;

  constructor(code: string, errno: number, syscall: string, message: string) {
    super(code, message);
    this.errno = errno;
    this.syscall = syscall;
  }
}

/** The next-hop resolver found no next hop for an address. `code` is 'EHOSTUNREACH'. */
export class NoNextHopError extends EtherconnError {
  constructor(address: string) {
    super('EHOSTUNREACH', `send: no next hop towards ${address}`);
  }
}
