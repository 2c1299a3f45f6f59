import type { Relay } from '../../relay/relay.ts';
import { type RoomCall, RoomQueue } from '../../relay/room-queue.ts';
import { keepAlive } from '../egress/keep-alive.ts';
import type { RoomListener } from '../neighbor/neighbor.ts';

/** Maximum number of waiting writers of one port. A socket needs one place for all its datagrams. */
const DEPTH = 1024;

/**
 * Writers that wait until a port can send again, whatever had no room: the wire, the loopback, or the queue of an
 * unresolved neighbor. Each port has its own line, because a port that waits for a silent neighbor must not block the
 * whole relay.
 */
export class PortRoom implements RoomListener, RoomCall {
  readonly queue: RoomQueue = new RoomQueue(DEPTH);
  /** False while the port stands in the relay's line. */
  settled = true;
  onSettled: (() => void) | null = null;
  readonly #relay: Relay;
  /** Whether the wire had no room in the last try. */
  #blocked = false;
  /** Whether it keeps the process alive. */
  #holding = false;

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  /** The wire has no room: puts the port in the relay's line. */
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

  /** Leaves the relay's line. The port tells its writers when the relay ends. */
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
