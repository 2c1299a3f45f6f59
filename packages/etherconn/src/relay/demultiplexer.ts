import type { FrameMemory, LinkReceiver } from '../link/link.ts';
import type { ReceivedFrames } from '../link/middleware/received-frames.ts';
import { parseFrame } from '../wire/parse.ts';
import { FrameRecord } from '../wire/record.ts';
import { BatchStore, type BatchTaker } from './batch-store.ts';
import type { EndpointTable } from './endpoint-table.ts';
import type { GroupList, GroupListeners } from './group-listeners.ts';
import { groupSelector, NO_SELECTOR, secondGroupSelector, udpBroadcastPort } from './group-selector.ts';
import type { RelayStats } from './packet-relay.ts';
import { RelayRegistration } from './registration.ts';
import type { Registry } from './registry.ts';
import type { TakerLists } from './taker-lists.ts';
import type { UdpFront } from './udp-front.ts';

/** The receiving half of RelayStats. */
export type ReceiveLedger = Omit<
  RelayStats,
  'sent' | 'hairpinned' | 'hairpinDropped' | 'registrations' | 'waitingWriters' | 'link'
>;

/** The relay, as the receiving side sees it. */
export interface DemultiplexerOwner {
  /** Conns are about to be called back. */
  batchBegins(): void;
  /** All conns have been called back. */
  batchDone(): void;
  linkFailed(error: Error): void;
  linkState(up: boolean): void;
  linkRefused(error: Error, frames: number): void;
}

/** Delivers received frames to their registrations, and counts the disposition of each frame. */
export class Demultiplexer implements LinkReceiver {
  /** Frames received and delivered by the front alone. */
  #fast = 0;
  // Counters as of RelayStats, of the others.
  #received = 0;
  #delivered = 0;
  #deliveredGroup = 0;
  #deliveredDefault = 0;
  #noEndpoint = 0;
  #noListener = 0;
  #noReceiver = 0;
  #malformed = 0;
  #groupSource = 0;
  #ownSource = 0;
  #framesStopped = 0;
  #groupCopies = 0;
  #mirrored = 0;
  /** Set when the relay stops: frames of a batch under way are only counted. */
  stopped = false;
  /** Where frames between conns of this relay lie, if they may lie anywhere. */
  hairpinMemory: FrameMemory | null = null;
  /** Who is shown the frames of the link; null as a rule. */
  shown: ReceivedFrames | null = null;
  readonly #owner: DemultiplexerOwner;
  readonly #registry: Registry;
  readonly #table: EndpointTable;
  readonly #listeners: GroupListeners;
  readonly #places: readonly (RelayRegistration | null)[];
  readonly #record = new FrameRecord();
  readonly #store: BatchStore;
  readonly #front: UdpFront;
  /** Whether frames of the batch under way go to the front before anything else is looked at. */
  #frontFirst = false;

  constructor(registry: Registry, lists: TakerLists<BatchTaker>, owner: DemultiplexerOwner) {
    this.#store = new BatchStore(lists);
    this.#owner = owner;
    this.#registry = registry;
    this.#table = registry.table;
    this.#listeners = registry.listeners;
    this.#places = registry.places;
    this.#front = registry.front;
  }

  begin(memory: FrameMemory, queue: number): void {
    this.#store.begin(memory);
    this.#store.local = memory === this.hairpinMemory;
    const isShown = this.shown !== null && !this.#store.local;
    if (isShown) this.shown!.begin(memory, queue);
    this.#frontFirst =
      !isShown &&
      this.#front.size > 0 &&
      this.#registry.mirrors.length === 0 &&
      (this.hairpinMemory === null || this.#store.local) &&
      !this.stopped;
  }

  frame(offset: number, length: number, flags: number): void {
    if (this.#frontFirst && (offset & 3) === 2 && this.#front.take(this.#store, offset, length, flags)) {
      this.#fast++;
    } else {
      this.#frame(offset, length, flags);
    }
  }

  /**
   * The way through the layers. A method of its own, so that the engine can inline {@link frame} into the link's
   * loop.
   */
  #frame(offset: number, length: number, flags: number): void {
    if (this.shown !== null && !this.#store.local) this.shown.frame(offset, length);
    this.#received++;
    if (this.stopped) {
      this.#framesStopped++;
      return;
    }
    const record = this.#record;
    const u8 = this.#store.memory!.u8;
    parseFrame(u8, offset, length, record);
    if (this.#registry.mirrors.length > 0)
      this.#mirrored += this.#offer(this.#registry.mirrors, record, flags);
    if (record.l3 === 0) {
      this.#malformed++;
      return;
    }
    if ((u8[offset + 6] & 1) === 1) {
      // No station has a group address (IEEE 802.3 §3.2.3): an answer would go to a whole group.
      this.#groupSource++;
      return;
    }
    if (this.hairpinMemory !== null && !this.#store.local && this.#isFromHere(u8, record)) {
      this.#ownSource++;
      return;
    }
    if ((u8[offset] & 1) === 1) {
      this.#group(record, flags);
      return;
    }
    // Mirrors have their copies now, and the source is known to be a stranger's.
    if (!this.#frontFirst && (offset & 3) === 2 && this.#front.take(this.#store, offset, length, flags)) {
      this.#delivered++;
      return;
    }
    const macHigh = (u8[offset] << 24) | (u8[offset + 1] << 16) | (u8[offset + 2] << 8) | u8[offset + 3];
    const macLow = (u8[offset + 4] << 8) | u8[offset + 5];
    const place = this.#table.get(macHigh, macLow, record.vlanKey, record.etherType);
    if (place >= 0) {
      if (this.#deliver(this.#places[place]!, record, flags)) this.#delivered++;
      else this.#noReceiver++;
    } else if (this.#offer(this.#registry.defaults, record, flags) > 0) {
      this.#deliveredDefault++;
    } else {
      this.#noEndpoint++;
    }
  }

  /** User code runs here. It may send, register, and close conns and the relay itself. */
  end(): void {
    this.#owner.batchBegins();
    this.#store.tellTakers();
    this.#store.end();
    this.#owner.batchDone();
  }

  /** What became of all frames received. */
  ledger(): ReceiveLedger {
    return {
      received: this.#received + this.#fast,
      delivered: this.#delivered + this.#fast,
      deliveredGroup: this.#deliveredGroup,
      deliveredDefault: this.#deliveredDefault,
      noEndpoint: this.#noEndpoint,
      noListener: this.#noListener,
      noReceiver: this.#noReceiver,
      malformed: this.#malformed,
      groupSource: this.#groupSource,
      ownSource: this.#ownSource,
      stopped: this.#framesStopped,
      groupCopies: this.#groupCopies,
      mirrored: this.#mirrored,
    };
  }

  error(error: Error): void {
    this.#owner.linkFailed(error);
  }

  state(up: boolean): void {
    this.#owner.linkState(up);
  }

  refused(error: Error, frames: number): void {
    this.#owner.linkRefused(error, frames);
  }

  #group(record: FrameRecord, flags: number): void {
    const list = this.#listeners.get(record.vlanKey, record.etherType);
    let copies = 0;
    if (list !== null) {
      const u8 = this.#store.memory!.u8;
      const selector = list.selective ? groupSelector(u8, record) : NO_SELECTOR;
      const port = list.selective && selector === NO_SELECTOR ? udpBroadcastPort(u8, record) : -1;
      copies = this.#copy(list.unselective, record, flags);
      if (port >= 0) {
        copies += this.#copyToPort(list, port, record, flags);
      } else if (selector === NO_SELECTOR) {
        copies += this.#copy(list.selecting, record, flags);
      } else {
        const selected = list.selected(selector);
        copies += this.#copy(selected, record, flags);
        const second = secondGroupSelector(u8, record);
        if (second !== NO_SELECTOR) copies += this.#copy(list.selected(second), record, flags, selected);
      }
    }
    this.#groupCopies += copies;
    if (copies > 0) this.#deliveredGroup++;
    else if (this.#offer(this.#registry.defaults, record, flags) > 0) this.#deliveredDefault++;
    else this.#noListener++;
  }

  /** Delivers a group frame to all of a list but who has sent it, and `except`; returns how many took it. */
  #copy(
    listeners: RelayRegistration | Iterable<RelayRegistration>,
    record: FrameRecord,
    flags: number,
    except: RelayRegistration | ReadonlySet<RelayRegistration> | null = null,
  ): number {
    if (listeners instanceof RelayRegistration) return this.#copyTo(listeners, record, flags, except);
    let copies = 0;
    for (const listener of listeners) copies += this.#copyTo(listener, record, flags, except);
    return copies;
  }

  /** To those who have the port; one whose key somebody else has taken meanwhile hears nothing any more. */
  #copyToPort(list: GroupList, port: number, record: FrameRecord, flags: number): number {
    const having = list.havingPort(port);
    if (having instanceof RelayRegistration)
      return list.has(having) ? this.#copyTo(having, record, flags, null) : 0;
    let copies = 0;
    for (const listener of having)
      if (list.has(listener)) copies += this.#copyTo(listener, record, flags, null);
    return copies;
  }

  #copyTo(
    listener: RelayRegistration,
    record: FrameRecord,
    flags: number,
    except: RelayRegistration | ReadonlySet<RelayRegistration> | null,
  ): number {
    if (except !== null && (except === listener || (except instanceof Set && except.has(listener)))) return 0;
    if (this.#store.local && isOwn(listener, this.#store.memory!.u8, record)) return 0;
    return this.#deliver(listener, record, flags) ? 1 : 0;
  }

  /** Offers a frame to catch-all receivers; returns how many took it. */
  #offer(receivers: readonly RelayRegistration[], record: FrameRecord, flags: number): number {
    let taken = 0;
    const u8 = this.#store.memory!.u8;
    const group = (u8[record.start] & 1) === 1;
    for (const registration of receivers) {
      if (group && !registration.multicast) continue;
      if (registration.etherTypes !== null && !registration.etherTypes.includes(record.etherType)) continue;
      if (group && this.#store.local && isOwn(registration, u8, record)) continue;
      if (this.#deliver(registration, record, flags)) taken++;
    }
    return taken;
  }

  #deliver(registration: RelayRegistration, record: FrameRecord, flags: number): boolean {
    const receiver = registration.receiver;
    if (receiver === null) return false;
    receiver.frame(this.#store, record, flags);
    return true;
  }

  /**
   * Whether a frame from the wire claims to come from an endpoint of this relay. With hairpin its answer would come
   * back in, from here and then rightly so, to be answered again: without end, if the conn echoes.
   */
  #isFromHere(u8: Uint8Array, record: FrameRecord): boolean {
    const at = record.start + 6;
    const high = (u8[at] << 24) | (u8[at + 1] << 16) | (u8[at + 2] << 8) | u8[at + 3];
    return this.#table.get(high, (u8[at + 4] << 8) | u8[at + 5], record.vlanKey, record.etherType) >= 0;
  }
}

/** Whether a frame was sent by this very registration: a group frame is not given back to its sender. */
function isOwn(listener: RelayRegistration, u8: Uint8Array, record: FrameRecord): boolean {
  const at = record.start + 6;
  const high = ((u8[at] << 24) | (u8[at + 1] << 16) | (u8[at + 2] << 8) | u8[at + 3]) >>> 0;
  const low = (u8[at + 4] << 8) | u8[at + 5];
  const stations = listener.stations;
  for (let i = 0; i < stations.length; i++) {
    const station = stations[i];
    if (station.macHigh === high && station.macLow === low && station.vlanKey === record.vlanKey) return true;
  }
  return false;
}
