import { readU32 } from '../../wire/bytes.ts';
import { EtherType } from '../../wire/ethertype.ts';
import { ipv4MulticastMac, ipv6MulticastMac } from '../../wire/mac.ts';
import type { Addresses } from '../ip/addresses.ts';

/** What {@link GroupSelection} needs of the Ethernet side of a host. */
export interface SelectingEthernet {
  /** See `Relay.selectGroups`. */
  selectGroups(etherType: number, selectors: readonly number[] | null): void;
  /** See `Relay.selectGroup`. */
  selectGroup(etherType: number, selector: number, isWanted: boolean): void;
}

/** Selectors of 224.0.0.1 and ff02::1, see {@link groupSelectorOf}. Every host listens to them. */
const ALL_HOSTS4 = 0x5e000001;
const ALL_NODES6 = 1;

/**
 * Tells the relay which group frames a host wants: ARP requests for its addresses, and multicasts to its groups. So a
 * frame for one host is not offered to a thousand hosts on the same relay.
 */
export class GroupSelection {
  readonly #ethernet: SelectingEthernet;
  readonly #addresses: Addresses;
  /** Number of joins of each selector, by IP version. Created with the first join. */
  #counts4: Map<number, number> | null = null;
  #counts6: Map<number, number> | null = null;

  constructor(ethernet: SelectingEthernet, addresses: Addresses) {
    this.#ethernet = ethernet;
    this.#addresses = addresses;
    ethernet.selectGroup(EtherType.IPV4, ALL_HOSTS4, true);
    ethernet.selectGroup(EtherType.IPV6, ALL_NODES6, true);
  }

  addressesChanged(): void {
    const v4 = this.#addresses.list.filter((own) => own.version === 4);
    this.#ethernet.selectGroups(
      EtherType.ARP,
      v4.map((own) => readU32(own.address, 0)),
    );
  }

  /** A group (4 or 16 bytes) has one more member (1), or one less (-1). */
  groupChanged(group: Uint8Array, change: 1 | -1): void {
    const isV4 = group.length === 4;
    const counts = isV4 ? this.#joined4() : this.#joined6();
    const selector = groupSelectorOf(group);
    const count = (counts.get(selector) ?? 0) + change;
    if (count > 0) counts.set(selector, count);
    else counts.delete(selector);
    if (count > 1 || (count === 1 && change === -1)) return;
    this.#ethernet.selectGroup(isV4 ? EtherType.IPV4 : EtherType.IPV6, selector, change === 1);
  }

  #joined4(): Map<number, number> {
    this.#counts4 ??= new Map([[ALL_HOSTS4, 1]]);
    return this.#counts4;
  }

  #joined6(): Map<number, number> {
    this.#counts6 ??= new Map([[ALL_NODES6, 1]]);
    return this.#counts6;
  }
}

/** The selector by which the relay tells frames of a group (4 or 16 bytes): the last 4 bytes of its MAC address. */
export function groupSelectorOf(group: Uint8Array): number {
  const mac = group.length === 4 ? ipv4MulticastMac(group) : ipv6MulticastMac(group);
  return readU32(mac, 2) | 0;
}
