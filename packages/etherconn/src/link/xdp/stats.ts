import type { Polling } from '../kernel/polling.ts';
import type { LinkStats } from '../link.ts';
import type { SteeringCounters } from './program.ts';
import type { RxQueue } from './rx.ts';
import type { XdpParts } from './setup.ts';
import type { SideSocket } from './side-socket.ts';
import type { XdpTx } from './tx.ts';

/** Counters of an XDP link: those of every link, and the kernel's counters of its sockets. */
export interface XdpLinkStats extends LinkStats {
  /** Frames dropped because an RX ring was full (in `rxDropped`). */
  rxRingFull: number;
  /** Number of times a fill ring was empty. In copy mode, each one is a dropped frame (in `rxDropped`). */
  rxFillRingEmpty: number;
  /** Received descriptors that this link found invalid. The kernel does not report those in fill rings. */
  rxInvalidDescriptors: number;
  /** Sent descriptors that the kernel or this link found invalid. */
  txInvalidDescriptors: number;
  /** Number of times the kernel found nothing to send. */
  txRingEmpty: number;
  /** Frames in `rxFrames` that did not come through the program: group frames, or frames for no endpoint. */
  rxSideFrames: number;
  /** Counters of the in-kernel program; null for a foreign program. */
  steering: SteeringCounters | null;
}

/** What only the kernel knows, and only of what is open. */
export interface KernelCounts {
  readonly dropped: number;
  readonly rxRingFull: number;
  readonly rxFillRingEmpty: number;
  readonly rxInvalidDescriptors: number;
  readonly txInvalidDescriptors: number;
  readonly txRingEmpty: number;
  readonly steering: SteeringCounters | null;
}

/** Before anything was read. */
export const NO_COUNTS: KernelCounts = {
  dropped: 0,
  rxRingFull: 0,
  rxFillRingEmpty: 0,
  rxInvalidDescriptors: 0,
  txInvalidDescriptors: 0,
  txRingEmpty: 0,
  steering: null,
};

/** Throws a SystemError when the kernel does not tell. */
export function readKernelCounts({
  side,
  sockets,
  txSocket,
  program,
}: Pick<XdpParts, 'side' | 'sockets' | 'txSocket' | 'program'>): KernelCounts {
  side.readStatistics();
  const counts = { ...NO_COUNTS, dropped: side.dropped, steering: program.counters() };
  for (const socket of sockets) {
    const kernel = socket.statistics();
    counts.dropped += kernel.rxDropped + kernel.rxRingFull;
    counts.rxRingFull += kernel.rxRingFull;
    counts.rxFillRingEmpty += kernel.rxFillRingEmpty;
    counts.rxInvalidDescriptors += kernel.rxInvalidDescriptors;
    counts.txInvalidDescriptors += kernel.txInvalidDescriptors;
    counts.txRingEmpty += kernel.txRingEmpty;
  }
  if (txSocket !== undefined) {
    // What it says of receiving is not its own: its fill ring is that of the queue's socket.
    const { txInvalidDescriptors, txRingEmpty } = txSocket.statistics();
    counts.txInvalidDescriptors += txInvalidDescriptors;
    counts.txRingEmpty += txRingEmpty;
  }
  return counts;
}

/** Adds up what all parts of a link have counted. */
export function addUpStats(
  kernel: KernelCounts,
  side: SideSocket,
  queues: readonly RxQueue[],
  tx: XdpTx,
  polling: Polling,
  sideWakeups: number,
): XdpLinkStats {
  const stats: XdpLinkStats = {
    rxFrames: side.rxFrames,
    rxBytes: side.rxBytes,
    rxDropped: kernel.dropped,
    rxRunts: side.rxRunts,
    rxOversize: side.rxOversize,
    txFrames: tx.txFrames,
    txBytes: tx.txBytes,
    txErrors: tx.txErrors,
    txNoRoom: tx.txNoRoom,
    wakeups: polling.wakeups + sideWakeups,
    moderated: polling.moderated,
    rxRingFull: kernel.rxRingFull,
    rxFillRingEmpty: kernel.rxFillRingEmpty,
    rxInvalidDescriptors: kernel.rxInvalidDescriptors,
    txInvalidDescriptors: kernel.txInvalidDescriptors + tx.invalidCompletions,
    txRingEmpty: kernel.txRingEmpty,
    rxSideFrames: side.rxFrames,
    steering: kernel.steering,
  };
  for (const queue of queues) {
    stats.rxFrames += queue.rxFrames;
    stats.rxBytes += queue.rxBytes;
    stats.rxRunts += queue.rxRunts;
    stats.rxOversize += queue.rxOversize;
    stats.rxInvalidDescriptors += queue.rxInvalid;
  }
  return stats;
}
