import type { Clock, ClockTimer } from '../../clock.ts';
import { nextTick } from '../../real-time.ts';
import { sameBytes } from '../../wire/bytes.ts';
import { type IpKey, ipKey } from '../ip/ip-key.ts';
import {
  Neighbor,
  NeighborState,
  type PacketSender,
  type RoomListener,
  type WaitingPacket,
} from './neighbor.ts';

/**
 * RFC 4861 §10, in milliseconds. Linux uses the same for ARP. There is no random part, so runs in virtual time are
 * reproducible. Routers may announce other values for IPv6.
 */
export const REACHABLE_TIME = 30_000;
export const RETRANSMIT_TIME = 1000;
const DELAY_TIME = 5000;
const SOLICITATIONS = 3;

/** Maximum number of packets and bytes that wait for one neighbor. Beyond that, the oldest are dropped. */
const QUEUE_PACKETS = 64;
const QUEUE_BYTES = 256 * 1024;
/**
 * Number of questions, for IPv4 and IPv6, during which senders wait for room instead of losing packets: about a
 * second. The first question of IPv6 may not go out, because nobody is asked from an address that is not known to be
 * unique.
 */
const PATIENCE4 = 1;
const PATIENCE6 = 2;
/** Milliseconds for which a failed resolution is remembered. */
const FAILURE_TIME = 60_000;
/** Maximum number of bytes that wait for all neighbors. Answers to absent strangers must not fill the memory. */
const WAITING_BYTES = 16 << 20;

/** What a cache needs of its owner. */
export interface NeighborOwner {
  /**
   * Asks for the neighbor's MAC address. Asks the neighbor itself if `mac` is known, otherwise all stations. False if
   * there is no address to ask from.
   */
  solicit(neighbor: Neighbor, mac: Uint8Array | null): boolean;
  /** Sends a packet that has waited. */
  sendWaiting(neighbor: Neighbor, packet: Uint8Array): void;
  /** A station has not answered, or is heard again after that. */
  reachabilityChanged(address: Uint8Array): void;
  /** A neighbor says that it is no router (RFC 4861 §7.2.5). */
  isNoRouter(address: Uint8Array): void;
}

/** How to take a message about a neighbor, RFC 4861 §7.2.5. */
export interface Learning {
  /** It answers an own question. */
  readonly solicited: boolean;
  /** It may replace another MAC address. */
  readonly override: boolean;
  /** It may create an entry: its sender wants to talk to this station. */
  readonly create: boolean;
  /** Its sender says that it is no router. */
  readonly noRouter?: boolean;
}

/**
 * MAC addresses of neighbors by IP address. They are resolved on demand, probed again while in use, and forgotten
 * when silent. The number of entries per IP version is bounded, so neither an own scan nor strangers can fill the
 * memory. A timer runs only while an entry is being resolved, is in use, or was within the last 30 s.
 */
export class NeighborCache {
  /** Counters of packets that waited. */
  queued = 0;
  queueDropped = 0;
  unreachable = 0;
  evicted = 0;
  readonly #clock: Clock;
  readonly #owner: NeighborOwner;
  readonly #capacity: number;
  #entries: Map<IpKey, Neighbor> | null = null;
  /** Entries of IPv4 addresses. */
  #size4 = 0;
  /** Addresses that have not answered, with the time, oldest first. At most as many as entries. */
  #failures: Map<IpKey, number> | null = null;
  #waitingBytes = 0;
  /** Waiting packets that have been reported as sent. */
  #reported = 0;
  /** Set while the host closes: no more packets are taken, and this is called when the last one is gone. */
  #drained: (() => void) | null = null;
  #timer: ClockTimer | null = null;
  #timerDue = Infinity;
  #timerRefed = false;
  /** Of IPv6. */
  #reachableTime6 = REACHABLE_TIME;
  #retransmitTime6 = RETRANSMIT_TIME;

  constructor(clock: Clock, owner: NeighborOwner, capacity: number) {
    this.#clock = clock;
    this.#owner = owner;
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#entries === null ? 0 : this.#entries.size;
  }

  /** Packets waiting now. */
  get waiting(): number {
    let packets = 0;
    for (const neighbor of this.list()) packets += neighbor.queue?.length ?? 0;
    return packets;
  }

  list(): Iterable<Neighbor> {
    return this.#entries === null ? [] : this.#entries.values();
  }

  /** Sets, for IPv6, how long a neighbor counts as reachable and the time between questions, in milliseconds. */
  setTimes6(reachable: number, retransmit: number): void {
    this.#reachableTime6 = reachable;
    this.#retransmitTime6 = retransmit;
  }

  /** Milliseconds between questions, by the length of addresses. */
  retransmitTime(length: number): number {
    return length === 4 ? RETRANSMIT_TIME : this.#retransmitTime6;
  }

  /** See `RouterReachability`. */
  failedAt(address: Uint8Array): number | undefined {
    return this.#failures?.get(ipKey(address, 0, address.length === 4 ? 4 : 6));
  }

  /** See `RouterReachability`: a question for an address that is not being asked for already. */
  probe(address: Uint8Array): void {
    const neighbor = this.want(address);
    if (neighbor.state !== NeighborState.NONE) return;
    neighbor.solicitations = SOLICITATIONS - 1;
    this.#solicit(neighbor, NeighborState.INCOMPLETE);
  }

  /** There may be an address to ask from now. Asks again for those that could not be asked for. */
  askAgain(): void {
    for (const neighbor of [...this.list()]) {
      if (neighbor.isAsked || neighbor.state !== NeighborState.INCOMPLETE) continue;
      neighbor.solicitations = 0;
      this.#solicit(neighbor, NeighborState.INCOMPLETE);
    }
  }

  /** Returns the entry of the address of `version` 4 or 6 at `offset`, or undefined. */
  find(u8: Uint8Array, offset: number, version: number): Neighbor | undefined {
    return this.#entries?.get(ipKey(u8, offset, version));
  }

  /** Returns the entry of an address (4 or 16 bytes). Creates it if there is none. */
  want(address: Uint8Array): Neighbor {
    const key = ipKey(address, 0, address.length === 4 ? 4 : 6);
    const known = this.#entries?.get(key);
    if (known !== undefined) return known;
    if (this.#isFull(address.length)) this.#evict(address.length);
    const neighbor = new Neighbor(Uint8Array.from(address));
    const failure = this.#failures?.get(key);
    if (failure !== undefined) neighbor.failedBefore = this.#clock.now() - failure < FAILURE_TIME;
    this.#entries ??= new Map();
    this.#entries.set(key, neighbor);
    if (address.length === 4) this.#size4++;
    return neighbor;
  }

  /** Whether the MAC address is known, for a packet about to be sent. If not, asks for it. */
  use(neighbor: Neighbor): boolean {
    if (neighbor.state === NeighborState.STALE) {
      this.#enter(neighbor, NeighborState.DELAY, DELAY_TIME);
    } else if (neighbor.state === NeighborState.NONE) {
      neighbor.solicitations = 0;
      this.#solicit(neighbor, NeighborState.INCOMPLETE);
    }
    return neighbor.state >= NeighborState.STALE;
  }

  /**
   * Whether senders to a neighbor wait: it is asked for the first time, and has not had long to answer. For others,
   * as many packets as fit are kept, and the rest is dropped.
   */
  isPatient(neighbor: Neighbor): boolean {
    if (neighbor.state !== NeighborState.INCOMPLETE || neighbor.failedBefore) return false;
    return neighbor.solicitations <= (neighbor.address.length === 4 ? PATIENCE4 : PATIENCE6);
  }

  /**
   * Whether a packet of `length` bytes would displace another one, so its sender should wait. Then `listener` is told
   * when that changes.
   */
  isFull(neighbor: Neighbor, length: number, listener: RoomListener): boolean {
    const { queue, queuedBytes } = neighbor;
    if (queue === null || queue.length === 0 || !this.isPatient(neighbor)) return false;
    const fits = queuedBytes + length <= QUEUE_BYTES && this.#waitingBytes + length <= WAITING_BYTES;
    if (fits && queue.length < QUEUE_PACKETS) return false;
    neighbor.refused ??= new Set();
    neighbor.refused.add(listener);
    return true;
  }

  /**
   * Keeps a packet (its memory belongs to the cache from now on) until the MAC address is known. Drops it if too much
   * waits already.
   */
  enqueue(neighbor: Neighbor, packet: Uint8Array, sender: PacketSender | null): void {
    this.queued++;
    if (this.#waitingBytes + packet.length > WAITING_BYTES || this.#drained !== null) {
      this.#drop(sender);
      return;
    }
    const queue = this.#push(neighbor, { packet, sender });
    while (queue.length > QUEUE_PACKETS || (neighbor.queuedBytes > QUEUE_BYTES && queue.length > 1)) {
      const oldest = queue.shift()!;
      this.#count(neighbor, -oldest.packet.length);
      if (oldest.sender?.reported === true) this.#countReported(-1);
      this.#drop(oldest.sender);
    }
  }

  /**
   * Drains the cache while the host closes. Only packets reported as sent still wait, and not for neighbors that have
   * not answered before. Returns null if none waits, otherwise a promise that resolves when none waits any more. It
   * takes three seconds at most, whatever times routers have announced.
   */
  drain(): Promise<void> | null {
    for (const neighbor of this.list()) {
      for (const waiting of this.#takeQueue(neighbor) ?? []) {
        if (waiting.sender?.reported !== true || neighbor.failedBefore) this.#drop(waiting.sender);
        else this.#push(neighbor, waiting);
      }
    }
    if (this.#reported === 0) return null;
    return new Promise((resolve) => {
      const limit = this.#clock.setTimer(() => this.#giveUp(), SOLICITATIONS * RETRANSMIT_TIME);
      this.#drained = () => {
        limit.cancel();
        resolve();
      };
    });
  }

  /**
   * Takes what a message says: the address of `version` at `offset` has the MAC address at `mac`, or (-1) is present,
   * which leaves the state of an unresolved neighbor as it is.
   */
  learn(u8: Uint8Array, offset: number, version: number, mac: number, how: Learning): void {
    let neighbor = this.find(u8, offset, version);
    if (mac < 0 && (neighbor === undefined || neighbor.state < NeighborState.STALE)) return;
    if (neighbor === undefined) {
      // Strangers take free places only and displace nobody.
      const length = version === 4 ? 4 : 16;
      if (!how.create || this.#isFull(length)) return;
      neighbor = this.want(u8.slice(offset, offset + length));
    }
    neighbor.failedBefore = false;
    if (this.#failures?.delete(ipKey(u8, offset, version))) this.#owner.reachabilityChanged(neighbor.address);
    const known = neighbor.mac;
    const same = known !== null && (mac < 0 || sameBytes(known, 0, u8, mac, 6));
    if (neighbor.state >= NeighborState.STALE && !same && !how.override) {
      if (neighbor.state === NeighborState.REACHABLE) this.#enter(neighbor, NeighborState.STALE, Infinity);
      return;
    }
    if (!same) {
      neighbor.mac = u8.slice(mac, mac + 6);
      neighbor.version++;
    }
    const reachable = version === 4 ? REACHABLE_TIME : this.#reachableTime6;
    if (how.solicited) this.#enter(neighbor, NeighborState.REACHABLE, reachable);
    else if (!same || neighbor.state < NeighborState.STALE) {
      this.#enter(neighbor, NeighborState.STALE, Infinity);
    }
    this.#release(neighbor);
    if (how.noRouter === true) this.#owner.isNoRouter(neighbor.address);
  }

  /** Resolves with the MAC address, or null if nobody answers. */
  resolve(address: Uint8Array): Uint8Array | Promise<Uint8Array | null> {
    const neighbor = this.want(address);
    if (this.use(neighbor)) return neighbor.mac!;
    return new Promise((resolve) => {
      neighbor.waiters ??= [];
      neighbor.waiters.push(resolve);
    });
  }

  /** Forgets everything and drops what waits. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerDue = Infinity;
    const entries = this.#entries;
    this.#entries = null;
    this.#size4 = 0;
    this.#failures = null;
    for (const neighbor of entries?.values() ?? []) {
      neighbor.state = NeighborState.NONE;
      for (const { sender } of this.#takeQueue(neighbor) ?? []) this.#drop(sender);
      this.#answer(neighbor, null);
    }
  }

  /** Sends what waits, now that the MAC address is known. */
  #release(neighbor: Neighbor): void {
    const queue = this.#takeQueue(neighbor);
    if (queue !== null) for (const { packet } of queue) this.#owner.sendWaiting(neighbor, packet);
    this.#answer(neighbor, neighbor.mac);
  }

  /** Whether the cache is full for addresses of this length. */
  #isFull(length: number): boolean {
    return (length === 4 ? this.#size4 : this.size - this.#size4) >= this.#capacity;
  }

  #count(neighbor: Neighbor, bytes: number): void {
    neighbor.queuedBytes += bytes;
    this.#waitingBytes += bytes;
  }

  #push(neighbor: Neighbor, waiting: WaitingPacket): WaitingPacket[] {
    neighbor.queue ??= [];
    neighbor.queue.push(waiting);
    this.#count(neighbor, waiting.packet.length);
    if (waiting.sender?.reported === true) this.#countReported(1);
    return neighbor.queue;
  }

  #countReported(change: number): void {
    this.#reported += change;
    const isWanted = this.#reported > 0;
    if (this.#timer !== null && this.#timerRefed !== isWanted) this.#arm(this.#timerDue);
    if (isWanted || this.#drained === null) return;
    const drained = this.#drained;
    // Send or report what waited first.
    nextTick(drained);
  }

  #drop(sender: PacketSender | null): void {
    this.queueDropped++;
    sender?.dropped();
  }

  #takeQueue(neighbor: Neighbor): WaitingPacket[] | null {
    const { queue } = neighbor;
    neighbor.queue = null;
    this.#count(neighbor, -neighbor.queuedBytes);
    let reported = 0;
    for (const { sender } of queue ?? []) if (sender?.reported === true) reported++;
    if (reported > 0) this.#countReported(-reported);
    return queue;
  }

  #answer(neighbor: Neighbor, mac: Uint8Array | null): void {
    const { waiters } = neighbor;
    neighbor.waiters = null;
    if (waiters !== null) for (const waiter of waiters) waiter(mac);
    this.#tellRefused(neighbor);
  }

  #tellRefused(neighbor: Neighbor): void {
    const { refused } = neighbor;
    neighbor.refused = null;
    // Not while a frame is being received: nobody registers or closes anything there.
    if (refused !== null) nextTick(tellRoom, refused);
  }

  #rememberFailure(neighbor: Neighbor): void {
    const { address } = neighbor;
    const key = ipKey(address, 0, address.length === 4 ? 4 : 6);
    this.#failures ??= new Map();
    // At the end, as the newest.
    this.#failures.delete(key);
    this.#failures.set(key, this.#clock.now());
    if (this.#failures.size <= this.#capacity) return;
    for (const oldest of this.#failures.keys()) {
      this.#failures.delete(oldest);
      break;
    }
  }

  /** The time for draining is over: the neighbors still waited for do not answer. */
  #giveUp(): void {
    for (const neighbor of [...this.list()]) if (neighbor.queue !== null) this.#fail(neighbor);
  }

  /** Nobody answers: removes the entry and drops what waits for it. */
  #fail(neighbor: Neighbor): void {
    this.#remove(neighbor);
    const queue = this.#takeQueue(neighbor);
    if (queue !== null) {
      this.unreachable += queue.length;
      for (const { sender } of queue) sender?.unreachable();
    }
    this.#answer(neighbor, null);
  }

  #remove(neighbor: Neighbor): void {
    neighbor.state = NeighborState.NONE;
    neighbor.due = Infinity;
    const isV4 = neighbor.address.length === 4;
    if (this.#entries?.delete(ipKey(neighbor.address, 0, isV4 ? 4 : 6)) && isV4) this.#size4--;
  }

  /**
   * Makes room for an entry of one IP version. Removes an unused entry, otherwise the oldest that has not answered
   * two questions, otherwise the oldest.
   */
  #evict(length: number): void {
    let victim: Neighbor | undefined;
    let isSilent = false;
    for (const neighbor of this.list()) {
      if (neighbor.address.length !== length) continue;
      const { state } = neighbor;
      if (state === NeighborState.STALE || state === NeighborState.NONE) {
        victim = neighbor;
        break;
      }
      victim ??= neighbor;
      if (isSilent || state !== NeighborState.INCOMPLETE || neighbor.solicitations < 2) continue;
      victim = neighbor;
      isSilent = true;
    }
    if (victim === undefined) return;
    this.evicted++;
    this.#fail(victim);
  }

  #enter(neighbor: Neighbor, state: number, time: number): void {
    neighbor.state = state;
    neighbor.due = this.#clock.now() + time;
    if (neighbor.due < this.#timerDue) this.#arm(neighbor.due);
  }

  #solicit(neighbor: Neighbor, state: number): void {
    neighbor.solicitations++;
    this.#enter(neighbor, state, this.retransmitTime(neighbor.address.length));
    neighbor.isAsked = this.#owner.solicit(neighbor, state === NeighborState.PROBE ? neighbor.mac : null);
  }

  #arm(due: number): void {
    this.#timer?.cancel();
    this.#timerDue = due;
    this.#timerRefed = this.#reported > 0;
    this.#timer = this.#clock.setTimer(() => this.#expire(), due - this.#clock.now(), !this.#timerRefed);
  }

  #expire(): void {
    this.#timer = null;
    this.#timerDue = Infinity;
    const now = this.#clock.now();
    // A copy, because entries are removed during the walk.
    for (const neighbor of [...this.list()]) if (neighbor.due <= now) this.#expired(neighbor);
    let next = Infinity;
    for (const neighbor of this.list()) next = Math.min(next, neighbor.due);
    if (next < this.#timerDue) this.#arm(next);
  }

  #expired(neighbor: Neighbor): void {
    if (neighbor.state === NeighborState.REACHABLE) {
      neighbor.state = NeighborState.STALE;
      neighbor.due = Infinity;
    } else if (neighbor.state === NeighborState.DELAY) {
      neighbor.solicitations = 0;
      this.#solicit(neighbor, NeighborState.PROBE);
    } else if (neighbor.solicitations >= SOLICITATIONS) {
      this.#rememberFailure(neighbor);
      this.#fail(neighbor);
      this.#owner.reachabilityChanged(neighbor.address);
    } else {
      this.#solicit(neighbor, neighbor.state);
      if (!this.isPatient(neighbor)) this.#tellRefused(neighbor);
    }
  }
}

function tellRoom(listeners: Iterable<RoomListener>): void {
  for (const listener of listeners) listener.roomAgain();
}
