import { InUseError, OptionError } from '../errors.ts';
import type { Station } from '../link/link.ts';
import { EtherType } from '../wire/ethertype.ts';
import type { BatchTaker } from './batch-store.ts';
import { EndpointTable } from './endpoint-table.ts';
import { GroupListeners } from './group-listeners.ts';
import { L2EndpointKey } from './l2-endpoint.ts';
import { type RegistrationCloser, type RegistrationRole, RelayRegistration } from './registration.ts';
import type { TakerLists } from './taker-lists.ts';
import { UdpEntries, type UdpEntry } from './udp-entries.ts';
import { type UdpEntryOptions, UdpFront } from './udp-front.ts';

/** Ids are generation × 2^24 + place, so an id of the past never names a registration of today. */
const ID_PLACES = 2 ** 24;

/** A key that has changed hands. */
export interface ReplacedKey {
  readonly key: L2EndpointKey;
  readonly old: RelayRegistration;
}

/** The registrations of a relay and their keys. It only records them; the relay notifies their owners. */
export class Registry {
  /** (MAC, VLANs, EtherType) → place. */
  readonly table: EndpointTable = new EndpointTable();
  readonly listeners: GroupListeners = new GroupListeners();
  readonly front: UdpFront;
  /** By place; null where one is free. */
  readonly places: (RelayRegistration | null)[] = [];
  // New lists instead of changed ones: a batch under way goes on with the list it has.
  defaults: readonly RelayRegistration[] = [];
  mirrors: readonly RelayRegistration[] = [];
  readonly #closer: RegistrationCloser;
  readonly #free: number[] = [];
  #generation = 0;

  constructor(closer: RegistrationCloser, lists: TakerLists<BatchTaker>) {
    this.#closer = closer;
    this.front = new UdpFront(lists);
  }

  /** Registrations now. */
  get size(): number {
    return this.places.length - this.#free.length;
  }

  /** Whether everything on the wire is wanted. */
  get wantsAll(): boolean {
    return this.defaults.length > 0 || this.mirrors.length > 0;
  }

  find(id: number): RelayRegistration | undefined {
    const registration = this.places[id % ID_PLACES];
    return registration?.id === id ? registration : undefined;
  }

  /** Throws InUseError when a key of these stations is taken. */
  checkFree(stations: readonly Station[]): void {
    for (const { macHigh, macLow, vlanKey, etherTypes } of stations) {
      for (const etherType of etherTypes) {
        if (this.table.get(macHigh, macLow, vlanKey, etherType) >= 0) {
          throw new InUseError(new L2EndpointKey(macHigh, macLow, etherType, vlanKey).toString());
        }
      }
    }
  }

  /** Makes a registration of a role; for an endpoint, its keys are still to be claimed. */
  add(
    role: RegistrationRole,
    multicast: boolean,
    etherTypes: readonly number[] | null,
    stations: readonly Station[],
  ): RelayRegistration {
    const index = this.#free.pop() ?? this.places.length;
    const id = ++this.#generation * ID_PLACES + index;
    const registration = new RelayRegistration(
      this.#closer,
      id,
      index,
      role,
      multicast,
      etherTypes,
      stations,
    );
    this.places[index] = registration;
    if (role === 'default') this.defaults = [...this.defaults, registration];
    else if (role === 'mirror') this.mirrors = [...this.mirrors, registration];
    return registration;
  }

  /** Gives all keys of its stations to a registration; returns those that others had. */
  claim(registration: RelayRegistration, selecting: boolean): ReplacedKey[] {
    const replaced: ReplacedKey[] = [];
    for (const { macHigh, macLow, vlanKey, etherTypes } of registration.stations) {
      for (const etherType of etherTypes) {
        const previous = this.table.set(macHigh, macLow, vlanKey, etherType, registration.index);
        if (registration.multicast) this.listeners.add(registration, vlanKey, etherType, selecting);
        if (previous < 0 || previous === registration.index) continue;
        const old = this.places[previous]!;
        const key = new L2EndpointKey(macHigh, macLow, etherType, vlanKey);
        old.lost = [...(old.lost ?? []), key];
        // All of its stations have one address, or none in the front.
        if (etherType === EtherType.IPV4 || etherType === EtherType.IPV6) this.#closeEntries(old);
        if (old.multicast && !this.#stillListens(old, vlanKey, etherType))
          this.listeners.delete(old, vlanKey, etherType);
        replaced.push({ key, old });
      }
    }
    return replaced;
  }

  /** See `Relay.selectGroups`. */
  selectGroups(
    registration: RelayRegistration,
    etherType: number,
    selectors: readonly number[] | null,
  ): void {
    for (const { vlanKey, etherTypes } of registration.stations) {
      if (etherTypes.includes(etherType))
        this.listeners.get(vlanKey, etherType)?.select(registration, selectors);
    }
  }

  /** See `Relay.selectGroup`. */
  selectGroup(registration: RelayRegistration, etherType: number, selector: number, isWanted: boolean): void {
    for (const { vlanKey, etherTypes } of registration.stations) {
      if (etherTypes.includes(etherType))
        this.listeners.get(vlanKey, etherType)?.change(registration, selector, isWanted);
    }
  }

  /** See `Relay.listenToPort`. */
  listenToPort(registration: RelayRegistration, port: number, listens: boolean): void {
    for (const { vlanKey } of registration.stations)
      this.listeners.get(vlanKey, EtherType.IPV4)?.changePort(registration, port, listens);
  }

  /** A key that somebody else has taken over is his now, and stays. */
  remove(registration: RelayRegistration): void {
    this.places[registration.index] = null;
    this.#closeEntries(registration);
    this.#free.push(registration.index);
    if (registration.role !== 'endpoint') {
      this.defaults = without(this.defaults, registration);
      this.mirrors = without(this.mirrors, registration);
      return;
    }
    for (const { macHigh, macLow, vlanKey, etherTypes } of registration.stations) {
      for (const etherType of etherTypes) {
        if (this.table.get(macHigh, macLow, vlanKey, etherType) === registration.index) {
          this.table.delete(macHigh, macLow, vlanKey, etherType);
        }
        if (registration.multicast) this.listeners.delete(registration, vlanKey, etherType);
      }
    }
  }

  /**
   * Gives the datagrams for an address and port of a registration's station to a list. Null where they have to go through
   * the layers: the station has passed to another registration, somebody else has the key, or the front is off.
   */
  openUdp(
    registration: RelayRegistration,
    address: Uint8Array,
    port: number,
    options: UdpEntryOptions,
  ): UdpEntry | null {
    const [station] = registration.stations;
    const { macHigh, macLow, vlanKey } = station;
    const etherType = address.length === 4 ? EtherType.IPV4 : EtherType.IPV6;
    if (this.table.get(macHigh, macLow, vlanKey, etherType) !== registration.index) return null;
    registration.entries ??= new UdpEntries();
    return this.front.open({ macHigh, macLow, vlanKey, address, port }, options, registration.entries);
  }

  #closeEntries(registration: RelayRegistration): void {
    registration.entries?.closeAll();
  }

  /** Whether a registration keeps another key of the same VLANs and EtherType. */
  #stillListens(registration: RelayRegistration, vlanKey: number, etherType: number): boolean {
    return registration.stations.some(
      (station) =>
        station.vlanKey === vlanKey &&
        station.etherTypes.includes(etherType) &&
        this.table.get(station.macHigh, station.macLow, vlanKey, etherType) === registration.index,
    );
  }
}

/** Keys of one MAC address and VLANs make one station. Throws an OptionError when there is no key. */
export function stationsOf(keys: readonly L2EndpointKey[]): Station[] {
  if (!Array.isArray(keys) || keys.length === 0) {
    throw new OptionError('keys', 'must be an array of at least one L2EndpointKey');
  }
  const stations: { macHigh: number; macLow: number; vlanKey: number; etherTypes: number[] }[] = [];
  // By MAC address, as one number of 48 bits: there may be a million.
  const ofMac = new Map<number, typeof stations>();
  for (const key of keys) {
    if (!(key instanceof L2EndpointKey)) throw new OptionError('keys', 'must be L2EndpointKeys');
    const { macHigh, macLow, vlanKey, etherType } = key;
    const mac = macHigh * 0x1_0000 + macLow;
    const same = ofMac.get(mac);
    const station = same?.find((each) => each.vlanKey === vlanKey);
    if (station !== undefined) {
      if (!station.etherTypes.includes(etherType)) station.etherTypes.push(etherType);
      continue;
    }
    const added = { macHigh, macLow, vlanKey, etherTypes: [etherType] };
    stations.push(added);
    if (same === undefined) ofMac.set(mac, [added]);
    else same.push(added);
  }
  return stations;
}

function without<T>(list: readonly T[], item: T): readonly T[] {
  return list.includes(item) ? list.filter((other) => other !== item) : list;
}
