import { OptionError } from '../errors.ts';
import { requireArray, requireInteger, show } from '../options.ts';
import { readU16 } from '../wire/bytes.ts';
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts';
import { formatMac, isGroupMac, macHigh, macLow, parseMac } from '../wire/mac.ts';
import { formatVlanKey, VLAN_ID_MAX, VLAN_TAG_LENGTH, vlanKey } from '../wire/vlan.ts';

/** A MAC address as an argument: text ('02:00:00:00:00:01') or 6 bytes. */
export type MacAddress = string | Uint8Array;

/** The bytes of a MAC address; throws an OptionError naming `option` when it is none. */
export function toMac(option: string, mac: MacAddress): Uint8Array {
  if (typeof mac === 'string') return parseMac(mac, option);
  if (!(mac instanceof Uint8Array) || mac.length !== 6) {
    throw new OptionError(option, `must be a MAC address: text or 6 bytes, got ${show(mac)}`);
  }
  return new Uint8Array(mac);
}

/**
 * Identifies a layer 2 endpoint to a relay: MAC address, innermost EtherType and VLAN ids.
 * Without tags it is 8 bytes, as in Go (MAC address, EtherType in big endian); each VLAN id adds 2 bytes between
 * the two, outermost first.
 */
export class L2EndpointKey {
  /** First 4 bytes of the MAC address, unsigned. */
  readonly macHigh: number;
  /** Last 2 bytes of the MAC address. */
  readonly macLow: number;
  readonly etherType: number;
  /** VLANs as one integer, see `vlanKey()`. */
  readonly vlanKey: number;

  constructor(high: number, low: number, etherType: number, vlans: number) {
    this.macHigh = high;
    this.macLow = low;
    this.etherType = etherType;
    this.vlanKey = vlans;
  }

  /** Creates a key. Throws an OptionError for a group MAC address, an EtherType below 0x0600 or more than two VLANs. */
  static of(mac: MacAddress, etherType: number, vlans: readonly number[] = []): L2EndpointKey {
    const bytes = toMac('mac', mac);
    if (isGroupMac(bytes, 0)) {
      throw new OptionError(
        'mac',
        `must be a unicast address, got ${formatMac(bytes)}; group frames come with multicast: true`,
      );
    }
    checkEtherType(etherType);
    return new L2EndpointKey(macHigh(bytes, 0), macLow(bytes, 0), etherType, toVlanKey(vlans));
  }

  get bytes(): Uint8Array {
    const vids = vlanIds(this.vlanKey);
    const bytes = new Uint8Array(8 + 2 * vids.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.macHigh);
    view.setUint16(4, this.macLow);
    for (const [i, vid] of vids.entries()) view.setUint16(6 + 2 * i, vid);
    view.setUint16(bytes.length - 2, this.etherType);
    return bytes;
  }

  equals(other: L2EndpointKey): boolean {
    return (
      other instanceof L2EndpointKey &&
      this.macHigh === other.macHigh &&
      this.macLow === other.macLow &&
      this.etherType === other.etherType &&
      this.vlanKey === other.vlanKey
    );
  }

  /** '02:00:00:00:00:01#0x0800', with VLANs '02:00:00:00:00:01|100|200#0x0800'; tags beyond two as '+1'. */
  toString(): string {
    const vlans = this.vlanKey === 0 ? '' : `|${formatVlanKey(this.vlanKey).replace('.', '|')}`;
    return `${formatMac(this.bytes)}${vlans}#0x${this.etherType.toString(16).padStart(4, '0')}`;
  }
}

/** One side of a frame: a MAC address, the innermost EtherType and the VLAN ids (outermost first). */
export class L2Endpoint {
  readonly hwAddr: Uint8Array;
  readonly ethernetType: number;
  readonly vlans: readonly number[];

  /** Accepts every MAC address, including group addresses, which may be the destination of a frame. */
  constructor(hwAddr: MacAddress, ethernetType: number, vlans: readonly number[] = []) {
    this.hwAddr = toMac('hwAddr', hwAddr);
    this.ethernetType = requireInteger('ethernetType', ethernetType, 0, 0xffff);
    requireArray('vlans', vlans);
    this.vlans = vlans.length === 0 ? NO_VLANS : Object.freeze([...vlans]);
  }

  /** The key to register it. The key of an endpoint with more than two VLANs matches no registration. */
  getKey(): L2EndpointKey {
    return new L2EndpointKey(
      macHigh(this.hwAddr),
      macLow(this.hwAddr),
      this.ethernetType,
      vlanKey(this.vlans),
    );
  }

  /** Always 'l2ep'. */
  network(): string {
    return 'l2ep';
  }

  /** 'l2ep&' and the text of the key. */
  toString(): string {
    return `${this.network()}&${this.getKey()}`;
  }
}

/** VLAN ids of a key, outermost first; two at the most. */
export function vlanIds(key: number): number[] {
  const depth = key >>> 24;
  if (depth === 0) return [];
  return depth === 1 ? [key & 0xfff] : [(key >>> 12) & 0xfff, key & 0xfff];
}

export function checkEtherType(etherType: number, option = 'etherType'): void {
  if (!Number.isInteger(etherType) || etherType < 0x0600 || etherType > 0xffff) {
    throw new OptionError(option, `must be an integer from 0x0600 to 0xffff, got ${show(etherType)}`);
  }
}

const NO_VLANS: readonly number[] = Object.freeze([]);

/** All VLAN ids of a frame at `start` of `u8` that has `count` tags, outermost first. */
export function frameVlans(u8: Uint8Array, start: number, count: number): readonly number[] {
  if (count === 0) return NO_VLANS;
  const vlans: number[] = [];
  for (let at = start + ETHERNET_HEADER_LENGTH; vlans.length < count; at += VLAN_TAG_LENGTH) {
    vlans.push(readU16(u8, at) & 0xfff);
  }
  return vlans;
}

function toVlanKey(vlans: readonly number[]): number {
  requireArray('vlans', vlans);
  if (vlans.length > 2) throw new OptionError('vlans', `at most two tags make a key, got ${vlans.length}`);
  for (const id of vlans) {
    if (!Number.isInteger(id) || id < 0 || id > VLAN_ID_MAX) {
      throw new OptionError('vlans', `must be ids from 0 to ${VLAN_ID_MAX}, got ${show(id)}`);
    }
  }
  return vlanKey(vlans);
}
