import { clearTimeout, setTimeout } from '../../real-time.ts';
import type { Relay } from '../../relay/relay.ts';
import type { RoomCall } from '../../relay/room-queue.ts';

/** Packets that may wait, answers of neighbors and others each. */
const DEPTH = 16_384;
/** Packets that are sent before others in the relay's line have their turn. */
const TURN = 32;
/** Milliseconds for which the process stays alive for what waits: as long as for a neighbor that does not answer. */
const HOLD_TIME = 3000;

interface WaitingSend {
  /** Tries to send; true when it needs no more tries. */
  readonly attempt: () => boolean;
  readonly dropped: () => void;
}

/** Packets that wait in order. */
class Lane {
  #waiting: WaitingSend[] = [];
  #next = 0;

  get length(): number {
    return this.#waiting.length - this.#next;
  }

  add(send: WaitingSend): void {
    if (this.length >= DEPTH) {
      send.dropped();
      return;
    }
    // What has been sent goes when it is most of it, so that each costs a constant time.
    if (this.#next > this.#waiting.length / 2) {
      this.#waiting.splice(0, this.#next);
      this.#next = 0;
    }
    this.#waiting.push(send);
  }

  /** Sends the first; false when there is no room for it. */
  sendFirst(): boolean {
    const { attempt, dropped } = this.#waiting[this.#next];
    try {
      if (!attempt()) return false;
    } catch {
      // Its host has been closed meanwhile.
      dropped();
    }
    this.#next++;
    return true;
  }

  dropAll(): void {
    for (; this.#next < this.#waiting.length; this.#next++) this.#waiting[this.#next].dropped();
    this.#waiting = [];
    this.#next = 0;
  }
}

/**
 * Where packets of all hosts of a relay, other than those of ports, wait for room: questions and answers of ARP, neighbor
 * discovery, groups and pings. Thousands of hosts may ask, or be asked, at once. In the relay's own line, where conns
 * stand, all of them have one place. Sending one may make another (a question for its next hop), which goes to the end.
 *
 * Answers to neighbors' questions have a lane of their own, for anybody can ask for any number: the lanes take turns, and
 * so does the relay's line.
 */
export class SendLine implements RoomCall {
  /** False while it stands in the relay's line. */
  settled = true;
  onSettled: (() => void) | null = null;
  readonly #relay: Relay;
  readonly #lane = new Lane();
  readonly #answers = new Lane();
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
    if (this.#lane.length === 0 && attempt()) return;
    this.#wait(this.#lane, { attempt, dropped });
  }

  /** As {@link send}, for an answer to a neighbor's question. */
  answer(attempt: () => boolean, dropped: () => void): void {
    if (this.#lane.length === 0 && this.#answers.length === 0 && attempt()) return;
    this.#wait(this.#answers, { attempt, dropped });
  }

  /** Whether one more answer would be dropped. */
  get answersFull(): boolean {
    return this.#answers.length >= DEPTH;
  }

  #wait(lane: Lane, send: WaitingSend): void {
    lane.add(send);
    if (this.settled && lane.length > 0) this.#standInLine();
  }

  /** Its turn in the relay's line. */
  readonly attempt = (): boolean => {
    for (let sent = 0; this.#lane.length + this.#answers.length > 0; sent++) {
      if (sent >= TURN && this.#relay.waiting.size > 1) {
        this.#settle();
        this.#standInLine();
        return true;
      }
      const isAnswer = this.#lane.length === 0 || (this.#answers.length > 0 && sent % 2 === 1);
      if (!(isAnswer ? this.#answers : this.#lane).sendFirst()) return false;
    }
    this.#settle();
    return true;
  };

  /** The relay has been closed. */
  reject(): void {
    this.#lane.dropAll();
    this.#answers.dropAll();
    this.#settle();
  }

  #standInLine(): void {
    this.settled = false;
    this.onSettled = null;
    this.#hold ??= setTimeout(() => undefined, HOLD_TIME);
    this.#relay.waiting.stand(this);
  }

  #settle(): void {
    this.settled = true;
    clearTimeout(this.#hold);
    this.#hold = undefined;
    this.onSettled?.();
  }
}

const lines = new WeakMap<Relay, SendLine>();
