import type { SocketHandle } from './handle.ts';
import { handleNotSendable } from './node-errors.ts';
import type { SocketState } from './socket-state.ts';

/** The module of Node's that sends handles to other processes. */
const SENDER = 'node:internal/child_process';

/**
 * The state of a socket as others see it, where Node's sockets have theirs: tests of programs replace methods of its
 * handle, and `child.send('server', socket)` takes the handle out to give it to another process. A handle that is
 * none of the kernel's takes the process down there (Node looks for a C++ object in it without asking), so that call
 * is refused.
 */
export function viewOf(state: SocketState): SocketState {
  return Object.create(state, VIEW) as SocketState;
}

const VIEW: PropertyDescriptorMap = {
  handle: {
    get(this: SocketState): SocketHandle | null {
      if (isCalledBy(SENDER)) throw handleNotSendable();
      return (Object.getPrototypeOf(this) as SocketState).handle;
    },
    enumerable: true,
  },
};

/** Whether a module of Node's is among the callers; asked of few calls only, for it is slow. */
function isCalledBy(file: string): boolean {
  const { prepareStackTrace, stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = 8;
    Error.prepareStackTrace = (_error, sites) => sites.some((site) => site.getFileName() === file);
    return (new Error().stack as unknown) === true;
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}
