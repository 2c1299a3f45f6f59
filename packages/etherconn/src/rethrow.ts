import { queueMicrotask } from './real-time.ts';

/**
 * Makes an exception of user code what it would be without us in between: uncaught. It is thrown in a microtask, not in a
 * tick: a tick that throws ends the run through the ticks behind it.
 */
export function rethrowLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
