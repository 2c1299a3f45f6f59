import { getSystemErrorMap, type InspectOptions, inspect } from 'node:util';

/** System errors in the form in which node:dgram reports them. */

/** What low floors throw: at least a `code`. */
interface Coded {
  code?: unknown;
}

/** The `code` of an error; 'UNKNOWN' for what has none. */
export function codeOf(error: unknown): string {
  const code = (error as Coded | null)?.code;
  return typeof code === 'string' ? code : 'UNKNOWN';
}

const NUMBERS: ReadonlyMap<string, number> = new Map(
  Array.from(getSystemErrorMap(), ([errno, [code]]) => [code, errno]),
);

/** libuv's number for a code: negative; undefined for codes that are not of the system. */
export function errnoOf(code: string): number | undefined {
  return NUMBERS.get(code);
}

/** `setTTL EBADF`, with errno, code and syscall. `cause` keeps the text that says what to do. */
export function errnoException(
  code: string,
  syscall: string,
  cause?: unknown,
  details = '',
): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(
    `${syscall} ${code}${details}`,
    cause === undefined ? undefined : { cause },
  );
  const errno = errnoOf(code);
  if (errno !== undefined) error.errno = errno;
  error.code = code;
  error.syscall = syscall;
  return error;
}

/** An error of a call that had an address. */
export interface AddressError extends NodeJS.ErrnoException {
  address?: string | undefined;
  port?: number;
}

/** `bind EADDRINUSE 10.0.0.5:53`, with `address` and `port` besides. */
export function exceptionWithHostPort(
  cause: unknown,
  syscall: string,
  address: string | undefined,
  port: unknown,
): AddressError {
  // As Node does it, whatever a program has given as its port.
  const details = (port as number) > 0 ? ` ${address}:${port}` : address ? ` ${address}` : '';
  const error: AddressError = errnoException(codeOf(cause), syscall, cause, details);
  error.address = address;
  if (port) error.port = port as number;
  return error;
}

/** What `ERR_SOCKET_BUFFER_SIZE` says of the call that failed. */
interface CallInfo {
  errno: number | undefined;
  code: string;
  message: string;
  syscall: string;
}

/** The ERR_SOCKET_BUFFER_SIZE of a socket that is not bound, or of a size over 2^31 - 1: a "SystemError" of Node's. */
export function bufferSizeError(code: 'EBADF' | 'EINVAL', syscall: string): Error {
  const message = code === 'EBADF' ? 'bad file descriptor' : 'invalid argument';
  const info: CallInfo = { errno: errnoOf(code), code, message, syscall };
  const error = new Error(`Could not get or set buffer size: ${syscall} returned ${code} (${message})`);
  Object.defineProperty(error, 'name', { value: 'SystemError', writable: true, configurable: true });
  error.stack = error.stack?.replace(/^\w+/, 'SystemError [ERR_SOCKET_BUFFER_SIZE]') ?? '';
  return Object.defineProperties(error, {
    code: { value: 'ERR_SOCKET_BUFFER_SIZE', enumerable: true, writable: true, configurable: true },
    info: { value: info, enumerable: true, configurable: true },
    errno: accessorTo(info, 'errno'),
    syscall: accessorTo(info, 'syscall'),
    // Node's own shows the values behind its accessors, too.
    [inspect.custom]: {
      value: (_depth: number, options: InspectOptions) =>
        inspect(error, { ...options, getters: true, customInspect: false }),
      configurable: true,
    },
  });
}

function accessorTo<K extends keyof CallInfo>(info: CallInfo, name: K): PropertyDescriptor {
  return {
    get: () => info[name],
    set: (value: CallInfo[K]) => {
      info[name] = value;
    },
    enumerable: true,
    configurable: true,
  };
}
