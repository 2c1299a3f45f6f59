import { setImmediate } from '../real-time.ts';
import type { MessageInfo } from './message-info.ts';

/** Bytes (and 128 for each message) that may wait for their turn of the event loop; a batch fits in many times. */
const HELD_LIMIT = 64 * 1024 * 1024;
const OVERHEAD = 128;

/**
 * Messages that wait for immediates of their own, one after the other: Node runs ticks and microtasks between any two
 * immediates. For where nothing else can have them run (see ticks.ts); it costs many times as much.
 */
export class HeldMessages {
  readonly #emit: (message: Buffer, info: MessageInfo) => void;
  /** Message, info, message … */
  #held: (Buffer | MessageInfo)[] = [];
  #first = 0;
  #bytes = 0;

  constructor(emit: (message: Buffer, info: MessageInfo) => void) {
    this.#emit = emit;
  }

  get count(): number {
    return (this.#held.length - this.#first) / 2;
  }

  /** False when too much waits. */
  hold(message: Buffer, info: MessageInfo): boolean {
    const bytes = message.length + OVERHEAD;
    if (this.#bytes + bytes > HELD_LIMIT) return false;
    this.#bytes += bytes;
    this.#held.push(message, info);
    setImmediate(this.#release);
    return true;
  }

  clear(): void {
    this.#held = [];
    this.#first = 0;
    this.#bytes = 0;
  }

  readonly #release = (): void => {
    if (this.count === 0) return;
    const message = this.#held[this.#first] as Buffer;
    const info = this.#held[this.#first + 1] as MessageInfo;
    this.#first += 2;
    this.#bytes -= message.length + OVERHEAD;
    if (this.count === 0) this.clear();
    this.#emit(message, info);
  };
}
