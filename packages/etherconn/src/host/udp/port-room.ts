import type { Relay } from '../../relay/relay.ts';
import { type RoomCall, RoomQueue } from '../../relay/room-queue.ts';
import { keepAlive } from '../egress/keep-alive.ts';
import type { RoomListener } from '../neighbor/neighbor-cache.ts';

/** Writers of one port that may wait. A socket needs one place for all its datagrams. */
const DEPTH = 1024;

/**
 * Those who wait until a port can send again, whatever it was that had no room: the wire, the way to the host itself, or
 * the queue of a neighbor that is being asked for. Each port has a line of its own, because one that waits for a silent
 * neighbor must not hold up the whole relay.
 */
export class PortRoom implements RoomListener, RoomCall {
  readonly queue: RoomQueue = new RoomQueue(DEPTH);
  /** False while the port stands in the relay's line. */
  settled = true;
  onSettled: (() => void) | null = null;
  readonly #relay: Relay;
  /** The wire has had no room since the last try. */
  #blocked = false;
  /** Whether the process stays alive for what waits. */
  #holding = false;

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  /** The wire has no room: the port gets into the relay's line. */
  waitForWire(): void {
    this.#blocked = true;
    if (!this.settled) return;
    this.settled = false;
    this.onSettled = null;
    this.#hold(true);
    this.#relay.waiting.stand(this);
  }

  /** There may be room again. */
  roomAgain(): void {
    this.queue.retry();
  }

  /** The port's turn in the relay's line. */
  attempt(): boolean {
    this.#blocked = false;
    this.queue.retry();
    if (this.#blocked) return false;
    this.reject();
    return true;
  }

  /** Leaves the relay's line; who waits here learns of the relay's end by the port. */
  reject(): void {
    this.settled = true;
    this.#hold(false);
    this.onSettled?.();
  }

  /** The port is closed: nothing waits any more. */
  close(): void {
    this.#hold(false);
  }

  #hold(hold: boolean): void {
    if (hold === this.#holding) return;
    this.#holding = hold;
    keepAlive(hold ? 1 : -1);
  }
}
