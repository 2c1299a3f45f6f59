import { clearTimeout, setImmediate, setTimeout } from '../../real-time.ts';
import type { Relay } from '../../relay/relay.ts';
import type { RoomCall } from '../../relay/room-queue.ts';

/** Packets that may wait. */
const DEPTH = 16_384;
/** Milliseconds for which the process stays alive for what waits: as long as for a neighbour that does not answer. */
const HOLD_TIME = 3000;

interface WaitingSend {
  /** Tries to send; true when it needs no more tries. */
  readonly attempt: () => boolean;
  readonly dropped: () => void;
}

/**
 * Where packets of all hosts of a relay, other than those of ports, wait for room: questions and answers of ARP, neighbour
 * discovery, groups and pings. Thousands of hosts may ask, or be asked, at once. In the relay's own line, where conns
 * stand, all of them have one place. Sending one may make another (a question for its next hop), which goes to the end.
 */
export class SendLine implements RoomCall {
  /** False while it stands in the relay's line. */
  settled = true;
  onSettled: (() => void) | null = null;
  readonly #relay: Relay;
  #waiting: WaitingSend[] = [];
  #next = 0;
  #hold: NodeJS.Timeout | undefined;

  private constructor(relay: Relay) {
    this.#relay = relay;
  }

  /** The one of a relay. */
  static of(relay: Relay): SendLine {
    const line = lines.get(relay) ?? new SendLine(relay);
    lines.set(relay, line);
    return line;
  }

  /** Sends by `attempt` now, or when there is room; `dropped` is called when it is not sent at all. */
  send(attempt: () => boolean, dropped: () => void): void {
    const isEmpty = this.#next >= this.#waiting.length;
    if (isEmpty && attempt()) return;
    if (this.#waiting.length - this.#next >= DEPTH) {
      dropped();
      return;
    }
    this.#waiting.push({ attempt, dropped });
    if (this.settled) this.#standInLine();
  }

  /** Its turn in the relay's line. */
  readonly attempt = (): boolean => {
    while (this.#next < this.#waiting.length) {
      const { attempt, dropped } = this.#waiting[this.#next];
      try {
        if (!attempt()) {
          this.#waiting.splice(0, this.#next);
          this.#next = 0;
          return false;
        }
      } catch {
        // Its host has been closed meanwhile.
        dropped();
      }
      this.#next++;
    }
    this.#waiting = [];
    this.#next = 0;
    this.#settle();
    return true;
  };

  /** The relay has been closed. */
  reject(): void {
    for (; this.#next < this.#waiting.length; this.#next++) this.#waiting[this.#next].dropped();
    this.#waiting = [];
    this.#next = 0;
    this.#settle();
  }

  #standInLine(): void {
    this.settled = false;
    this.onSettled = null;
    this.#hold ??= setTimeout(() => undefined, HOLD_TIME);
    const line = this.#relay.waiting;
    if (!line.full) {
      line.add(this);
      return;
    }
    setImmediate(() => {
      if (!this.attempt()) this.#standInLine();
    });
  }

  #settle(): void {
    this.settled = true;
    clearTimeout(this.#hold);
    this.#hold = undefined;
    this.onSettled?.();
  }
}

const lines = new WeakMap<Relay, SendLine>();
