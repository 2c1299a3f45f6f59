import { nextTick } from './real-time.ts';
/** Makes an exception of user code what it would be without us in between: uncaught. */
export function rethrowLater(error: unknown): void {
  nextTick(() => {
    throw error;
  });
}
