import { OptionError } from '../errors.ts';
import { FrameFlag } from '../link/link.ts';
import { show } from '../options.ts';
import { rethrowLater } from '../rethrow.ts';
import type { FrameRecord } from '../wire/record.ts';
import type { BatchSequel, BatchStore } from './batch-store.ts';
import { EthernetResponse } from './ethernet-response.ts';
import type { FrameReceiver } from './frame-receiver.ts';

/** Hands frames to a callback as copies: for users who write their own conns. */
export class ResponseReceiver implements FrameReceiver, BatchSequel {
  readonly #ethernetTypes: readonly number[];
  #callback: ((response: EthernetResponse) => void) | null = null;
  #responses: EthernetResponse[] = [];

  constructor(ethernetTypes: readonly number[]) {
    this.#ethernetTypes = ethernetTypes;
  }

  /** Sets or (null) removes the callback; without one, frames are dropped. */
  set(callback: ((response: EthernetResponse) => void) | null): void {
    if (callback !== null && typeof callback !== 'function') {
      throw new OptionError('callback', `must be a function or null, got ${show(callback)}`);
    }
    this.#callback = callback;
  }

  frame(store: BatchStore, record: FrameRecord, flags: number): void {
    if (this.#callback === null) return;
    if (this.#responses.length === 0) store.afterwards(this);
    const truncated = (flags & FrameFlag.TRUNCATED) !== 0;
    this.#responses.push(new EthernetResponse(store.memory!.u8, record, this.#ethernetTypes, truncated));
  }

  batchTold(): void {
    const responses = this.#responses;
    this.#responses = [];
    for (const response of responses) {
      try {
        this.#callback?.(response);
      } catch (error) {
        rethrowLater(error);
      }
    }
  }

  keyReplaced(): void {}

  relayStopped(): void {
    this.#callback = null;
  }
}
