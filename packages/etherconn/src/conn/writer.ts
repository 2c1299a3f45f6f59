import { NoRoomError } from '../errors.ts';
import { type CallOptions, type DeadlineTime, type PendingCall, PendingCalls } from '../pending.ts';
import type { Carrier } from './carrier.ts';

/** The ledger of one conn's sending side. */
export interface WriteCounters {
  sent: number;
  /** Payload bytes. */
  sentBytes: number;
  /** Tries to send that found no room. */
  noRoom: number;
  /** Answers from inside of `onBatch` that the headers of their requests left no room for in a frame. */
  replyTooLong: number;
}

/**
 * The waiting side of a conn's writes: a write that finds no room waits in the relay's queue (bounded by
 * its send depth) until there is room, the write deadline passes, or the conn or the relay is closed.
 */
export class Writer {
  sent = 0;
  sentBytes = 0;
  /** Tries that found no room. */
  noRoom = 0;
  #replyTooLong = 0;
  readonly #carrier: Carrier;
  /** Made on first use: there may be 100,000 idle conns. */
  #waiting: PendingCalls<number> | null = null;
  #closed: Error | null = null;

  constructor(carrier: Carrier) {
    this.#carrier = carrier;
  }

  setDeadline(time: DeadlineTime): void {
    this.#calls().setDeadline(time, 'write');
  }

  /** Throws once the conn is closed or the relay has stopped. */
  checkOpen(operation: string): void {
    if (this.#closed !== null) throw this.#closed;
    this.#carrier.checkOpen(operation);
  }

  /** Counts a try: `frames` sent of `bytes` payload bytes, or none. */
  count(frames: number, bytes: number): number {
    if (frames === 0) this.noRoom++;
    this.sent += frames;
    this.sentBytes += bytes;
    return frames;
  }

  /** Counts an answer that is not sent since it cannot be; returns the 0 that says so. */
  countReplyTooLong(): number {
    this.#replyTooLong++;
    return 0;
  }

  counters(): WriteCounters {
    return {
      sent: this.sent,
      sentBytes: this.sentBytes,
      noRoom: this.noRoom,
      replyTooLong: this.#replyTooLong,
    };
  }

  /**
   * Runs `attempt` (true: sent) now if nobody waits already, else in turn. Resolves with `bytes`.
   * Rejects with TimeoutError, the signal's reason, NoRoomError when too many wait, ClosedError,
   * RelayStoppedError, or what `attempt` throws.
   */
  async write(bytes: number, attempt: () => boolean, options: CallOptions): Promise<number> {
    this.checkOpen('write');
    const calls = this.#calls();
    calls.check('write', options);
    const queue = this.#carrier.waiting;
    if (queue.empty && attempt()) return bytes;
    if (queue.full) throw new NoRoomError('write');
    const call = calls.add('write', options);
    this.#line(call, bytes, attempt);
    return call.promise;
  }

  /**
   * As {@link write}, once `ready` has resolved. Meanwhile the write counts as waiting (deadline, signal and close
   * end it) but stands in nobody's way.
   */
  async writeAfter(
    ready: Promise<void>,
    bytes: number,
    attempt: () => boolean,
    options: CallOptions,
  ): Promise<number> {
    this.checkOpen('write');
    const calls = this.#calls();
    calls.check('write', options);
    const call = calls.add('write', options);
    const queue = this.#carrier.waiting;
    const proceed = () => {
      if (call.settled) return;
      try {
        if (queue.empty && attempt()) call.resolve(bytes);
        else if (queue.full) call.reject(new NoRoomError('write'));
        else this.#line(call, bytes, attempt);
      } catch (error) {
        call.reject(error);
      }
    };
    void ready.then(proceed, (error) => call.reject(error));
    return call.promise;
  }

  close(error: Error): void {
    this.#closed ??= error;
    this.#waiting?.rejectAll(error);
  }

  #line(call: PendingCall<number>, bytes: number, attempt: () => boolean): void {
    if (call.settled) return;
    call.attempt = () => {
      try {
        if (!attempt()) return false;
        call.resolve(bytes);
      } catch (error) {
        call.reject(error);
      }
      return true;
    };
    this.#carrier.waiting.add(call);
  }

  #calls(): PendingCalls<number> {
    this.#waiting ??= new PendingCalls<number>(this.#carrier.clock);
    return this.#waiting;
  }
}
