import { constants } from 'node:os';
import { SystemError } from '../errors.ts';

/** Codes of errors that a host gives as an operating system does. */
export type HostErrorCode =
  | 'EACCES'
  | 'EADDRINUSE'
  | 'EADDRNOTAVAIL'
  | 'EAFNOSUPPORT'
  | 'EBADF'
  | 'ECONNREFUSED'
  | 'ECONNRESET'
  | 'EHOSTUNREACH'
  | 'EINVAL'
  | 'EMSGSIZE'
  | 'ENETUNREACH'
  | 'ENODEV'
  | 'ENOPROTOOPT'
  | 'ENOBUFS'
  | 'EPROTO'
  | 'ETIMEDOUT';

/** Calls that a host's ports are asked for, by the names that Node's errors have. */
export type HostCall =
  | 'setMulticastInterface'
  | 'bind'
  | 'connect'
  | 'listen'
  | 'read'
  | 'send'
  | 'recvmsg'
  | 'ping'
  | 'addMembership'
  | 'dropMembership'
  | 'addAddress';

/** An error in the shape of a system call's: `code`, `errno` (negative), `syscall`. */
export function hostError(code: HostErrorCode, syscall: HostCall, message: string): SystemError {
  return new SystemError(code, -constants.errno[code], syscall, `${syscall} ${code}: ${message}`);
}
