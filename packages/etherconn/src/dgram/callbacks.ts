import { executionAsyncId } from 'node:async_hooks';
import { nextTick } from '../real-time.ts';
import { rethrowLater } from '../rethrow.ts';

/** Called when a datagram has been taken (`null` and its bytes), or cannot be sent (the error). */
export type SendCallback = (error: Error | null, bytes?: number) => void;

/** A socket's side of a callback. */
export interface CallbackOwner {
  readonly closed: boolean;
}

/** A call that is due, and the next one of the same tick. */
class DueCall {
  readonly callback: SendCallback;
  readonly bytes: number;
  /** Who must not be closed for the callback to be called; null when it is called anyway. */
  readonly owner: CallbackOwner | null;
  readonly context: number;
  next: DueCall | null;

  constructor(callback: SendCallback, bytes: number, owner: CallbackOwner | null, context: number) {
    this.callback = callback;
    this.bytes = bytes;
    this.owner = owner;
    this.context = context;
    this.next = null;
  }
}

/** The newest call, as long as its tick has not begun. */
let newest: DueCall | null = null;

/**
 * Has `callback` called with `bytes` in a later tick; never synchronously. Calls of the same function in a row share a
 * process.nextTick (each by itself costs three times as much); others do not, for they may have been given within
 * different runs of an AsyncLocalStorage, and each must find its own store. `owner`: with node:dgram a datagram for
 * an address leaves a tick after `send`, and when the socket is closed by then nothing is heard of it any more; null
 * for connected sockets, where it leaves at once.
 */
export function callBackLater(callback: SendCallback, bytes: number, owner: CallbackOwner | null): void {
  const call = new DueCall(callback, bytes, owner, executionAsyncId());
  if (newest !== null && newest.callback === callback && newest.context === call.context) newest.next = call;
  else nextTick(run, call);
  newest = call;
}

function run(first: DueCall): void {
  // What is sent by these callbacks is due in a later tick.
  newest = null;
  for (let call: DueCall | null = first; call !== null; call = call.next) {
    if (call.owner?.closed) continue;
    // Not a call of the object's method: `this` of a callback is undefined.
    const { callback } = call;
    try {
      callback(null, call.bytes);
    } catch (error) {
      rethrowLater(error);
    }
  }
}

/** Has `callback` called with an error in a later tick, unless `owner` is closed by then. */
export function callBackFailed(callback: SendCallback, error: Error, owner: CallbackOwner | null): void {
  nextTick(runFailed, callback, error, owner);
}

function runFailed(callback: SendCallback, error: Error, owner: CallbackOwner | null): void {
  if (!owner?.closed) callback(error);
}
