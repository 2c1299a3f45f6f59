import { executionAsyncId } from 'node:async_hooks';
import { rethrowLater } from '../rethrow.ts';

/** Called when a datagram has been taken (`null` and its bytes), or cannot be sent (the error). */
export type SendCallback = (error: Error | null, bytes?: number) => void;

/** A socket's side of a callback. */
export interface CallbackOwner {
  readonly closed: boolean;
}

/** Calls of one callback in a row, and what it is called with. */
class CallbackBatch {
  callback: SendCallback | null = null;
  context = -1;
  readonly bytes: number[] = [];
  /** Who must not be closed for the callback to be called; null when it is called anyway. */
  readonly owners: (CallbackOwner | null)[] = [];
}

/** Batches that were run, to be used again. */
const spare: CallbackBatch[] = [];
let current: CallbackBatch | null = null;

/**
 * Has `callback` called with `bytes` in a later tick; never synchronously. Calls of the same function in a row share a
 * process.nextTick (each by itself costs three times as much); others do not, for they may have been given within
 * different runs of an AsyncLocalStorage, and each must find its own store. `owner`: with node:dgram a datagram for
 * an address leaves a tick after `send`, and when the socket is closed by then nothing is heard of it any more; null
 * for connected sockets, where it leaves at once.
 */
export function callBackLater(callback: SendCallback, bytes: number, owner: CallbackOwner | null): void {
  const context = executionAsyncId();
  if (current === null || callback !== current.callback || context !== current.context) {
    current = spare.pop() ?? new CallbackBatch();
    current.callback = callback;
    current.context = context;
    process.nextTick(run, current);
  }
  current.bytes.push(bytes);
  current.owners.push(owner);
}

function run(batch: CallbackBatch): void {
  // What is sent by these callbacks is due in a later tick.
  if (batch === current) current = null;
  const { bytes, owners } = batch;
  const callback = batch.callback!;
  for (let i = 0; i < bytes.length; i++) {
    if (owners[i]?.closed) continue;
    try {
      callback(null, bytes[i]);
    } catch (error) {
      rethrowLater(error);
    }
  }
  batch.callback = null;
  bytes.length = 0;
  owners.length = 0;
  if (spare.length < 4) spare.push(batch);
}

/** Has `callback` called with an error in a later tick, unless `owner` is closed by then. */
export function callBackFailed(callback: SendCallback, error: Error, owner: CallbackOwner | null): void {
  process.nextTick(runFailed, callback, error, owner);
}

function runFailed(callback: SendCallback, error: Error, owner: CallbackOwner | null): void {
  if (!owner?.closed) callback(error);
}
