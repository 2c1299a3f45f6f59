import { getSystemErrorName } from 'node:util';
import { EtherconnError, SystemError } from '../errors.ts';

/** What the addon throws when a system call fails. */
interface NativeFailure extends Error {
  readonly errno: number;
  readonly syscall: string;
}

/** What helps whatever is being done. */
const ADVICE: Readonly<Record<string, string>> = {
  EMFILE: "this process has no file descriptor left; raise its limit ('ulimit -n', LimitNOFILE= of systemd)",
  ENFILE: 'the system has no file descriptor left; raise its limit (sysctl fs.file-max)',
  ENOMEM: 'the kernel has no memory for it; free some, or raise the limit of the container',
  EBADF: 'it has been closed',
  EPERM: "the kernel does not permit it; 'npx etherconn doctor' says what this process may do",
};

/**
 * Calls `action`; a failed system call in it becomes a {@link SystemError}. `advise` is given the code ('EPERM')
 * and the call, and returns what to tell the user, or undefined for what there is to say in general, or the system's own
 * words. A SystemError, as of such a
 * call within `action`, is thrown as it is. What Node's permission model denies becomes an EtherconnError
 * (`ERR_ETHERCONN_PERMISSION`).
 */
export function withAdvice<T>(
  operation: string,
  advise: (code: string, syscall: string) => string | undefined,
  action: () => T,
): T {
  try {
    return action();
  } catch (error) {
    if (isDenied(error)) {
      const { resource } = error;
      const grant = resource.startsWith('/proc/') ? '/proc' : resource;
      const advice = `Node's permission model forbids reading ${resource}; start node with --allow-fs-read=${grant}`;
      throw new EtherconnError('ERR_ETHERCONN_PERMISSION', `${operation}: ${advice}`, { cause: error });
    }
    if (!isNativeFailure(error)) throw error;
    const code = getSystemErrorName(error.errno);
    const advice = advise(code, error.syscall) ?? ADVICE[code] ?? error.message;
    throw new SystemError(
      code,
      error.errno,
      error.syscall,
      `${operation}: ${advice} (${code}, ${error.syscall})`,
    );
  }
}

/** As {@link withAdvice} for what has no advice of its own. */
export function during<T>(operation: string, action: () => T): T {
  return withAdvice(operation, () => undefined, action);
}

/** A {@link SystemError} for a negative errno that a call has returned. */
export function systemError(errno: number, syscall: string, message: string): SystemError {
  const code = getSystemErrorName(errno);
  return new SystemError(code, errno, syscall, `${message} (${code}, ${syscall})`);
}

/** Node's error for a file that `--permission` does not grant. */
function isDenied(error: unknown): error is Error & { readonly resource: string } {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ERR_ACCESS_DENIED';
}

/** What is a SystemError already has been told as it should be, by what is called inside. */
function isNativeFailure(error: unknown): error is NativeFailure {
  if (!(error instanceof Error) || error instanceof SystemError) return false;
  return 'errno' in error && typeof error.errno === 'number' && 'syscall' in error;
}
