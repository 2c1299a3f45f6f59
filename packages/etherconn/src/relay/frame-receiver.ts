import type { FrameRecord } from '../wire/record.ts';
import type { BatchStore } from './batch-store.ts';
import type { L2EndpointKey } from './l2-endpoint.ts';

/**
 * What a conn looks like to its relay. `frame` only decides, and notes the frame for whoever takes it
 * (`BatchStore.note`). No user code runs in it, so the registrations cannot change under the relay's feet; takers are
 * told when all frames of the batch are there.
 */
export interface FrameReceiver {
  frame(store: BatchStore, record: FrameRecord, flags: number): void;
  /** Another owner has registered a key of the registration. */
  keyReplaced(key: L2EndpointKey): void;
  /** Somebody else has released the key that it had claimed on a shared conn: nothing comes for it any more. */
  claimReleased?(): void;
  /** The relay has stopped: fail whoever waits. */
  relayStopped(error: Error): void;
}
