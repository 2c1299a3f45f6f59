import type { Addon, NativeSocket } from '../../native/addon.ts';
import {
  intOption,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOL_SOCKET,
} from './socket-numbers.ts';

/** Bytes of frames that may be on their way in the interface's queues before the kernel says "again". */
const SEND_BUFFER = 4 << 20;
/** Bytes of merged frames that may wait, of up to 64 KiB each. */
const RECEIVE_BUFFER = 8 << 20;

/** Sets what is wanted, not needed: each caller says what is there without it. */
export function tryOption(
  addon: Addon,
  socket: NativeSocket,
  level: number,
  name: number,
  value: Uint32Array,
): void {
  try {
    addon.socketSetOption(socket, level, name, value);
  } catch {
    // As it was.
  }
}

/**
 * Where the kernel copies, frames count against it until the interface is done with them. Above the system's limit only with
 * CAP_NET_ADMIN, up to the limit always; with less the kernel says "again" more often.
 */
export function raiseSendBuffer(addon: Addon, socket: NativeSocket): void {
  for (const option of [SO_SNDBUF, SO_SNDBUFFORCE])
    tryOption(addon, socket, SOL_SOCKET, option, intOption(SEND_BUFFER));
}

/** As {@link raiseSendBuffer}, for what the kernel queues to be received: with less, it drops sooner. */
export function raiseReceiveBuffer(addon: Addon, socket: NativeSocket): void {
  for (const option of [SO_RCVBUF, SO_RCVBUFFORCE])
    tryOption(addon, socket, SOL_SOCKET, option, intOption(RECEIVE_BUFFER));
}
