import type { Station } from '../link.ts';
import { ENDPOINT_KEY_SIZE, ENDPOINT_SIZE, writeEndpoint, writeEndpointKey } from './steer-maps.ts';

/** One (MAC address, VLANs) and how often each of its EtherTypes is wanted. */
interface Entry {
  readonly key: string;
  readonly macHigh: number;
  readonly macLow: number;
  readonly vlanKey: number;
  readonly etherTypes: number[];
  readonly counts: number[];
}

/** Keys and wishes for the map of endpoints: struct endpoint_key and struct endpoint, one after the other. */
export interface EncodedEndpoints {
  readonly keys: Uint8Array;
  readonly wishes: Uint8Array;
}

/**
 * What this thread wants of each endpoint. Several registrations may share a (MAC address, VLANs): ARP by one conn,
 * IPv4 by another, the same key by its next owner before the last has gone. So each EtherType is counted.
 */
export class Steering {
  readonly #entries = new Map<string, Entry>();
  /** Changed since the last `takeChanges`, by key: one that went and came back is only there as what it is now. */
  readonly #touched = new Map<string, Entry>();
  /** Stations that are counted already, and how often they are still to be added. */
  readonly #admitted = new Map<Station, number>();

  /** Endpoints that are wanted. */
  get size(): number {
    return this.#entries.size;
  }

  /** Counts stations that `add` is to bring later, as the same objects. */
  admit(stations: readonly Station[]): void {
    for (const station of stations) {
      this.#count(station);
      this.#admitted.set(station, (this.#admitted.get(station) ?? 0) + 1);
    }
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
    for (const [station, times] of this.#admitted) {
      for (let i = 0; i < times; i++) this.remove([station]);
    }
    this.#admitted.clear();
  }

  /** Stations that were never added are passed over. */
  remove(stations: readonly Station[]): void {
    for (const station of stations) {
      const entry = this.#entries.get(keyOf(station));
      if (entry === undefined) continue;
      for (const etherType of station.etherTypes) {
        const place = entry.etherTypes.indexOf(etherType);
        if (place < 0 || --entry.counts[place] > 0) continue;
        entry.etherTypes.splice(place, 1);
        entry.counts.splice(place, 1);
      }
      if (entry.etherTypes.length === 0) this.#entries.delete(entry.key);
      this.#touched.set(entry.key, entry);
    }
  }

  /** Nothing is wanted any more. */
  clear(): void {
    for (const entry of this.#entries.values()) {
      entry.etherTypes.length = 0;
      this.#touched.set(entry.key, entry);
    }
    this.#entries.clear();
    this.#admitted.clear();
  }

  /** What has changed since the last call, for the given queues. */
  takeChanges(queues: bigint): EncodedEndpoints {
    const changed = [...this.#touched.values()];
    this.#touched.clear();
    const keys = new Uint8Array(changed.length * ENDPOINT_KEY_SIZE);
    const wishes = new Uint8Array(changed.length * ENDPOINT_SIZE);
    const keyView = new DataView(keys.buffer);
    const wishView = new DataView(wishes.buffer);
    for (const [i, entry] of changed.entries()) {
      writeEndpointKey(keyView, i * ENDPOINT_KEY_SIZE, entry);
      writeEndpoint(wishView, i * ENDPOINT_SIZE, entry.etherTypes, queues);
    }
    return { keys, wishes };
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
    const entry = this.#entry(station);
    for (const etherType of station.etherTypes) {
      const place = entry.etherTypes.indexOf(etherType);
      if (place >= 0) entry.counts[place]++;
      else entry.counts[entry.etherTypes.push(etherType) - 1] = 1;
    }
    this.#touched.set(entry.key, entry);
  }

  #entry(station: Station): Entry {
    const key = keyOf(station);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const { macHigh, macLow, vlanKey } = station;
      entry = { key, macHigh, macLow, vlanKey, etherTypes: [], counts: [] };
      this.#entries.set(key, entry);
    }
    return entry;
  }
}

function keyOf({ macHigh, macLow, vlanKey }: Station): string {
  return `${macHigh} ${macLow} ${vlanKey}`;
}
