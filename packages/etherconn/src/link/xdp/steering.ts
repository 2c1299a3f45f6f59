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
  readonly #touched = new Set<Entry>();

  /** Endpoints that are wanted. */
  get size(): number {
    return this.#entries.size;
  }

  add(stations: readonly Station[]): void {
    for (const station of stations) {
      if (station.etherTypes.length === 0) continue;
      const entry = this.#entry(station);
      for (const etherType of station.etherTypes) {
        const place = entry.etherTypes.indexOf(etherType);
        if (place >= 0) entry.counts[place]++;
        else entry.counts[entry.etherTypes.push(etherType) - 1] = 1;
      }
      this.#touched.add(entry);
    }
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
      this.#touched.add(entry);
    }
  }

  /** Nothing is wanted any more. */
  clear(): void {
    for (const entry of this.#entries.values()) {
      entry.etherTypes.length = 0;
      this.#touched.add(entry);
    }
    this.#entries.clear();
  }

  /** What has changed since the last call, for the given queues. */
  takeChanges(queues: bigint): EncodedEndpoints {
    // An endpoint that went and came back within one batch has two entries: the one that is there now counts.
    const changed = [...this.#touched].filter(
      (entry) => entry.etherTypes.length > 0 || !this.#entries.has(entry.key),
    );
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
