import type { Clock } from '../clock.ts';
import type { BatchTaker } from '../relay/batch-store.ts';
import type { RoomQueue } from '../relay/room-queue.ts';
import type { TakerLists } from '../relay/taker-lists.ts';
import type { FrameSender } from '../relay/transmit.ts';

/** What conns that send need to have below them: a relay, or what stands in for one (see foreign-ethernet.ts). */
export interface Carrier {
  readonly clock: Clock;
  /** What conns take in is noted here. */
  readonly lists: TakerLists<BatchTaker>;
  /** Default depth of receive queues. */
  readonly receiveDepth: number;
  /**
   * Longest Ethernet payload behind a header of that many bytes whose first type field (an EtherType, or the TPID of the
   * outermost tag) is this: the MTU, or less where frames have no room for the tags.
   */
  mtuBehind(headerLength: number, type: number): number;
  /** Whether partial checksums are to be expected, see `Link.partialChecksums`. */
  readonly partialChecksums: boolean;
  /** Changes when {@link senderFor} has to be asked again. */
  readonly epoch: number;
  /** Writers that wait for room. */
  readonly waiting: RoomQueue;
  /** Which way frames to a destination go. */
  senderFor(macHigh: number, macLow: number, vlanKey: number, etherType: number): FrameSender;
  /** Throws once nothing can be sent any more. */
  checkOpen(operation: string): void;
}
