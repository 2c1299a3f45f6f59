import { OpenTable } from '../../open-table.ts';
import type { Station } from '../link.ts';
import {
  ENDPOINT_ETHER_TYPES,
  ENDPOINT_KEY_SIZE,
  ENDPOINT_SIZE,
  writeEndpoint,
  writeEndpointKey,
} from './steer-maps.ts';

/** Words of a key: MAC address (4 bytes, 2 bytes) and VLANs. */
const KEY_WORDS = 3;
const SLOTS: number = ENDPOINT_ETHER_TYPES;
const FIRST_PLACES = 16;

/** Keys and wishes for the map of endpoints: struct endpoint_key and struct endpoint, one after the other. */
export class EncodedEndpoints {
  readonly keys: Uint8Array;
  readonly wishes: Uint8Array;
  readonly keyView: DataView;
  readonly wishView: DataView;

  constructor(count: number) {
    this.keys = new Uint8Array(count * ENDPOINT_KEY_SIZE);
    this.wishes = new Uint8Array(count * ENDPOINT_SIZE);
    this.keyView = new DataView(this.keys.buffer);
    this.wishView = new DataView(this.wishes.buffer);
  }
}

const NO_CHANGES: EncodedEndpoints = new EncodedEndpoints(0);

/** (MAC address, VLANs) → place. */
class StationTable extends OpenTable {
  readonly #key = new Int32Array(KEY_WORDS);

  constructor() {
    super(KEY_WORDS, 2);
  }

  get({ macHigh, macLow, vlanKey }: Key): number {
    return this.lookUp(this.#words(macHigh, macLow, vlanKey));
  }

  set({ macHigh, macLow, vlanKey }: Key, place: number): void {
    this.put(this.#words(macHigh, macLow, vlanKey), place);
  }

  delete(macHigh: number, macLow: number, vlanKey: number): void {
    this.remove(this.#words(macHigh, macLow, vlanKey));
  }

  #words(macHigh: number, macLow: number, vlanKey: number): Int32Array {
    this.#key[0] = macHigh;
    this.#key[1] = macLow;
    this.#key[2] = vlanKey;
    return this.#key;
  }
}

type Key = Pick<Station, 'macHigh' | 'macLow' | 'vlanKey'>;

/**
 * What this thread wants of each endpoint. Several registrations may share a (MAC address, VLANs): ARP by one conn,
 * IPv4 by another, the same key by its next owner before the last has gone. So each EtherType is counted.
 *
 * There may be a hundred thousand endpoints and more, so each is a place in typed arrays, of about 100 bytes, and no object.
 */
export class Steering {
  readonly #table = new StationTable();
  /** By place: the key; up to six EtherTypes, and how often each is wanted (0: the slot is free). */
  #keys = new Uint32Array(FIRST_PLACES * KEY_WORDS);
  #types = new Uint16Array(FIRST_PLACES * SLOTS);
  #counts = new Uint32Array(FIRST_PLACES * SLOTS);
  /** By place: whether it is among `#changed`. */
  #isChanged = new Uint8Array(FIRST_PLACES);
  /** How often the EtherTypes that found no slot are wanted, of the few endpoints with more than six. */
  readonly #more = new Map<number, Map<number, number>>();
  #used = 0;
  readonly #free: number[] = [];
  /** Places changed since the last `takeChanges`: one that went and came back is only there as what it is now. */
  #changed: number[] = [];
  #size = 0;
  /** Stations that are counted already, and how often they are still to be added. */
  readonly #admitted = new Map<Station, number>();
  /** MAC address that is steered in no VLAN, whoever wants it. */
  #withheldHigh = -1;
  #withheldLow = -1;
  /** One change at a time is the rule: its encoding is made once. */
  readonly #one = new EncodedEndpoints(1);
  /** The queues asked for last, and their halves. */
  #queues = 0n;
  #queuesLow = 0;
  #queuesHigh = 0;

  /** Endpoints that are wanted. */
  get size(): number {
    return this.#size;
  }

  /** Counts stations that `add` is to bring later, as the same objects. */
  admit(stations: readonly Station[]): void {
    for (const station of stations) {
      this.#count(station);
      this.#admitted.set(station, (this.#admitted.get(station) ?? 0) + 1);
    }
  }

  /** Whether a station is yet to be added. */
  hasAdmitted(station: Station): boolean {
    return this.#admitted.has(station);
  }

  /** The stations that were admitted last are not to come. */
  refuse(stations: readonly Station[]): void {
    for (const station of stations) this.#isAdmitted(station);
    this.remove(stations);
  }

  add(stations: readonly Station[]): void {
    for (const station of stations) if (!this.#isAdmitted(station)) this.#count(station);
  }

  /** What was admitted and has not been added is given up. */
  forgetAdmitted(): void {
    if (this.#admitted.size === 0) return;
    for (const [station, times] of this.#admitted) {
      for (let i = 0; i < times; i++) this.#uncount(station);
    }
    this.#admitted.clear();
  }

  /** Stations that were never added are passed over. */
  remove(stations: readonly Station[]): void {
    for (const station of stations) this.#uncount(station);
  }

  /** Nothing is wanted any more. */
  clear(): void {
    for (let place = 0; place < this.#used; place++) {
      if (!this.#isWanted(place)) continue;
      this.#counts.fill(0, place * SLOTS, (place + 1) * SLOTS);
      this.#change(place);
    }
    this.#more.clear();
    this.#admitted.clear();
    this.#size = 0;
  }

  /**
   * Keeps a MAC address out of the map, in all VLANs, whoever wants it, in place of the one that was kept out before.
   * For the interface's own, which may change.
   */
  withhold(macHigh: number, macLow: number): void {
    const [highBefore, lowBefore] = [this.#withheldHigh, this.#withheldLow];
    this.#withheldHigh = macHigh;
    this.#withheldLow = macLow;
    for (let place = 0; place < this.#used; place++) {
      if (!this.#isWanted(place)) continue;
      const high = this.#keys[place * KEY_WORDS];
      const low = this.#keys[place * KEY_WORDS + 1];
      const concerned = (high === macHigh && low === macLow) || (high === highBefore && low === lowBefore);
      if (concerned) this.#change(place);
    }
  }

  /**
   * What has changed since the last call, for the given queues; good until the next call. Endpoints that go come first,
   * to make room.
   */
  takeChanges(queues: bigint): EncodedEndpoints {
    const count = this.#changed.length;
    if (count === 0) return NO_CHANGES;
    if (queues !== this.#queues) {
      this.#queues = queues;
      this.#queuesLow = Number(queues & 0xffffffffn);
      this.#queuesHigh = Number(queues >> 32n);
    }
    const changes = count === 1 ? this.#one : new EncodedEndpoints(count);
    if (count === 1) {
      changes.wishes.fill(0);
      this.#encode(changes, 0, this.#changed.pop()!);
      return changes;
    }
    const going: number[] = [];
    const staying: number[] = [];
    for (const place of this.#changed) (this.#isSteered(place) ? staying : going).push(place);
    this.#changed = [];
    let at = 0;
    for (const place of going) this.#encode(changes, at++, place);
    for (const place of staying) this.#encode(changes, at++, place);
    return changes;
  }

  #encode({ keyView, wishView }: EncodedEndpoints, index: number, place: number): void {
    this.#writeKey(keyView, index, place);
    this.#isChanged[place] = 0;
    if (!this.#isWanted(place)) {
      this.#release(place);
    } else if (this.#isSteered(place)) {
      // What found no slot is the seventh.
      const types = this.#more.has(place) ? null : this.#wanted(place);
      const offset = index * ENDPOINT_SIZE;
      writeEndpoint(wishView, offset, types, this.#wantedCount, this.#queuesLow, this.#queuesHigh);
    }
  }

  /** EtherTypes of the place that was asked for last. */
  readonly #wantedTypes = new Uint16Array(SLOTS);
  #wantedCount = 0;

  #wanted(place: number): Uint16Array {
    this.#wantedCount = 0;
    for (let slot = place * SLOTS; slot < (place + 1) * SLOTS; slot++) {
      if (this.#counts[slot] > 0) this.#wantedTypes[this.#wantedCount++] = this.#types[slot];
    }
    return this.#wantedTypes;
  }

  #writeKey(view: DataView, index: number, place: number): void {
    const at = place * KEY_WORDS;
    const keys = this.#keys;
    writeEndpointKey(view, index * ENDPOINT_KEY_SIZE, keys[at], keys[at + 1], keys[at + 2]);
  }

  #isWanted(place: number): boolean {
    for (let slot = place * SLOTS; slot < (place + 1) * SLOTS; slot++)
      if (this.#counts[slot] > 0) return true;
    return false;
  }

  #isSteered(place: number): boolean {
    const at = place * KEY_WORDS;
    const withheld = this.#keys[at] === this.#withheldHigh && this.#keys[at + 1] === this.#withheldLow;
    return !withheld && this.#isWanted(place);
  }

  #isAdmitted(station: Station): boolean {
    const times = this.#admitted.get(station);
    if (times === undefined) return false;
    if (times > 1) this.#admitted.set(station, times - 1);
    else this.#admitted.delete(station);
    return true;
  }

  #count(station: Station): void {
    if (station.etherTypes.length === 0) return;
    let place = this.#table.get(station);
    if (place < 0) {
      place = this.#take();
      this.#table.set(station, place);
      this.#keys[place * KEY_WORDS] = station.macHigh;
      this.#keys[place * KEY_WORDS + 1] = station.macLow;
      this.#keys[place * KEY_WORDS + 2] = station.vlanKey;
    }
    if (!this.#isWanted(place)) this.#size++;
    for (const etherType of station.etherTypes) this.#countType(place, etherType);
    this.#change(place);
  }

  #countType(place: number, etherType: number): void {
    const first = place * SLOTS;
    const types = this.#types;
    const counts = this.#counts;
    let free = -1;
    for (let slot = first + SLOTS - 1; slot >= first; slot--) {
      if (counts[slot] === 0) free = slot;
      else if (types[slot] === etherType) {
        counts[slot]++;
        return;
      }
    }
    if (free >= 0) {
      types[free] = etherType;
      counts[free] = 1;
      return;
    }
    const more = this.#more.get(place) ?? new Map<number, number>();
    this.#more.set(place, more);
    more.set(etherType, (more.get(etherType) ?? 0) + 1);
  }

  #uncount(station: Station): void {
    const place = this.#table.get(station);
    if (place < 0 || !this.#isWanted(place)) return;
    for (const etherType of station.etherTypes) this.#uncountType(place, etherType);
    if (!this.#isWanted(place)) this.#size--;
    this.#change(place);
  }

  #uncountType(place: number, etherType: number): void {
    const more = this.#more.get(place);
    const times = more?.get(etherType) ?? 0;
    if (more !== undefined && times > 0) {
      if (times > 1) more.set(etherType, times - 1);
      else more.delete(etherType);
      if (more.size === 0) this.#more.delete(place);
      return;
    }
    for (let slot = place * SLOTS; slot < (place + 1) * SLOTS; slot++) {
      if (this.#counts[slot] === 0 || this.#types[slot] !== etherType) continue;
      if (--this.#counts[slot] === 0 && more !== undefined) this.#moveUp(place, slot, more);
      return;
    }
  }

  /** Gives a slot that has become free to an EtherType that had found none. */
  #moveUp(place: number, slot: number, more: Map<number, number>): void {
    const [etherType, times] = more.entries().next().value!;
    this.#types[slot] = etherType;
    this.#counts[slot] = times;
    more.delete(etherType);
    if (more.size === 0) this.#more.delete(place);
  }

  #change(place: number): void {
    if (this.#isChanged[place] !== 0) return;
    this.#isChanged[place] = 1;
    this.#changed.push(place);
  }

  #take(): number {
    const place = this.#free.pop();
    if (place !== undefined) return place;
    if (this.#used === this.#isChanged.length) this.#grow();
    return this.#used++;
  }

  #release(place: number): void {
    const at = place * KEY_WORDS;
    this.#table.delete(this.#keys[at], this.#keys[at + 1], this.#keys[at + 2]);
    this.#free.push(place);
  }

  #grow(): void {
    const places = this.#isChanged.length + (this.#isChanged.length >> 1);
    this.#keys = enlarged(this.#keys, new Uint32Array(places * KEY_WORDS));
    this.#types = enlarged(this.#types, new Uint16Array(places * SLOTS));
    this.#counts = enlarged(this.#counts, new Uint32Array(places * SLOTS));
    this.#isChanged = enlarged(this.#isChanged, new Uint8Array(places));
  }
}

function enlarged<T extends Uint8Array | Uint16Array | Uint32Array>(old: T, array: T): T {
  array.set(old);
  return array;
}
