import { markAsUntransferable } from 'node:worker_threads';

/** From this major version on, marking a buffer gives it a detach key, without which V8 aborts on detaching it. */
const FIRST_WITH_DETACH_KEY = 23;

/**
 * Keeps a buffer over mapped memory from being transferred to another thread, where it would outlive the unmapping
 * at close. Where Node cannot mark it without making it undetachable, transferring it is the program's own risk:
 * that we can detach it at close, so that a kept view never faults, comes first.
 */
export function keepOnThread(buffer: ArrayBuffer): void {
  if (Number.parseInt(process.versions.node, 10) < FIRST_WITH_DETACH_KEY) markAsUntransferable(buffer);
}
