import type { UdpDestination } from '../host/udp/udp-port.ts';
import type { RoomCall, RoomQueue } from '../relay/room-queue.ts';
import type { SendCallback } from './callbacks.ts';

/**
 * Bytes (and 128 for each datagram) that may wait in one socket. Node's own queue has no bound; this is where a
 * program that never looks at its callbacks stops eating memory.
 */
const LIMIT = 64 * 1024 * 1024;
const OVERHEAD = 128;

/** A datagram that waits for room. */
export interface PendingSend {
  readonly destination: UdpDestination;
  readonly payload: Uint8Array;
  /** As the caller gave them, for the error. */
  readonly address: string | undefined;
  readonly port: number;
  readonly callback: SendCallback | undefined;
}

/** What the queue tells its socket. */
export interface SendQueueOwner {
  sendDone(entry: PendingSend): void;
  sendFailed(entry: PendingSend, error: unknown): void;
  /** There may be room again for a caller that wanted some. */
  roomAgain(): void;
}

/**
 * Datagrams of one socket that found no room, in order. Those whose next hop is still being asked for stand aside, so that
 * they hold up nobody else's. One place in the port's line stands for all of them.
 */
export class SendQueue implements RoomCall {
  settled = true;
  onSettled: (() => void) | null = null;
  /** Bytes of payload that wait. */
  bytes = 0;
  readonly #line: RoomQueue;
  readonly #owner: SendQueueOwner;
  #entries: PendingSend[] = [];
  #first = 0;
  /** Those that wait for a hop, by its identity. */
  #aside: Map<object, PendingSend[]> | null = null;
  #asideCount = 0;
  /** Whether a caller that kept its datagrams wants to hear when there is room. */
  #wanted = false;

  constructor(line: RoomQueue, owner: SendQueueOwner) {
    this.#line = line;
    this.#owner = owner;
  }

  /** Datagrams that wait. */
  get count(): number {
    return this.#entries.length - this.#first + this.#asideCount;
  }

  /** Whether a datagram may be sent at once, as it overtakes none that must go before. */
  lets(destination: UdpDestination): boolean {
    return this.#first === this.#entries.length && !this.#isAside(destination);
  }

  /** Whether a datagram that could not be sent would only wait for its own hop. */
  waitsAside(destination: UdpDestination): boolean {
    return this.#first === this.#entries.length && (destination.resolving || this.#isAside(destination));
  }

  /** Takes a datagram in; false when the bound is reached. */
  push(entry: PendingSend): boolean {
    if (this.bytes + entry.payload.length + (this.count + 1) * OVERHEAD > LIMIT) return false;
    if (this.waitsAside(entry.destination)) this.#putAside(entry);
    else this.#entries.push(entry);
    this.bytes += entry.payload.length;
    this.#stand();
    return true;
  }

  /** Asks for {@link SendQueueOwner.roomAgain} once there may be room. */
  want(): void {
    this.#wanted = true;
    this.#stand();
  }

  /** Sends what there is room for; true when nothing is left. */
  readonly attempt = (): boolean => {
    if (this.#aside !== null) this.#takeBack(this.#aside);
    while (this.#first < this.#entries.length) {
      const entry = this.#entries[this.#first]!;
      const { destination, payload } = entry;
      try {
        if (this.#isAside(destination) || destination.trySend(payload, 0, payload.length) === 0) {
          if (!this.#isAside(destination) && !destination.resolving) return false;
          this.#shift();
          this.#putAside(entry);
          continue;
        }
      } catch (error) {
        this.#shift();
        this.bytes -= payload.length;
        this.#owner.sendFailed(entry, error);
        continue;
      }
      this.#shift();
      this.bytes -= payload.length;
      this.#owner.sendDone(entry);
    }
    const isDone = this.#aside === null;
    if (isDone) this.#settle();
    if (this.#wanted) {
      this.#wanted = false;
      this.#owner.roomAgain();
    }
    return isDone;
  };

  /** The relay is gone: every datagram has failed. */
  reject(error: unknown): void {
    this.#settle();
    this.#wanted = false;
    const entries = this.#entries.slice(this.#first);
    for (const list of this.#aside?.values() ?? []) for (const entry of list) entries.push(entry);
    this.#entries = [];
    this.#first = 0;
    this.#aside = null;
    this.#asideCount = 0;
    this.bytes = 0;
    for (const entry of entries) this.#owner.sendFailed(entry, error);
  }

  #isAside(destination: UdpDestination): boolean {
    return this.#aside !== null && destination.hop !== null && this.#aside.has(destination.hop);
  }

  #putAside(entry: PendingSend): void {
    const hop = entry.destination.hop!;
    this.#aside ??= new Map();
    const list = this.#aside.get(hop);
    if (list === undefined) this.#aside.set(hop, [entry]);
    else list.push(entry);
    this.#asideCount++;
  }

  /** What waits for no hop any more stands in line with the rest. */
  #takeBack(aside: Map<object, PendingSend[]>): void {
    for (const [hop, list] of aside) {
      if (list[0]!.destination.resolving) continue;
      aside.delete(hop);
      this.#asideCount -= list.length;
      for (const entry of list) this.#entries.push(entry);
    }
    if (aside.size === 0) this.#aside = null;
  }

  #shift(): void {
    this.#first++;
    if (this.#first === this.#entries.length) {
      this.#entries.length = 0;
      this.#first = 0;
    } else if (this.#first >= 1024 && this.#first * 2 >= this.#entries.length) {
      this.#entries.splice(0, this.#first);
      this.#first = 0;
    }
  }

  #stand(): void {
    if (!this.settled) return;
    this.settled = false;
    this.#line.stand(this);
  }

  #settle(): void {
    if (this.settled) return;
    this.settled = true;
    const { onSettled } = this;
    this.onSettled = null;
    onSettled?.();
  }
}
