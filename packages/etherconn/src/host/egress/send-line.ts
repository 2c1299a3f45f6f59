import { clearTimeout, setTimeout } from '../../real-time.ts';
import type { Relay } from '../../relay/relay.ts';
import type { RoomCall } from '../../relay/room-queue.ts';

/** Maximum number of waiting packets in each lane. */
const DEPTH = 16_384;
/** Packets sent before others in the relay's line have their turn. */
const TURN = 32;
/** Milliseconds for which waiting packets keep the process alive: as long as a neighbor has to answer. */
const HOLD_TIME = 3000;

interface WaitingSend {
  /** Tries to send. True if no more tries are needed. */
  readonly attempt: () => boolean;
  readonly dropped: () => void;
}

/** Packets that wait, in order. */
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
    // Sent packets are removed once they are the greater part, so the cost per packet is constant.
    if (this.#next > this.#waiting.length / 2) {
      this.#waiting.splice(0, this.#next);
      this.#next = 0;
    }
    this.#waiting.push(send);
  }

  /** Sends the first packet. False if there is no room for it. */
  sendFirst(): boolean {
    const { attempt, dropped } = this.#waiting[this.#next];
    try {
      if (!attempt()) return false;
    } catch {
      // The host has been closed meanwhile.
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
 * Where packets of all hosts of a relay wait for room, except those of ports: ARP and neighbor discovery, group
 * membership, pings. Thousands of hosts may ask, or be asked, at once. All of them share one place in the relay's own
 * line, where conns stand. Sending a packet may create another one (a question for its next hop), which goes to the
 * end.
 *
 * Answers to neighbors' questions have their own lane, because any station can ask any number of questions. The lanes
 * take turns.
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

  /** Returns the line of a relay. */
  static of(relay: Relay): SendLine {
    const line = lines.get(relay) ?? new SendLine(relay);
    lines.set(relay, line);
    return line;
  }

  /** Sends by `attempt` now, or when there is room. Calls `dropped` if the packet is not sent at all. */
  send(attempt: () => boolean, dropped: () => void): void {
    if (this.#lane.length === 0 && attempt()) return;
    this.#wait(this.#lane, { attempt, dropped });
  }

  /** As {@link send}, for an answer to a neighbor's question. */
  answer(attempt: () => boolean, dropped: () => void): void {
    if (this.#lane.length === 0 && this.#answers.length === 0 && attempt()) return;
    this.#wait(this.#answers, { attempt, dropped });
  }

  /** Whether another answer would be dropped. */
  get answersFull(): boolean {
    return this.#answers.length >= DEPTH;
  }

  #wait(lane: Lane, send: WaitingSend): void {
    lane.add(send);
    if (this.settled && lane.length > 0) this.#standInLine();
  }

  /** The turn in the relay's line. */
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
