import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/** What send-numbered.ts is to do, as its test and it share it. */
export interface NumberedSending {
  readonly netns: string;
  readonly interfaceName: string;
  /** By {@link Shared}. */
  readonly shared: Int32Array;
}

/** Places in what is shared: how to send, and frames so far. */
export const Shared = { PACE: 0, SENT: 1, RECEIVED: 2 } as const;

export const Pace = {
  /** As fast as this goes, a few frames at once. */
  DENSE: 0,
  /** One frame in some milliseconds. */
  SPARSE: 1,
  END: 2,
} as const;

const SENDER = fileURLToPath(new URL('./send-numbered.js', import.meta.url));

/** Sends from another thread until the function that it returns is called. */
export function sendNumbered(sending: NumberedSending): () => Promise<void> {
  const worker = new Worker(SENDER, { workerData: sending });
  const ended = once(worker, 'exit');
  return async () => {
    Atomics.store(sending.shared, Shared.PACE, Pace.END);
    await ended;
  };
}
