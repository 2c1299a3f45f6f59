import { release } from 'node:os';
import { EtherconnError } from '../../errors.ts';

/** First kernels that have what is used here. */
export const Since = {
  /** Queues that share packet memory. */
  SHARED_UMEM: [5, 10],
  /** XDP programs for frames in several buffers. */
  FRAGS: [5, 18],
  /** Frames of several descriptors (XDP_USE_SG). */
  MULTI_BUFFER: [6, 6],
} as const;

/** Whether a kernel release like '6.1.0-18-amd64' is at least that version. */
export function kernelHas(since: readonly [number, number], kernel: string = release()): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10) || 0);
  return major > since[0] || (major === since[0] && minor >= since[1]);
}

/** Throws an EtherconnError (`ERR_ETHERCONN_KERNEL`) where the kernel is too old for XDP links. */
export function checkKernel(kernel: string = release()): void {
  if (kernelHas(Since.SHARED_UMEM, kernel)) return;
  throw new EtherconnError(
    'ERR_ETHERCONN_KERNEL',
    `XDP links need Linux 5.10 or later, this is ${kernel}; use RawSocketRelay`,
  );
}
