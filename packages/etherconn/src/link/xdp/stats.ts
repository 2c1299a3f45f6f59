import type { LinkStats } from '../link.ts';
import type { SteeringCounters } from './program.ts';
import type { RxQueue } from './rx.ts';
import type { XdpParts } from './setup.ts';
import type { XdpTx } from './tx.ts';

/** Counters of an XDP link: those of every link, and what the kernel says of its sockets. */
export interface XdpLinkStats extends LinkStats {
  /** Frames dropped because an RX ring was full (in `rxDropped`). */
  rxRingFull: number;
  /** Frames dropped because a fill ring was empty. Copy mode counts them in `rxDropped`. */
  rxFillRingEmpty: number;
  /** Descriptors that the kernel, or this link, found to be wrong. */
  rxInvalidDescriptors: number;
  txInvalidDescriptors: number;
  /** Times the kernel found nothing to send. */
  txRingEmpty: number;
  /** Frames among `rxFrames` that came past the program: group frames, or those for nobody. */
  rxSideFrames: number;
  /** What the in-kernel program counted; null when it is not ours to ask. */
  steering: SteeringCounters | null;
}

/** Adds up what all parts of a link have counted, which must be open. */
export function readStats(
  { side, sockets, program }: Pick<XdpParts, 'side' | 'sockets' | 'program'>,
  queues: readonly RxQueue[],
  tx: XdpTx,
  wakeups: number,
): XdpLinkStats {
  side.readStatistics();
  const stats: XdpLinkStats = {
    rxFrames: side.rxFrames,
    rxBytes: side.rxBytes,
    rxDropped: side.dropped,
    rxRunts: side.rxRunts,
    rxOversize: side.rxOversize,
    txFrames: tx.txFrames,
    txBytes: tx.txBytes,
    txErrors: tx.txErrors,
    txNoRoom: tx.txNoRoom,
    wakeups,
    rxRingFull: 0,
    rxFillRingEmpty: 0,
    rxInvalidDescriptors: 0,
    txInvalidDescriptors: tx.invalidCompletions,
    txRingEmpty: 0,
    rxSideFrames: side.rxFrames,
    steering: program.counters(),
  };
  for (const queue of queues) {
    stats.rxFrames += queue.rxFrames;
    stats.rxBytes += queue.rxBytes;
    stats.rxRunts += queue.rxRunts;
    stats.rxOversize += queue.rxOversize;
    stats.rxInvalidDescriptors += queue.rxInvalid;
  }
  for (const socket of sockets) {
    const kernel = socket.statistics();
    stats.rxDropped += kernel.rxDropped + kernel.rxRingFull;
    stats.rxRingFull += kernel.rxRingFull;
    stats.rxFillRingEmpty += kernel.rxFillRingEmpty;
    stats.rxInvalidDescriptors += kernel.rxInvalidDescriptors;
    stats.txInvalidDescriptors += kernel.txInvalidDescriptors;
    stats.txRingEmpty += kernel.txRingEmpty;
  }
  return stats;
}
