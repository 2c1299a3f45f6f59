import type { EventEmitter } from 'node:events';
import type { BufferSizes } from './handle.ts';
import { badBufferSize } from './node-errors.ts';
import { runningHandle } from './socket-state.ts';
import { bufferSizeError } from './system-errors.ts';

/** Limits of Linux (net.core.rmem_max and wmem_max by default); it doubles what is asked for, see socket(7). */
const MOST = 212_992;
const LEAST = { recv: 2304, send: 4608 } as const;

/** Sets what `getRecvBufferSize` and `getSendBufferSize` say. Nothing else depends on it: queues have bounds of their own. */
export function setBufferSize(socket: EventEmitter, size: unknown, side: 'recv' | 'send'): void {
  const sizes = checkedSizes(socket, size, side);
  if (size === 0) return;
  sizes[side] = Math.max(LEAST[side], Math.min(size as number, MOST) * 2);
}

export function getBufferSize(socket: EventEmitter, side: 'recv' | 'send'): number {
  return checkedSizes(socket, 0, side)[side];
}

function checkedSizes(socket: EventEmitter, size: unknown, side: 'recv' | 'send'): BufferSizes {
  if ((size as number) >>> 0 !== size) throw badBufferSize();
  const handle = runningHandle(socket);
  const syscall = `uv_${side}_buffer_size`;
  if (size > 0x7fffffff) throw bufferSizeError('EINVAL', syscall);
  if (!handle.bound) throw bufferSizeError('EBADF', syscall);
  return handle.bufferSizes;
}
