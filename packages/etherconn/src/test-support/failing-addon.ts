import { loadAddon } from '../native/addon.ts';

/**
 * Closing never fails, as close(2) does not; nor do what makes no system call, and what is asked of an interface that is
 * there.
 */
const NEVER_FAIL = new Set([
  'socketClose',
  'bpfClose',
  'pollClose',
  'pollStop',
  'pollRef',
  'socketFd',
  'bpfFd',
  'socketDrain',
  'interfaceState',
  'interfaceAddress',
]);
/** These tell a failure by a negative number. */
const RETURN_ERRNO = new Set(['packetSend', 'socketReceive', 'xdpKick', 'xdpWake']);

/** Linux's numbers, asm-generic/errno.h. */
const ERRNO = { EPERM: 1, ENOMEM: 12, EINVAL: 22 } as const;

export type FailureCode = keyof typeof ERRNO;

/** A native call that has been made to fail. */
export interface FailedCall {
  readonly name: string;
  readonly number: number;
}

/**
 * Runs `body` while the native call of that number (from 1; those that close are not counted) fails with an errno, as
 * if the kernel had refused it. Returns the call, or undefined when there were fewer.
 */
export async function withFailingCall(
  number: number,
  code: FailureCode,
  body: () => Promise<void>,
): Promise<FailedCall | undefined> {
  const addon = loadAddon() as unknown as Record<string, (...args: unknown[]) => unknown>;
  const originals = { ...addon };
  let calls = 0;
  let failed: FailedCall | undefined;
  for (const [name, call] of Object.entries(originals)) {
    if (NEVER_FAIL.has(name)) continue;
    addon[name] = (...args) => {
      if (++calls !== number) return call(...args);
      failed = { name, number };
      if (RETURN_ERRNO.has(name)) return -ERRNO[code];
      throw Object.assign(new Error(`${name}: made to fail`), { code, errno: -ERRNO[code], syscall: name });
    };
  }
  try {
    await body();
  } finally {
    Object.assign(addon, originals);
  }
  return failed;
}
