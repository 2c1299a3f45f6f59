import type { FrameRecord } from '../wire/record.ts';
import type { BatchStore } from './batch-store.ts';
import type { L2EndpointKey } from './l2-endpoint.ts';

/**
 * What a conn looks like to its relay. `frame` only decides and notes (no user code runs in it, so the
 * registrations cannot change under the relay's feet); `batchEnd` comes once per batch in which `frame`
 * was called, while the frames are still there.
 */
export interface FrameReceiver {
  frame(store: BatchStore, record: FrameRecord, flags: number): void;
  batchEnd(store: BatchStore): void;
  /** A key of the registration has been taken over by somebody else. */
  keyReplaced(key: L2EndpointKey): void;
  /** The relay has stopped: fail whoever waits. */
  relayStopped(error: Error): void;
}

/** A receiver's frames within the batch under way: a linked list through the store's rows. */
export class FrameList {
  head = -1;
  tail = -1;
  count = 0;

  reset(): void {
    this.head = -1;
    this.tail = -1;
    this.count = 0;
  }
}
