import type { ClockTimer } from '../../clock.ts';
import type { BatchSequel, BatchStore } from '../../relay/batch-store.ts';
import type { Relay } from '../../relay/relay.ts';
import { TCP_TEMPLATE_WORDS } from '../../wire/tcp-template.ts';
import type { HostTcpSocket } from './host-tcp-socket.ts';
import { settle } from './receive.ts';
import { RoomLine } from './room-line.ts';
import { TcpState } from './tcp-state.ts';
import { tell } from './tell.ts';
import { TimeWait } from './time-wait.ts';
import { TimerWheel } from './timer-wheel.ts';
import { deadlinePassed, earliestDeadline } from './timers.ts';
import { TupleTable, versionOf } from './tuple-table.ts';

/** Connections of one relay. */
export const CONNECTIONS_MAX: number = 1 << 20;

/** A host, as the connections of its relay know it. */
export interface Station {
  /** Connections in TIME-WAIT. */
  waiting: number;
}

/**
 * What the TCPs of all hosts of a relay share: one table of connections, one timer, one line for room, and the work that
 * is left to do when a batch has been taken. So a host with few connections costs little, and many are found quickly.
 */
export class Connections implements BatchSequel {
  readonly #relay: Relay;
  readonly #table4 = new TupleTable(4);
  readonly #table6 = new TupleTable(6);
  readonly #sockets: (HostTcpSocket | null)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #stations: Map<number, Station> = new Map();
  #stationsMade = 0;
  readonly #timeWait = new TimeWait();
  #timeWaitTimer: ClockTimer | null = null;
  readonly #wheel: TimerWheel;
  /** Connections that have sent where there is no room. */
  readonly line: RoomLine;
  /** Header templates, one for each slot. */
  headers: Uint32Array = new Uint32Array(16 * TCP_TEMPLATE_WORDS);
  /** Connections of the batch under way, or with news to tell in a moment. */
  #touched: HostTcpSocket[] = [];
  #spare: HostTcpSocket[] | null = null;
  #newsTimer: ClockTimer | null = null;
  #inBatch = false;
  /** Connections that keep the process alive. */
  #holding = 0;
  /** The time of the batch under way, so that not every segment asks for it (NaN outside of batches), and as an integer. */
  #batchTime: number = Number.NaN;
  #batchStamp = 0;
  /** Connections now, without those that wait. */
  size = 0;

  private constructor(relay: Relay) {
    this.#relay = relay;
    this.#wheel = new TimerWheel(relay.clock, (slot) => this.#timerFired(this.#sockets[slot]!));
    this.line = new RoomLine(relay);
  }

  /** Those of a relay. */
  static of(relay: Relay): Connections {
    let connections = all.get(relay);
    if (connections === undefined) {
      connections = new Connections(relay);
      all.set(relay, connections);
    }
    return connections;
  }

  /** A number for a host, which no other will have. */
  enter(station: Station): number {
    this.#stations.set(++this.#stationsMade, station);
    return this.#stationsMade;
  }

  /** The host is closed, and its connections have ended. Rows that still wait end when they would. */
  leave(number: number): void {
    this.#stations.delete(number);
    if (this.#stations.size > 0) return;
    this.#timeWaitTimer?.cancel();
    this.#timeWaitTimer = null;
    while (this.#timeWait.size > 0) this.#endOldestWait();
    this.#wheel.close();
    this.#newsTimer?.cancel();
    this.#newsTimer = null;
  }

  /** Milliseconds. */
  now(): number {
    return this.#inBatch ? this.#batchTime : this.#relay.clock.now();
  }

  /** The same as a clock for timestamps: an integer, which the engine passes on without an object. */
  stamp(): number {
    return this.#inBatch ? this.#batchStamp : this.#relay.clock.now() | 0;
  }

  // --- The table -------------------------------------------------------------------------------------------

  /** The connection of a tuple (even: twice its slot), a row that waits (odd: twice the row, plus 1), or -1. */
  find(tuple: Int32Array): number {
    return this.#tableOf(tuple).get(tuple);
  }

  at(slot: number): HostTcpSocket {
    return this.#sockets[slot]!;
  }

  add(tuple: Int32Array, socket: HostTcpSocket): void {
    const slot = this.#freeSlots.pop() ?? this.#sockets.length;
    socket.slot = slot;
    this.#sockets[slot] = socket;
    this.size++;
    this.#tableOf(tuple).set(tuple, 2 * slot);
    const words = (slot + 1) * TCP_TEMPLATE_WORDS;
    if (words <= this.headers.length) return;
    const headers = new Uint32Array(2 * this.headers.length);
    headers.set(this.headers);
    this.headers = headers;
  }

  remove(tuple: Int32Array, socket: HostTcpSocket): void {
    this.#wheel.cancel(socket.slot);
    this.#hold(socket, false);
    this.line.leave(socket);
    this.#sockets[socket.slot] = null;
    this.#freeSlots.push(socket.slot);
    this.size--;
    this.#tableOf(tuple).delete(tuple);
  }

  #tableOf(tuple: Int32Array): TupleTable {
    return versionOf(tuple) === 4 ? this.#table4 : this.#table6;
  }

  // --- TIME-WAIT -------------------------------------------------------------------------------------------

  get timeWait(): TimeWait {
    return this.#timeWait;
  }

  /** Strays of a connection that has been removed must not meet the next one of the same addresses and ports. */
  wait(tuple: Int32Array, socket: HostTcpSocket): void {
    const rows = this.#timeWait;
    if (rows.isFull) this.#endOldestWait();
    const timestamp = socket.timestamps ? socket.recentTimestamp : null;
    const { sentEnd, receiveNext, timestampOffset } = socket;
    const row = rows.add(tuple, sentEnd, receiveNext, timestamp, timestampOffset, this.now());
    this.#tableOf(tuple).set(tuple, 2 * row + 1);
    this.#countWaiting(tuple, 1);
    this.#armTimeWait();
  }

  /** A new connection takes the place of a row. */
  endWait(tuple: Int32Array, row: number): void {
    this.#tableOf(tuple).delete(tuple);
    this.#countWaiting(tuple, -1);
    this.#timeWait.remove(row);
  }

  /** Ends the wait of a connection that a new one of the same ends can be told from. */
  endTold(tuple: Int32Array): boolean {
    const found = this.find(tuple);
    if (found < 0 || (found & 1) === 0 || !this.#timeWait.mayEndAt(found >> 1, this.now())) return false;
    this.endWait(tuple, found >> 1);
    return true;
  }

  #endOldestWait(): void {
    const tuple = this.#timeWait.removeOldest();
    this.#tableOf(tuple).delete(tuple);
    this.#countWaiting(tuple, -1);
  }

  #countWaiting(tuple: Int32Array, change: 1 | -1): void {
    const station = this.#stations.get(tuple[tuple.length - 1]);
    if (station !== undefined) station.waiting += change;
  }

  #armTimeWait(): void {
    if (this.#timeWaitTimer !== null || this.#timeWait.size === 0) return;
    const { clock } = this.#relay;
    this.#timeWaitTimer = clock.setTimer(this.#timeWaitPassed, this.#timeWait.nextEnd - clock.now(), true);
  }

  readonly #timeWaitPassed = (): void => {
    this.#timeWaitTimer = null;
    const now = this.#relay.clock.now();
    while (this.#timeWait.nextEnd <= now) this.#endOldestWait();
    this.#armTimeWait();
  };

  // --- The end of a batch ------------------------------------------------------------------------------------

  /** A batch has brought a segment. Asks for the time once. */
  begin(store: BatchStore): void {
    if (this.#inBatch) return;
    this.#inBatch = true;
    store.afterwards(this);
    this.#batchTime = this.#relay.clock.now();
    this.#batchStamp = this.#batchTime | 0;
  }

  /** A segment of the batch under way is for this connection: its user is told at the end of it. */
  touch(socket: HostTcpSocket): void {
    if (socket.isTouched) return;
    socket.isTouched = true;
    socket.lastHeard = this.#batchTime;
    this.#touched.push(socket);
  }

  /** Only now may user code run. */
  batchTold(): void {
    // Telling some may bring news of others.
    while (this.#touched.length > 0) this.#tellTouched();
    this.#inBatch = false;
    this.#batchTime = Number.NaN;
  }

  /** There is news for a user, who must not be told from within this call. */
  tellSoon(socket: HostTcpSocket): void {
    if (socket.isTouched) return;
    socket.isTouched = true;
    this.#touched.push(socket);
    if (!Number.isNaN(this.#batchTime)) return;
    // News is always told, even where nothing else is left to do.
    this.#newsTimer ??= this.#relay.clock.setTimer(() => {
      this.#newsTimer = null;
      this.#tellTouched();
    }, 0);
  }

  #tellTouched(): void {
    const touched = this.#touched;
    // Another one, for telling may bring news of others.
    this.#touched = this.#spare ?? [];
    this.#spare = null;
    for (let i = 0; i < touched.length; i++) {
      const socket = touched[i];
      tell(socket);
      settle(socket);
      // Only now: until here what the user has read is acknowledged together with what the user writes.
      socket.isTouched = false;
      if (socket.news !== 0) tell(socket);
    }
    touched.length = 0;
    this.#spare = touched;
  }

  // --- Timers ----------------------------------------------------------------------------------------------

  /** Has the earliest deadline of a connection kept. */
  armTimer(socket: HostTcpSocket): void {
    const due = earliestDeadline(socket);
    if (due !== Infinity) this.#wheel.set(socket.slot, due, this.now());
    if (!socket.holds) this.#hold(socket, false);
    else if (socket.retransmitAt !== Infinity) this.#hold(socket, true);
  }

  #timerFired(socket: HostTcpSocket): void {
    deadlinePassed(socket, this.#relay.clock.now());
    if (socket.state !== TcpState.CLOSED) this.armTimer(socket);
    if (socket.retransmitAt === Infinity) this.#hold(socket, false);
    if (!socket.isTouched) tell(socket);
  }

  /**
   * A connection keeps the process alive while it waits for an acknowledgment: else a program that ends would lose what
   * must be sent again. Its timer finds out when it no longer waits, so that acknowledgments cost nothing.
   */
  #hold(socket: HostTcpSocket, isHolding: boolean): void {
    if (socket.isHolding === isHolding) return;
    socket.isHolding = isHolding;
    this.#holding += isHolding ? 1 : -1;
    this.#wheel.hold(this.#holding > 0);
  }
}

const all = new WeakMap<Relay, Connections>();
