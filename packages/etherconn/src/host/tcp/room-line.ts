import type { Relay } from '../../relay/relay.ts';
import type { RoomCall } from '../../relay/room-queue.ts';
import type { HostTcpSocket } from './host-tcp-socket.ts';
import { settle } from './receive.ts';

/** Connections of a relay that wait for room to send. Together they have one place in the relay's line. */
export class RoomLine implements RoomCall {
  /** False while it stands in the relay's line. */
  settled = true;
  onSettled: (() => void) | null = null;
  readonly #relay: Relay;
  #waiting: HostTcpSocket[] = [];

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  /** A segment of the connection has found no room. */
  stand(socket: HostTcpSocket): void {
    if (socket.waitsForRoom) return;
    socket.waitsForRoom = true;
    this.#waiting.push(socket);
    if (!this.settled) return;
    this.settled = false;
    this.onSettled = null;
    this.#relay.waiting.stand(this);
  }

  leave(socket: HostTcpSocket): void {
    if (!socket.waitsForRoom) return;
    socket.waitsForRoom = false;
    this.#waiting = this.#waiting.filter((one) => one !== socket);
  }

  /** Its turn in the relay's line. */
  attempt(): boolean {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let i = 0; i < waiting.length; i++) {
      const socket = waiting[i];
      // It has left meanwhile.
      if (!socket.waitsForRoom) continue;
      socket.waitsForRoom = false;
      settle(socket);
      if (this.#waiting.length === 0) continue;
      // No more room: the rest keeps its place, and this one goes to the end.
      const rest = waiting.slice(i + 1).filter((one) => one.waitsForRoom);
      this.#waiting = [...rest, ...this.#waiting];
      return false;
    }
    this.reject();
    return true;
  }

  /** Leaves the relay's line. */
  reject(): void {
    this.settled = true;
    this.onSettled?.();
  }
}
